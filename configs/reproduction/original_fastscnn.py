# FUMEFastSCNN as the original implementation of arXiv 2601.08205 trains it.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
# each gas has batch statistics of its own in the shared encoder
model = dict(backbone=dict(norm_per_gas=True))
