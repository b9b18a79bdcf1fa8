# CarboFormer (Islam et al. 2025, arXiv:2506.05360) as its released config has it:
# Gasformer with three layers in each stage and, in training, an auxiliary head on the
# third stage, weighted 0.4. Its own count, 5.07 M parameters for one frame.
_base_ = './gasformer.py'
model = dict(
    backbone=dict(encoder=dict(num_layers=[3, 3, 3, 3])),
    auxiliary_head=dict(
        type='mmseg.FCNHead',
        in_channels=160,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        num_classes=3,
        norm_cfg=dict(type='SingleFrameBN', requires_grad=True),
        dropout_ratio=0.1,
        loss_decode=dict(_base_.model.decode_head.loss_decode, loss_weight=0.4),
    ),
)
