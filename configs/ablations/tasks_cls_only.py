# Ablation of FUME (arXiv 2601.08205), Table 4 "classification only": fume_fastscnn
# without its mask heads.
# All else is the same.
_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/health.py',
]
model = dict(decode_head=None)
val_evaluator = dict(metrics=_base_.health_metrics)
test_evaluator = val_evaluator
