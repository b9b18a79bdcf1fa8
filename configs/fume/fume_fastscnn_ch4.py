# Masks of CH4 frames alone: fume_fastscnn_masks (FUME on Fast-SCNN, arXiv 2601.08205)
# for a campaign of one camera, from any import into data/fume; no pH is needed. With pH
# and a health head that is the ablation modality_ch4_only.
_base_ = [
    '../_base_/datasets/fume.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/segmentation.py',
]
gases = ('ch4',)
model = dict(gases=gases, neck=None, health_head=None)
dataset = dict(gases=gases)
# no second gas that dropout could leave out
train_pipeline = [*_base_.load_resized, _base_.augment, _base_.pack]
train_dataloader = dict(
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(dataset, pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dataset)
test_dataloader = dict(dataset=dataset)
val_evaluator = dict(metrics=_base_.segmentation_metrics)
test_evaluator = dict(metrics=_base_.mask_metrics)
