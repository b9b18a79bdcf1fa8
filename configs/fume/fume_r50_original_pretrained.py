# FUME on ResNet-50 as the original implementation of arXiv 2601.08205 lays it out and
# starts it: fume_r50_original from ImageNet weights, the first convolution being the
# mean of its three colours. Needs torchvision (pip install 'fume_mm[pretrained]') or,
# in `checkpoint`, a file with its weights.
_base_ = './fume_r50.py'
init_cfg = dict(
    type='GrayPretrained', checkpoint='torchvision://resnet50', colours='mean'
)
model = dict(
    backbone=dict(encoder=dict(init_cfg=init_cfg)),
    neck=dict(channels=2048),
    health_head=dict(in_channels=2048),
)
