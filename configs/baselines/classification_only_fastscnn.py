# Baseline 2 of FUME's founding document (arXiv 2601.08205): health alone, from one
# frame of either gas, Fast-SCNN and an MLP 256-128-3 on its mean features.
# Each frame is a sample; training recipe, loss and scores are FUME's.
_base_ = [
    '../_base_/datasets/ogi_sim_frames.py',
    '../_base_/models/single_stream_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/health.py',
]
model = dict(decode_head=None)
val_evaluator = dict(metrics=_base_.health_metrics)
test_evaluator = val_evaluator
