# fume_fastscnn_benchmark (FUME on Fast-SCNN, arXiv 2601.08205), second stage: its masks
# stay as they are and a health head learns to read them. Beyond the original, the head
# also reads the sizes of the predicted plumes. The weights in demo/weights are its.
# First run `python tools/train.py configs/fume/fume_fastscnn_benchmark.py`.
_base_ = [
    '../_base_/datasets/ogi_sim_benchmark.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/benchmark.py',
    '../_base_/runtime/default.py',
]
load_from = 'work_dirs/fume_fastscnn_benchmark/last.pth'
model = dict(
    decode_head=dict(loss_decode=dict(gamma=1.0)),
    health_head=dict(type='PlumeHealthHead', loss=dict(gamma=0.0)),
)
# The sizes' MLP has four inputs and few steps.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'.size_mlp.': dict(lr_mult=5.0)}))
max_epochs = 3  # the masks have four
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='FreezeHook', parts=['backbone', 'decode_head']),
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=_base_.whole_frames))
