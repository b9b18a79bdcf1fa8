# ENet as Table 1 of FUME (arXiv 2601.08205) has it: 257,530 parameters. After Paszke et
# al. 2016, arXiv:1606.02147: no stage 3, no unpooling, asymmetric kernels of 3. Sees
# the mean of the gases that exist, in the original with black for a missing one.
_base_ = './_base_/table1.py'
model = dict(
    backbone=dict(
        type='EarlyFusionBackbone',
        fusion='mean',
        encoder=dict(type='ENetT1', dropout=(0.01, 0.1)),
    ),
    fuse_stage=0,
    decode_head=dict(in_channels=16),
    health_head=dict(in_channels=128, hidden_channels=(128,)),
)
