# A few epochs: warm-up, then cosine by iteration from a high learning rate. Attention's
# queries and keys learn at a tenth of it: at the full rate the softmax is one position
# within 300 iterations, while its gate is still nearly shut (docs/training.md).
max_epochs = 6
warmup_iters = 40
optim_wrapper = dict(
    type='AutoAmpOptimWrapper',
    optimizer=dict(
        type='AdamW', lr=2e-3, weight_decay=1e-4, betas=(0.9, 0.999), fused=True
    ),
    clip_grad=dict(max_norm=1.0),
    paramwise_cfg=dict(
        custom_keys={'.query.': dict(lr_mult=0.1), '.key.': dict(lr_mult=0.1)}
    ),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, by_epoch=False, end=warmup_iters),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs,
        eta_min=1e-5,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=2)
val_cfg = dict()
test_cfg = dict()
