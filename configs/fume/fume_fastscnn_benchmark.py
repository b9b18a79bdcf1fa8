# FUME on Fast-SCNN (fume_fastscnn), trained on the simulator's `benchmark` preset alone
# in about an hour of one CPU core, to be run on frames of real cameras.
_base_ = [
    '../_base_/datasets/ogi_sim_benchmark.py',
    '../_base_/models/fume_fastscnn.py',
    '../_base_/schedules/demo.py',
    '../_base_/default_runtime.py',
]
max_epochs = 3
# Masks first: the health loss of a network that has no masks yet is noise to them. Its
# health head learns nothing so; fume_fastscnn_benchmark_health trains one on the masks.
model = dict(
    health_weight=0.1,
    decode_head=dict(loss_decode=dict(type='FocalDiceLoss', gamma=1.0)),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, end=40),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
