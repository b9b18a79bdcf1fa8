# ESPNetV2 as Table 1 of FUME (arXiv 2601.08205) has it: 2,216,569 parameters. After
# Mehta et al., CVPR 2019, arXiv:1811.11431: no groups, no skips, no reinforcement from
# the image; both masks from one joint map. A missing gas is not encoded.
_base_ = './_base_/table1.py'
model = dict(
    backbone=dict(type='ESPNetV2T1'),
    fuse_stage=0,
    decode_head=dict(in_channels=64, channels=32, scale=4),
    health_head=dict(in_channels=256, hidden_channels=(128,)),
)
