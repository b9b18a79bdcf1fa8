# Ablation of FUME (arXiv 2601.08205), Table 4 "segmentation only": fume_fastscnn with
# neither fusion nor health head.
# The paper's row has an accuracy all the same (33.65); here health is not scored.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/segmentation.py',
]
model = dict(neck=None, health_head=None)
val_evaluator = dict(metrics=_base_.segmentation_metrics)
test_evaluator = dict(metrics=_base_.mask_metrics)
