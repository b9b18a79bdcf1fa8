# FUME on Fast-SCNN (arXiv 2601.08205): one encoder for both gases, attention fusion.
# 1,656,236 parameters; the paper's ablation row "+ full cross-modal attention".
# The objective is that of dual_gas.py, repeated: configs are at most three files deep.
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    backbone=dict(
        type='DualStreamBackbone', shared=True, encoder=dict(type='FastSCNNEncoder')
    ),
    neck=dict(type='AttentionFusion', in_channels=128),
    decode_head=dict(
        type='FastSCNNHead',
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
        in_channels=128,
        hidden_channels=(256, 128),
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
