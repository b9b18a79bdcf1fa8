_base_ = [
    '../_base_/datasets/ogi_sim.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/fume.py',
    '../_base_/default_runtime.py',
]
