# CMX as Table 1 of FUME (arXiv 2601.08205) has it: 4,414,673 parameters. Of CMX (Zhang
# et al., T-ITS 2023, arXiv:2203.04838) only that two streams attend to each other: a
# CNN, two blocks. A missing gas is not attended to and does not halve the other.
_base_ = [
    '../../../configs/_base_/datasets/ogi_sim.py',
    '../../../configs/_base_/schedules/fume.py',
    '../../../configs/_base_/default_runtime.py',
]
custom_imports = dict(imports=['projects.table1'])
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    backbone=dict(type='CMXT1'),
    fuse_stage=0,
    decode_head=dict(type='T1MaskHead', in_channels=64, channels=32),
    health_head=dict(
        type='HealthHead', in_channels=256, hidden_channels=(256,), dropout=0.5
    ),
)
