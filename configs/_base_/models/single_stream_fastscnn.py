# One stream, as FUME's baselines have it: one Fast-SCNN encoder and one mask head for
# the frames of either gas. Samples are single frames, so adding the gases changes
# nothing; it only makes the model say something of a pair, too.
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    backbone=dict(
        type='DualStreamBackbone', shared=True, encoder=dict(type='FastSCNNEncoder')
    ),
    neck=dict(type='AddFusion', in_channels=128),
    decode_head=dict(type='FastSCNNHead'),
    share_decode_head=True,
    health_head=dict(type='HealthHead', in_channels=128, hidden_channels=(256, 128)),
)
