# Baseline 1 of FUME's founding document (arXiv 2601.08205): masks alone, from one frame
# of either gas, ResNet-50 with a DeepLabV3+ head.
# Each frame is a sample; training recipe, losses and scores are FUME's.
_base_ = [
    '../_base_/datasets/ogi_sim_frames.py',
    '../_base_/models/single_stream_r50.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/segmentation.py',
]
model = dict(neck=None, health_head=None)
val_evaluator = dict(metrics=_base_.segmentation_metrics)
test_evaluator = dict(metrics=_base_.mask_metrics)
