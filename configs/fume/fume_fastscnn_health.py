# Health alone, of frames without masks: fume_fastscnn (FUME on Fast-SCNN, arXiv
# 2601.08205) without its mask heads, from any import with pH or class into data/fume.
# That is the ablation tasks_cls_only on other data.
_base_ = [
    '../_base_/datasets/fume.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/health.py',
]
model = dict(decode_head=None)
val_evaluator = dict(metrics=_base_.health_metrics)
test_evaluator = val_evaluator
