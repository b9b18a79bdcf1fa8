# FUME on Fast-SCNN without attention (arXiv 2601.08205): concatenation, one hidden
# layer. 1,278,681 parameters, the count of the paper's headline row "FUME".
_base_ = './fume_fastscnn.py'
model = dict(
    neck=dict(type='ConcatFusion'),
    health_head=dict(hidden_channels=(256,)),
)
