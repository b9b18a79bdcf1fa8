# RTFNet-18 (Sun et al., IEEE RA-L 2019, doi:10.1109/LRA.2019.2904733; its best is on
# ResNet-152): CH4 is added into CO2 as RTFNet adds thermal into colour; one decoder, a
# last stage per gas. Added: a health head on the deepest sum.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
channels = 512  # of the encoders' deepest maps
model = dict(
    backbone=dict(
        type='RTFNetBackbone',
        encoder=dict(
            type='mmseg.ResNet',
            depth=18,
            in_channels=1,
            norm_cfg=dict(type='SingleFrameBN', requires_grad=True),
            norm_eval=False,
        ),
    ),
    fuse_stage=0,
    # four of the decoder's five stages halve the channels before
    decode_head=dict(
        type='RTFNetHead', in_channels=channels // 2**4, dropout_ratio=0.0
    ),
    health_head=dict(in_channels=channels, hidden_channels=(256,)),
)
