# The recipe of FUME: AdamW, cosine to 1e-5, clipping at 1, early stopping.
max_epochs = 100
optim_wrapper = dict(
    type='AutoAmpOptimWrapper',
    optimizer=dict(
        type='AdamW', lr=1e-3, weight_decay=1e-4, betas=(0.9, 0.999), fused=True
    ),
    clip_grad=dict(max_norm=1.0),
)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=max_epochs, eta_min=1e-5, by_epoch=True)
]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=1)
val_cfg = dict()
test_cfg = dict()
