# The masks of fume_efficientnet_lite0_benchmark (arXiv 2601.08205 on an ImageNet
# encoder), without its fusion and health head: what of it is bundled, in demo/weights.
_base_ = [
    '../_base_/datasets/ogi_sim_benchmark.py',
    '../_base_/models/fume_efficientnet_lite0.py',
    '../_base_/schedules/benchmark.py',
    '../_base_/runtime/segmentation.py',
]
scale = (384, 288)  # (width, height) of whole frames
train_dataloader = dict(dataset=dict(scale=(320, 240)))
val_dataloader = dict(dataset=dict(scale=scale))
test_dataloader = dict(dataset=dict(scale=scale))
model = dict(neck=None, health_head=None, decode_head=dict(loss_decode=dict(gamma=1.0)))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
val_evaluator = dict(metrics=_base_.segmentation_metrics)
test_evaluator = dict(metrics=_base_.mask_metrics)
