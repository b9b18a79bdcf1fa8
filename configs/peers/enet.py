# ENet (Paszke et al. 2016, arXiv:1606.02147): its encoder for both gases, its decoder
# per gas, which unpools to where that gas had its maxima. A PReLU has one slope, in the
# paper one per channel. Added: a health head on both gases' pooled encoder maps.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/schedules/fume.py',
    '../_base_/default_runtime.py',
]
channels = 128  # of the encoder's map
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    backbone=dict(
        type='DualStreamBackbone', shared=True, encoder=dict(type='ENetEncoder')
    ),
    neck=dict(type='StackFusion', in_channels=channels),
    decode_head=dict(type='ENetHead'),
    health_head=dict(
        type='HealthHead',
        in_channels=2 * channels,  # both gases
        hidden_channels=(256,),
    ),
)
