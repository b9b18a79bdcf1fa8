# FUMEFastSCNN with separate encoders as the original implementation of arXiv 2601.08205
# trains it, with the quirks of original_fastscnn but the second: separate encoders have
# batch statistics per gas anyway.
_base_ = [
    '../_base_/datasets/original.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/models/fume_published_loss.py',
    '../_base_/schedules/original.py',
    '../_base_/runtime/original.py',
]
model = dict(
    missing='black',
    black=-1.0,
    backbone=dict(shared=False),
    health_head=dict(loss=_base_.fume_published_loss),
)
