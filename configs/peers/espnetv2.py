# ESPNetv2 with s = 2.0 (Mehta et al., CVPR 2019, arXiv:1811.11431): its encoder for
# both gases, its decoder per gas; in training the logits of level 3 have a loss too.
# Added: a health head on both gases' pooled level 4. Other nets: change `width`.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/dual_gas.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
width = 2.0  # s
# of the four levels; the first is capped
channels = (min(32, int(32 * width)), *(int(n * width) for n in (64, 128, 256)))
model = dict(
    backbone=dict(
        type='DualStreamBackbone',
        shared=True,
        encoder=dict(type='ESPNetv2Encoder', scale=width),
    ),
    neck=dict(type='StackFusion', in_channels=channels[-1]),
    decode_head=dict(
        type='ESPNetv2Head',
        in_channels=channels,
        dropout_ratio=0.2,
        auxiliary_weight=1.0,
    ),
    health_head=dict(
        in_channels=2 * channels[-1],  # both gases
        hidden_channels=(256,),
    ),
)
