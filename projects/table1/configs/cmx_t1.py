# CMX as Table 1 of FUME (arXiv 2601.08205) has it: 4,414,673 parameters. Of CMX (Zhang
# et al., T-ITS 2023, arXiv:2203.04838) only that two streams attend to each other: a
# CNN, two blocks. A missing gas is not attended to and does not halve the other.
_base_ = './_base_/table1.py'
model = dict(
    backbone=dict(type='CMXT1', dropout=0.1),
    fuse_stage=0,
    decode_head=dict(in_channels=64, channels=32),
    health_head=dict(in_channels=256, hidden_channels=(256,)),
)
