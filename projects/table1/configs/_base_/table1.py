# What the nets of Table 1 share, beside FUME's data, objective and recipe.
_base_ = [
    '../../../../configs/_base_/datasets/ogi_sim.py',
    '../../../../configs/_base_/models/dual_gas.py',
    '../../../../configs/_base_/schedules/fume.py',
    '../../../../configs/_base_/runtime/default.py',
]
custom_imports = dict(imports=['projects.table1'])
model = dict(
    decode_head=dict(type='T1MaskHead', dropout_ratio=0.0),
    health_head=dict(dropout=0.5),
)
