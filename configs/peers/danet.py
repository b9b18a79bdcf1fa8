# DANet (Fu et al., CVPR 2019, arXiv:1809.02983) of mmsegmentation's parts: a ResNet-18
# for both gases and a dual attention head per gas, its three logits weighted alike. The
# paper has a ResNet-50 or -101 at stride 8; here stride 32. Added: a health head.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
norm_cfg = dict(type='SingleFrameBN', requires_grad=True)
channels = 512  # of the deepest features
model = dict(
    backbone=dict(
        type='DualStreamBackbone',
        shared=True,
        encoder=dict(
            type='mmseg.ResNetV1c',
            depth=18,
            in_channels=1,
            norm_cfg=norm_cfg,
            norm_eval=False,
        ),
    ),
    neck=dict(type='StackFusion', in_channels=channels),
    decode_head=dict(
        type='mmseg.DAHead',
        in_channels=channels,
        in_index=3,
        channels=128,
        pam_channels=64,
        num_classes=3,
        norm_cfg=norm_cfg,
    ),
    health_head=dict(
        in_channels=2 * channels,  # both gases
        hidden_channels=(256,),
    ),
)
