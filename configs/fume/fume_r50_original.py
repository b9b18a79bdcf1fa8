# FUME on ResNet-50 as the original implementation of arXiv 2601.08205 lays it out
# (FUMEModel): fusion on 2048 channels, 175,209,388 parameters. Loads its checkpoints
# through tools/model_converters/fume_to_fume_mm.py.
_base_ = './fume_r50.py'
model = dict(
    neck=dict(channels=2048),
    health_head=dict(in_channels=2048),
)
