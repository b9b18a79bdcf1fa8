# FUME on ResNet-50 (fume_r50) that starts from ImageNet weights, as the original does;
# the first convolution is the mean of its three colours. Needs torchvision
# (pip install 'fume_mm[pretrained]') or, in `checkpoint`, a file with its weights.
_base_ = './fume_r50.py'
init_cfg = dict(
    type='GrayPretrained', checkpoint='torchvision://resnet50', colours='mean'
)
model = dict(backbone=dict(encoder=dict(init_cfg=init_cfg)))
