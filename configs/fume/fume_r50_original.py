# The layout of the original implementation: fusion on 2048 channels, 175,209,388
# parameters.
_base_ = './fume_r50.py'
model = dict(
    neck=dict(channels=2048),
    health_head=dict(in_channels=2048),
)
