# Paired CO2 and CH4 frames; the owners' campaign is one override away:
# --cfg-options data_root=data/fume
data_root = 'data/ogi_sim'
scale = (640, 480)  # (width, height)
load = [
    dict(type='LoadDualGasFrames'),
    dict(type='ResizeDualGas', scale=scale),
    dict(type='LoadDualGasMasks'),
]
train_pipeline = [
    dict(type='ModalityDropout', prob=0.2),
    dict(type='LoadDualGasFrames'),
    dict(type='LoadDualGasMasks'),
    dict(type='ResizeDualGas', scale=scale),
    dict(
        type='DualGasAugment',
        geometric=[
            dict(type='HorizontalFlip', p=0.5),
            dict(
                type='Affine',
                translate_percent=(-0.1, 0.1),
                scale=(0.85, 1.15),
                rotate=(-15, 15),
                p=0.5,
            ),
            dict(type='ElasticTransform', alpha=30, sigma=6, p=0.3),
        ],
        photometric=[
            dict(
                type='OneOf',
                transforms=[
                    dict(type='GaussNoise', std_range=(0.01, 0.03)),
                    dict(type='GaussianBlur', blur_limit=(3, 7)),
                    dict(type='MotionBlur', blur_limit=7),
                ],
                p=0.3,
            ),
            dict(
                type='RandomBrightnessContrast',
                brightness_limit=0.2,
                contrast_limit=0.2,
                p=0.5,
            ),
            dict(type='RandomGamma', gamma_limit=(80, 120), p=0.3),
        ],
    ),
    dict(type='PackDualGasInputs'),
]
test_pipeline = [*load, dict(type='PackDualGasInputs')]
collate = dict(type='fume_mm.collate_samples')  # keeps a missing gas missing
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    # started anew each epoch, so that an epoch's augmentation follows from its seed
    persistent_workers=False,
    drop_last=True,
    worker_init_fn=dict(type='fume_mm.seed_worker'),
    sampler=dict(type='ClassBalancedSampler'),
    collate_fn=collate,
    dataset=dict(
        type='DualGasDataset',
        data_root=data_root,
        ann_file='paired_train_annotations.csv',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=collate,
    dataset=dict(
        type='DualGasDataset',
        data_root=data_root,
        ann_file='paired_val_annotations.csv',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=collate,
    dataset=dict(
        type='DualGasDataset',
        data_root=data_root,
        ann_file='paired_test_annotations.csv',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
val_evaluator = dict(
    type='DualGasEvaluator',
    metrics=[dict(type='SegmentationMetric'), dict(type='HealthMetric')],
)
test_evaluator = val_evaluator
