# FUME (arXiv 2601.08205) on EfficientNet-Lite0 with ImageNet's weights, beyond the
# original: see the model's own file.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/fume_efficientnet_lite0.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
