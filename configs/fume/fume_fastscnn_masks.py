# fume_fastscnn_benchmark (FUME on Fast-SCNN, arXiv 2601.08205) without its health head:
# masks alone, 1,211,862 parameters. The weights in demo/weights are of this model; the
# head that was trained with them knows no more than chance and is left out.
_base_ = './fume_fastscnn_benchmark.py'
model = dict(neck=None, health_head=None)
val_evaluator = dict(metrics=_base_.segmentation_metrics)
test_evaluator = dict(metrics=_base_.mask_metrics)
default_hooks = dict(checkpoint=dict(save_best='seg/mIoU'))
custom_hooks = [*_base_.hooks, dict(_base_.early_stopping, monitor='seg/mIoU')]
