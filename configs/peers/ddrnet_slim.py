# DDRNet-23-slim (Hong et al. 2021, arXiv:2101.06085) of mmsegmentation's parts, one for
# both gases, with its head and auxiliary head (weighted 0.4, in training) per gas.
# Added: a health head on both gases' pooled maps.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
channels = 128  # of the encoder's map
loss = _base_.model.decode_head.loss_decode
model = dict(
    backbone=dict(
        type='DualStreamBackbone', shared=True, encoder=dict(type='DDRNetEncoder')
    ),
    neck=dict(type='StackFusion', in_channels=channels),
    decode_head=dict(
        type='DDRNetHead',
        in_channels=channels,
        loss_decode=[loss, dict(loss, loss_weight=0.4)],  # auxiliary as in the paper
    ),
    health_head=dict(
        in_channels=2 * channels,  # both gases
        hidden_channels=(256,),
    ),
)
