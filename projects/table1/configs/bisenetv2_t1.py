# BiSeNetV2 as Table 1 of FUME (arXiv 2601.08205) has it: 2,774,857 parameters. After Yu
# et al., IJCV 2021, arXiv:2004.02147: lighter layers, a sum for the guided aggregation,
# no boosters. A missing gas is zeros to the class path, in the original a black frame.
_base_ = './_base_/table1.py'
model = dict(
    backbone=dict(type='BiSeNetV2T1'),
    neck=dict(type='StackedConvFusion', in_channels=128, num_convs=2),
    decode_head=dict(in_channels=128, channels=64),
    health_head=dict(in_channels=128, hidden_channels=(256,)),
)
