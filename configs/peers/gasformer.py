# Gasformer (Sarker et al., CVPR Workshops 2024, arXiv:2404.10841): a Mix Transformer B0
# for both gases, a Light-Ham decoder per gas. Added: a health head on both gases'
# pooled features; fixed bases in evaluation, so that a frame has one answer.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
channels = [32, 64, 160, 256]
model = dict(
    backbone=dict(
        type='DualStreamBackbone',
        shared=True,
        encoder=dict(
            type='mmseg.MixVisionTransformer',
            in_channels=1,
            embed_dims=channels[0],
            num_layers=[2, 2, 2, 2],
            num_heads=[width // channels[0] for width in channels],
            drop_rate=0.0,
            attn_drop_rate=0.0,
            drop_path_rate=0.1,
        ),
    ),
    neck=dict(type='StackFusion', in_channels=channels[-1]),
    decode_head=dict(
        type='SteadyLightHamHead',
        in_channels=channels,
        in_index=[0, 1, 2, 3],
        channels=256,
        ham_channels=256,
        ham_kwargs=dict(MD_S=1, MD_R=16, train_steps=6, eval_steps=7, inv_t=100),
        num_classes=3,
        norm_cfg=dict(type='GN', num_groups=32, requires_grad=True),
    ),
    health_head=dict(
        in_channels=2 * channels[-1],  # both gases
        hidden_channels=(256,),
    ),
)
