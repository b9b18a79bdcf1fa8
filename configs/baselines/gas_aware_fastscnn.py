# Baseline 3 of FUME's founding document (arXiv 2601.08205): health alone, from one
# frame and an embedding of the gas it shows (64 numbers): Fast-SCNN, MLP 256-128-3.
# Each frame is a sample; training recipe, loss and scores are FUME's.
_base_ = [
    '../_base_/datasets/ogi_sim_frames.py',
    '../_base_/models/single_stream_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/health.py',
]
model = dict(
    decode_head=None,
    health_head=dict(type='GasAwareHealthHead', embedding_channels=64),
)
val_evaluator = dict(metrics=_base_.health_metrics)
test_evaluator = val_evaluator
