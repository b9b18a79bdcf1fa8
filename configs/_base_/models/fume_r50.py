# FUME on ResNet-50 (arXiv 2601.08205): an encoder per gas, DeepLabV3+ heads.
# The fusion of the original works on 2048 channels and is more than half of its
# 175.2 M parameters. Here each gas is projected to 512 channels (1x1 convolution)
# before the fusion: 47.0 M encoders + 8.0 M projection and fusion + 33.6 M masks
# + 0.4 M health = 89 M, within the ~94 M that the founding document estimates.
# The objective is that of dual_gas.py, repeated: configs are at most three files deep.
channels = 512
norm_cfg = dict(type='SingleFrameBN', requires_grad=True)
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    backbone=dict(
        type='DualStreamBackbone',
        shared=False,
        recompute='on_cpu',  # keeps a batch of 8 at 640x480 under 10 GB
        encoder=dict(
            type='mmseg.ResNet',
            depth=50,
            in_channels=1,
            out_indices=(0, 1, 2, 3),
            norm_cfg=norm_cfg,
            norm_eval=False,
            zero_init_residual=False,  # torchvision's, as in the original
        ),
    ),
    neck=dict(type='AttentionFusion', in_channels=2048, channels=channels),
    decode_head=dict(
        type='DeepLabV3PlusHead',
        dropout_ratio=0.1,
        loss_decode=dict(
            type='FocalDiceLoss',
            focal_weight=0.5,
            dice_weight=0.5,
            gamma=2.0,
            smooth=1.0,
            class_weight=None,
            loss_weight=1.0,
        ),
    ),
    health_head=dict(
        type='HealthHead',
        in_channels=channels,
        hidden_channels=(512, 256),
        dropout=0.5,
        loss=dict(
            type='SoftmaxFocalLoss',
            gamma=2.0,
            class_weight='auto',
            loss_weight=1.0,
        ),
    ),
    seg_weight=1.0,
    health_weight=1.0,
)
