# BiSeNetV2 (Yu et al., IJCV 2021, arXiv:2004.02147) of mmsegmentation's parts, one for
# both gases: a head per gas on the aggregated map and, in training, booster heads on
# the semantic branch. Added: a health head on both gases' pooled aggregated maps.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
channels = 128  # of the aggregated map
# Index of the semantic branch's map, its channels and those within its booster head.
boosters = [(1, 16, 16), (2, 32, 64), (3, 64, 256), (4, 128, 1024)]
head = dict(
    type='mmseg.FCNHead',
    concat_input=False,
    dropout_ratio=0.1,
    num_classes=3,
    norm_cfg=dict(type='SingleFrameBN', requires_grad=True),
    loss_decode=_base_.model.decode_head.loss_decode,
)
model = dict(
    backbone=dict(
        type='DualStreamBackbone',
        shared=True,
        encoder=dict(
            type='SingleFrameNorms',
            encoder=dict(type='mmseg.BiSeNetV2', in_channels=1),
        ),
    ),
    fuse_stage=0,
    neck=dict(type='StackFusion', in_channels=channels),
    decode_head=dict(
        in_channels=channels, in_index=0, channels=1024, num_convs=1, **head
    ),
    auxiliary_head=[
        dict(in_channels=width, in_index=index, channels=inner, num_convs=2, **head)
        for index, width, inner in boosters
    ],
    health_head=dict(
        in_channels=2 * channels,  # both gases
        hidden_channels=(256,),
    ),
)
