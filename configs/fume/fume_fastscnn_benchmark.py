# FUME on Fast-SCNN (fume_fastscnn), trained on the simulator's `benchmark` preset alone
# in about an hour of one CPU core, to be run on frames of real cameras.
_base_ = [
    '../_base_/datasets/ogi_sim_benchmark.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/benchmark.py',
    '../_base_/runtime/default.py',
]
# Masks first: the health loss of a network that has no masks yet is noise to them. Its
# health head learns nothing so; fume_fastscnn_benchmark_health trains one on the masks.
model = dict(decode_head=dict(loss_decode=dict(gamma=1.0)), health_weight=0.1)
