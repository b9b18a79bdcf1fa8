# MTINet as Table 1 of FUME (arXiv 2601.08205) has it: 1,802,825 parameters. Of MTI-Net
# (Vandenhende et al., ECCV 2020, arXiv:2001.06902) only that tasks exchange: masks and
# health gate each other, once. A missing gas is not encoded.
_base_ = [
    '../../../configs/_base_/datasets/ogi_sim.py',
    '../../../configs/_base_/schedules/fume.py',
    '../../../configs/_base_/default_runtime.py',
]
custom_imports = dict(imports=['projects.table1'])
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    backbone=dict(type='MTINetT1'),
    fuse_stage=0,
    decode_head=dict(type='T1MaskHead', in_channels=32, scale=4),
    health_head=dict(
        type='HealthHead', in_channels=128, hidden_channels=(256,), dropout=0.5
    ),
)
