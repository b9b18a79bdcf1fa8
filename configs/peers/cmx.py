# CMX-B0: two transformers rectify each other after every stage, then are fused (Zhang
# et al., IEEE T-ITS 2023, arXiv:2203.04838, who use B2 to B5 and RGB). Added: a head
# per gas, both on the fused maps; one gas alone is neither rectified nor attended to.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
mit_b0 = dict(
    type='mmseg.MixVisionTransformer',
    in_channels=1,
    embed_dims=32,
    num_layers=[2, 2, 2, 2],
    num_heads=[1, 2, 5, 8],
    drop_rate=0.0,
    attn_drop_rate=0.0,
    drop_path_rate=0.1,
)
channels = [mit_b0['embed_dims'] * heads for heads in mit_b0['num_heads']]
model = dict(
    backbone=dict(type='CMXBackbone', encoder=mit_b0),
    decode_head=dict(
        type='mmseg.SegformerHead',
        in_channels=channels,
        in_index=[0, 1, 2, 3],
        channels=512,
        num_classes=3,
        norm_cfg=dict(type='SingleFrameBN', requires_grad=True),
    ),
    health_head=dict(in_channels=channels[-1], hidden_channels=(256,)),
)
