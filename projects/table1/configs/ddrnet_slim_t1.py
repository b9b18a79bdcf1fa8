# DDRNetSlim as Table 1 of FUME (arXiv 2601.08205) has it: 3,387,561 parameters. After
# Pan et al., T-ITS 2022, arXiv:2101.06085: no exchange, pooling to fixed bins. Sees the
# mean of the gases that exist, in the original with black for a missing one.
_base_ = './_base_/table1.py'
model = dict(
    backbone=dict(
        type='EarlyFusionBackbone',
        fusion='mean',
        encoder=dict(type='DDRNetSlimT1'),
    ),
    fuse_stage=0,
    decode_head=dict(in_channels=64),
    health_head=dict(in_channels=128, hidden_channels=(256,)),
)
