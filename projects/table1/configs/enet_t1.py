# ENet as Table 1 of FUME (arXiv 2601.08205) has it: 257,530 parameters. After Paszke et
# al. 2016, arXiv:1606.02147: no stage 3, no unpooling, asymmetric kernels of 3. Sees
# the mean of the gases that exist, in the original with black for a missing one.
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
        type='EarlyFusionBackbone', fusion='mean', encoder=dict(type='ENetT1')
    ),
    fuse_stage=0,
    decode_head=dict(type='T1MaskHead', in_channels=16),
    health_head=dict(
        type='HealthHead', in_channels=128, hidden_channels=(128,), dropout=0.5
    ),
)
