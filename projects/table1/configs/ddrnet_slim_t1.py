# DDRNetSlim as Table 1 of FUME (arXiv 2601.08205) has it: 3,387,561 parameters. After
# Pan et al., T-ITS 2022, arXiv:2101.06085: no exchange, pooling to fixed bins. Sees the
# mean of the gases that exist, in the original with black for a missing one.
_base_ = [
    '../../../configs/_base_/datasets/ogi_sim.py',
    '../../../configs/_base_/schedules/fume.py',
    '../../../configs/_base_/default_runtime.py',
]
custom_imports = dict(imports=['projects.table1'])
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    backbone=dict(
        type='EarlyFusionBackbone',
        fusion='mean',
        encoder=dict(type='DDRNetSlimT1'),
    ),
    fuse_stage=0,
    decode_head=dict(type='T1MaskHead', in_channels=64),
    health_head=dict(
        type='HealthHead', in_channels=128, hidden_channels=(256,), dropout=0.5
    ),
)
