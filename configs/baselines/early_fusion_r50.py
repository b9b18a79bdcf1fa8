# Baseline 4 of FUME's founding document (arXiv 2601.08205): both gases as two channels
# of one ResNet-50, zeros for a missing gas, an MLP on the mean features for health.
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
        encoder=dict(
            type='mmseg.ResNet',
            depth=50,
            in_channels=2,
            out_indices=(0, 1, 2, 3),
            norm_cfg=dict(type='SingleFrameBN', requires_grad=True),
            norm_eval=False,
            zero_init_residual=False,  # torchvision's, as in the original
        ),
    ),
    decode_head=dict(type='DeepLabV3PlusHead'),
    health_head=dict(in_channels=2048, hidden_channels=(512, 256)),
)
