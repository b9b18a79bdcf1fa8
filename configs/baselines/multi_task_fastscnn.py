# Baseline 6, of the founding document's later list (arXiv 2601.08205): one stream,
# both tasks, Fast-SCNN with one Fast-SCNN head and an MLP 256-3.
# Each frame, of either gas, is a sample; training recipe, losses and scores are FUME's.
_base_ = [
    '../_base_/datasets/ogi_sim_frames.py',
    '../_base_/models/single_stream_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/runtime/default.py',
]
model = dict(health_head=dict(hidden_channels=(256,)))
