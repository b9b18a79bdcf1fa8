# Fine-tuning of the bundled weights (fume_fastscnn_benchmark_health: FUME on Fast-SCNN,
# arXiv 2601.08205, trained on simulated frames) on the masks of data/fume: ten epochs
# at a tenth of their learning rate, with their augmentations. No pH is needed; the
# bundled health head is left out. The focal loss has gamma 1, as theirs had.
_base_ = [
    '../_base_/datasets/ogi_sim_benchmark.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/demo.py',
    '../_base_/runtime/segmentation.py',
]
load_from = 'demo/weights/fume_fastscnn_benchmark_health.safetensors'
data_root = 'data/fume'
max_epochs = 10
model = dict(neck=None, health_head=None, decode_head=dict(loss_decode=dict(gamma=1.0)))
optim_wrapper = dict(optimizer=dict(lr=2e-4))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=1)
dataset = dict(data_root=data_root)
train_dataloader = dict(
    sampler=dict(type='DefaultSampler', shuffle=True), dataset=dataset
)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = dict(metrics=_base_.segmentation_metrics)
test_evaluator = dict(metrics=_base_.mask_metrics)
