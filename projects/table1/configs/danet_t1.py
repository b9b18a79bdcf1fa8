# DANet as Table 1 of FUME (arXiv 2601.08205) has it: 1,432,971 parameters. After Fu et
# al., CVPR 2019, arXiv:1809.02983: an encoder like MobileNetV2, attended maps joined by
# one convolution; both masks from one joint map. A missing gas is not encoded.
_base_ = './_base_/table1.py'
model = dict(
    backbone=dict(type='DANetT1'),
    fuse_stage=0,
    decode_head=dict(in_channels=32, channels=16, scale=4),
    health_head=dict(in_channels=128, hidden_channels=(256,)),
)
