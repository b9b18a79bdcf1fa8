# Baseline 5 of FUME's founding document (arXiv 2601.08205): a random forest on
# hand-made features of the gas region. IT READS THE TRUE MASKS, also in test, as the
# original does: an upper bound that no camera gives. Each frame is a sample.
_base_ = [
    '../_base_/datasets/ogi_sim_frames.py',
    '../_base_/schedules/fit.py',
    '../_base_/runtime/health.py',
]
model = dict(
    type='RandomForestModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=0.0, std=1.0),
    trees=100,
    max_depth=10,
    class_weight='balanced',
)
# frames and masks at their size on disk, every frame once, as it is
pipeline = [*_base_.load, _base_.pack]
train_dataloader = dict(
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(scale=None, pipeline=pipeline),
)
val_dataloader = dict(dataset=dict(scale=None, pipeline=pipeline))
test_dataloader = dict(dataset=dict(scale=None, pipeline=pipeline))
val_evaluator = dict(metrics=_base_.health_metrics)
test_evaluator = val_evaluator
tta_model = None  # its masks are the true ones, of the frame as it is
