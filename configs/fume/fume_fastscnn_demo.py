# FUME on Fast-SCNN for `make demo`: minutes on two CPU cores. Beyond the original, the
# health head also reads the sizes of the predicted plumes, and learns by plain cross
# entropy.
_base_ = [
    '../_base_/datasets/ogi_sim_demo.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/demo.py',
    '../_base_/runtime/default.py',
]
model = dict(
    decode_head=dict(loss_decode=dict(gamma=1.0)),
    health_head=dict(type='PlumeHealthHead', loss=dict(gamma=0.0)),
)
