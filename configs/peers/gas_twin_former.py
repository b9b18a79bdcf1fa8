# GasTwinFormer (Sarker et al. 2025, arXiv:2508.15057): its encoder for both gases, its
# decoder per gas, its classifier on both gases' pooled features. Trained with the
# project's losses; the paper's is Dice weighted by a Gaussian plume map.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
channels = 256  # of the deepest features
model = dict(
    backbone=dict(
        type='DualStreamBackbone',
        shared=True,
        encoder=dict(type='GasTwinFormerEncoder', drop_path_rate=0.1),
    ),
    neck=dict(type='StackFusion', in_channels=channels),
    decode_head=dict(type='AdaptiveLRASPPHead'),
    health_head=dict(
        in_channels=2 * channels,  # both gases
        hidden_channels=(256,),
        dropout=0.5,
    ),
)
