# Masks alone, of frames whose pH nobody knows: fume_fastscnn (FUME on Fast-SCNN, arXiv
# 2601.08205) with neither fusion nor health head, from any import into data/fume. That
# is the ablation tasks_seg_only, without balancing by a class.
_base_ = [
    '../_base_/datasets/fume.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/segmentation.py',
]
model = dict(neck=None, health_head=None)
train_dataloader = dict(sampler=dict(type='DefaultSampler', shuffle=True))
val_evaluator = dict(metrics=_base_.segmentation_metrics)
test_evaluator = dict(metrics=_base_.mask_metrics)
