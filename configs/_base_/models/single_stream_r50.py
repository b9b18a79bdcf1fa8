# One stream, as FUME's baselines have it: one ResNet-50 encoder and one DeepLabV3+ head
# for the frames of either gas. Samples are single frames, so adding the gases changes
# nothing; it only makes the model say something of a pair, too.
norm_cfg = dict(type='SingleFrameBN', requires_grad=True)
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
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
        ),
    ),
    neck=dict(type='AddFusion', in_channels=2048),
    decode_head=dict(type='DeepLabV3PlusHead'),
    share_decode_head=True,
    health_head=dict(type='HealthHead', in_channels=2048, hidden_channels=(512, 256)),
)
