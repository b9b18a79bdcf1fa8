# fume_efficientnet_lite0 (arXiv 2601.08205 on an ImageNet encoder), trained on the
# simulator's `benchmark` preset alone in about an hour of one CPU core, for masks of
# frames of real cameras. It trains at 320x240 and is tested at 384x288, within the
# scales that its training draws, where thin gas is finer: a net may see larger frames
# in testing (Touvron et al. 2019, arXiv 1906.06423).
_base_ = [
    '../_base_/datasets/ogi_sim_benchmark.py',
    '../_base_/models/fume_efficientnet_lite0.py',
    '../_base_/schedules/benchmark.py',
    '../_base_/runtime/default.py',
]
scale = (384, 288)  # (width, height) of whole frames
train_dataloader = dict(dataset=dict(scale=(320, 240)))
val_dataloader = dict(dataset=dict(scale=scale))
test_dataloader = dict(dataset=dict(scale=scale))
# as in fume_fastscnn_benchmark: masks first
model = dict(decode_head=dict(loss_decode=dict(gamma=1.0)), health_weight=0.1)
optim_wrapper = dict(optimizer=dict(lr=1e-3))  # half, for weights that know something
max_epochs = 2
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=max_epochs),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
