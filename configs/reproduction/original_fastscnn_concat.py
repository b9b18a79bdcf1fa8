# FUMEFastSCNNNoAttention as the original implementation of arXiv 2601.08205 trains it;
# all else as in fume_fastscnn here.
_base_ = './fume_fastscnn.py'
model = dict(
    neck=dict(type='ConcatFusion'),
    health_head=dict(hidden_channels=(256,)),
)
