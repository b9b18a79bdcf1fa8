# An encoder and a decode head of mmsegmentation by name, the example of how to add a
# model: SegNeXt's MSCAN-T (Guo et al., NeurIPS 2022, arXiv:2209.08575) for both gases,
# UPerNet's head (Xiao et al., ECCV 2018, arXiv:1807.10221) per gas, 128 channels wide.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
# The project's norm in place of BN or SyncBN: a batch may hold one frame of a gas.
norm_cfg = dict(type='SingleFrameBN', requires_grad=True)
channels = [32, 64, 160, 256]  # of the encoder's maps, strides 4 to 32
model = dict(
    backbone=dict(
        type='DualStreamBackbone',  # runs any encoder on the frames that exist
        shared=True,  # False: an encoder per gas
        encoder=dict(
            type='mmseg.MSCAN',  # 'mmseg.' is where the name is looked up
            in_channels=1,  # a frame of one gas is gray
            embed_dims=channels,
            mlp_ratios=[8, 8, 4, 4],
            depths=[3, 3, 5, 2],
            drop_rate=0.0,
            drop_path_rate=0.1,
            norm_cfg=norm_cfg,
        ),
    ),
    # Both gases' deepest maps side by side, zeros for a missing one: what health reads.
    neck=dict(type='StackFusion', in_channels=channels[-1]),
    decode_head=dict(  # built once per gas
        type='mmseg.UPerHead',
        in_channels=channels,  # must be the encoder's,
        in_index=[0, 1, 2, 3],  # at these of its maps
        channels=128,
        num_classes=3,  # background, tube, gas
        norm_cfg=norm_cfg,
        # its loss and dropout stand in dual_gas.py; a list of losses would replace it
    ),
    health_head=dict(
        in_channels=2 * channels[-1],  # what the neck gives
        hidden_channels=(256,),
    ),
)
