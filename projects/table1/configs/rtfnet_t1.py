# RTFNet as Table 1 of FUME (arXiv 2601.08205) has it: 35,012,297 parameters. After Sun
# et al., RA-L 2019, doi:10.1109/LRA.2019.2904733: two ResNet-18 joined by convolutions
# where RTFNet adds, a U-Net decoder. A missing gas is not encoded.
_base_ = './_base_/table1.py'
model = dict(
    backbone=dict(type='RTFNetT1'),
    fuse_stage=0,
    decode_head=dict(in_channels=64, channels=32, scale=4),
    health_head=dict(in_channels=512, hidden_channels=(256,)),
)
