# ENet (Paszke et al. 2016, arXiv:1606.02147): its encoder for both gases, its decoder
# per gas, which unpools to where that gas had its maxima. A PReLU has one slope, in the
# paper one per channel. Added: a health head on both gases' pooled encoder maps.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
channels = 128  # of the encoder's map
model = dict(
    backbone=dict(
        type='DualStreamBackbone',
        shared=True,
        encoder=dict(type='ENetEncoder', dropout=(0.01, 0.1)),
    ),
    neck=dict(type='StackFusion', in_channels=channels),
    decode_head=dict(type='ENetHead', dropout=0.1, dropout_ratio=0.0),
    health_head=dict(
        in_channels=2 * channels,  # both gases
        hidden_channels=(256,),
    ),
)
