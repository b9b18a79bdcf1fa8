# FUME on ResNet-50 (arXiv 2601.08205): an encoder per gas, attention fusion, a
# DeepLabV3+ head per gas, a health head. Each gas is projected to 512 channels before
# the fusion, which gives 89.0 M parameters; the founding document estimates ~94 M, and
# fume_r50_original has the layout of the original implementation.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/fume_r50.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
