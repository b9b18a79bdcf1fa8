# FUME on ResNet-50 with one encoder for both gases as the original implementation of
# arXiv 2601.08205 lays it out (FUMEModelSharedEncoder): fusion on 2048 channels,
# 151,707,628 parameters. All else as in fume_r50_original.
_base_ = './fume_r50.py'
model = dict(
    backbone=dict(shared=True),
    neck=dict(channels=2048),
    health_head=dict(in_channels=2048),
)
