# FUME on Fast-SCNN for `make demo`: minutes on two CPU cores. Beyond the original, the
# health head also reads the sizes of the predicted plumes, learnt at five times the
# rate, for the masks change under it. Health learns by plain cross entropy. What is
# validated and kept are averaged weights (EMA).
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
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'.size_mlp.': dict(lr_mult=5.0)}))
average = dict(
    type='EMAHook',
    ema_type='MomentumAnnealingEMA',  # short at first: early epochs are not behind
    momentum=0.01,
    gamma=10,
    update_buffers=True,
)
custom_hooks = [*_base_.custom_hooks, average]
