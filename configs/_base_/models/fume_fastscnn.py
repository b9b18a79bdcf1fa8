# FUME on Fast-SCNN (arXiv 2601.08205): one encoder for both gases, attention fusion.
# 1,656,236 parameters; the paper's ablation row "+ full cross-modal attention".
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    backbone=dict(
        type='DualStreamBackbone', shared=True, encoder=dict(type='FastSCNNEncoder')
    ),
    neck=dict(type='AttentionFusion', in_channels=128),
    decode_head=dict(type='FastSCNNHead'),
    health_head=dict(type='HealthHead', in_channels=128, hidden_channels=(256, 128)),
)
