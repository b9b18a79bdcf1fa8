# Baseline 4 of FUME's founding document (arXiv 2601.08205): both gases as two channels
# of one Fast-SCNN, zeros for a missing gas, an MLP 256-3 on the mean features.
# The original has one mask head for both gases; here each gas has one, to be scored.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
model = dict(
    backbone=dict(
        type='EarlyFusionBackbone',
        fusion='stack',
        encoder=dict(type='FastSCNNEncoder', in_channels=2),
    ),
    decode_head=dict(type='FastSCNNHead'),
    health_head=dict(in_channels=128, hidden_channels=(256,)),
)
