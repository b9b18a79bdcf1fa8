# FUMEFastSCNNNoAttention as the original implementation of arXiv 2601.08205 trains it,
# with the quirks of original_fastscnn and one more: the health head reads what the
# encoder makes of the black frame in a missing gas's place.
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
    backbone=dict(norm_per_gas=True),
    neck=dict(type='ConcatFusion'),
    health_head=dict(hidden_channels=(256,), loss=_base_.fume_published_loss),
)
