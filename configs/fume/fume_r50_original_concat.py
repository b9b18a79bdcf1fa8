# FUME on ResNet-50 without attention as the original implementation of arXiv 2601.08205
# lays it out (FUMEModelNoAttention): concatenation on 2048 channels, 90,262,697
# parameters. All else as in fume_r50_original.
_base_ = './fume_r50.py'
model = dict(
    neck=dict(type='ConcatFusion', channels=2048, bias=True),
    health_head=dict(in_channels=2048),
)
