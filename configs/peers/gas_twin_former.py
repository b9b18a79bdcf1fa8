# GasTwinFormer (Sarker et al. 2025, arXiv:2508.15057): its encoder for both gases, its
# decoder per gas, its classifier on both gases' pooled features. Trained with the
# project's losses; the paper's is Dice weighted by a Gaussian plume map.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/schedules/fume.py',
    '../_base_/default_runtime.py',
]
channels = 256  # of the deepest features
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    backbone=dict(
        type='DualStreamBackbone',
        shared=True,
        encoder=dict(type='GasTwinFormerEncoder'),
    ),
    neck=dict(type='StackFusion', in_channels=channels),
    decode_head=dict(type='AdaptiveLRASPPHead'),
    health_head=dict(
        type='HealthHead',
        in_channels=2 * channels,  # both gases
        hidden_channels=(256,),
        dropout=0.5,
    ),
)
