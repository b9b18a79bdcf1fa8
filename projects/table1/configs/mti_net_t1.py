# MTINet as Table 1 of FUME (arXiv 2601.08205) has it: 1,802,825 parameters. Of MTI-Net
# (Vandenhende et al., ECCV 2020, arXiv:2001.06902) only that tasks exchange: masks and
# health gate each other, once. A missing gas is not encoded.
_base_ = './_base_/table1.py'
model = dict(
    backbone=dict(type='MTINetT1'),
    fuse_stage=0,
    decode_head=dict(in_channels=32, scale=4),
    health_head=dict(in_channels=128, hidden_channels=(256,)),
)
