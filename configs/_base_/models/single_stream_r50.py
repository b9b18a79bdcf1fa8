# One stream, as FUME's baselines have it: one ResNet-50 encoder and one DeepLabV3+ head
# for the frames of either gas. Samples are single frames, so adding the gases changes
# nothing; it only gives a pair a health class, too.
_base_ = './dual_gas.py'
norm_cfg = dict(type='SingleFrameBN', requires_grad=True)
model = dict(
    backbone=dict(
        type='DualStreamBackbone',
        shared=True,
        recompute='on_cpu',
        encoder=dict(
            type='mmseg.ResNet',
            depth=50,
            in_channels=1,
            out_indices=(0, 1, 2, 3),
            norm_cfg=norm_cfg,
            norm_eval=False,
            zero_init_residual=False,  # torchvision's, as in the original
        ),
    ),
    neck=dict(type='AddFusion', in_channels=2048),
    decode_head=dict(type='DeepLabV3PlusHead'),
    share_decode_head=True,
    health_head=dict(in_channels=2048, hidden_channels=(512, 256)),
)
