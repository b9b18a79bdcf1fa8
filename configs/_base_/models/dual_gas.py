# What every model of two gases has beside its nets: FUME's preprocessing and objective
# (arXiv 2601.08205). Loss = seg_weight x (mean over the gases of the masks' losses)
# + health_weight x health loss. Class weights of health follow from the training
# split's counts: 1 for each where the sampler balances the classes, as it does here.
# The published ones are fume_published_loss.py.
model = dict(
    type='DualGasModel',
    data_preprocessor=dict(type='DualGasDataPreprocessor', mean=127.5, std=127.5),
    decode_head=dict(
        dropout_ratio=0.1,
        loss_decode=dict(
            type='FocalDiceLoss',
            focal_weight=0.5,
            dice_weight=0.5,
            gamma=2.0,
            smooth=1.0,
            class_weight=None,
            loss_weight=1.0,
        ),
    ),
    health_head=dict(
        type='HealthHead',
        dropout=0.5,
        loss=dict(
            type='SoftmaxFocalLoss',
            gamma=2.0,
            class_weight='auto',
            loss_weight=1.0,
        ),
    ),
    seg_weight=1.0,
    health_weight=1.0,
)
