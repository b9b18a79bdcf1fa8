# MTI-Net on HRNet18-small-v2 (Vandenhende et al., ECCV 2020, arXiv:2001.06902): its
# tasks are the masks of CO2 and CH4, each of its own frame, not of one image. A sample
# with one gas exchanges nothing. Added: a health head on the encoder's coarsest maps.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
norm_cfg = dict(type='SingleFrameBN', requires_grad=True)
channels = [18, 36, 72, 144]  # of the scales, strides 4 to 32
stages = [  # of HRNet: modules, blocks and the channels of its branches
    (1, 'BOTTLENECK', [64]),
    (1, 'BASIC', channels[:2]),
    (3, 'BASIC', channels[:3]),
    (2, 'BASIC', channels),
]
hrnet_w18_small_v2 = {
    f'stage{number}': dict(
        num_modules=modules,
        num_branches=len(widths),
        block=block,
        num_blocks=[2] * len(widths),
        num_channels=widths,
    )
    for number, (modules, block, widths) in enumerate(stages, start=1)
}
head = dict(
    type='mmseg.FCNHead',
    concat_input=False,
    dropout_ratio=0,
    num_classes=3,
    norm_cfg=norm_cfg,
    loss_decode=_base_.model.decode_head.loss_decode,
)
model = dict(
    backbone=dict(
        type='MTINetBackbone',
        channels=channels,
        encoder=dict(
            type='mmseg.HRNet',
            in_channels=1,
            extra=hrnet_w18_small_v2,
            norm_cfg=norm_cfg,
        ),
    ),
    neck=dict(type='StackFusion', in_channels=channels[-1]),
    decode_head=dict(  # on the distilled features
        in_channels=channels,
        in_index=[0, 1, 2, 3],
        input_transform='resize_concat',
        channels=sum(channels),
        num_convs=1,
        kernel_size=1,
        **head,
    ),
    auxiliary_head=[  # initial predictions, of the refined features behind them
        dict(
            in_channels=width,
            in_index=len(channels) + scale,
            channels=width,
            num_convs=0,
            **head,
        )
        for scale, width in enumerate(channels)
    ],
    health_head=dict(
        in_channels=2 * channels[-1],  # both gases
        hidden_channels=(256,),
    ),
)
