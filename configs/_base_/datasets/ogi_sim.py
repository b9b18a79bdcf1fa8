# Paired CO2 and CH4 frames of the simulated campaign; real ones have fume.py.
data_root = 'data/ogi_sim'
ann_root = None  # where the CSVs lie, if not in data_root: the folder of a fold
decoded = None  # a folder to keep decoded frames in, for more than a few epochs
scale = (640, 480)  # (width, height) that the model sees
# The steps have names so that a config can leave one out: a list is replaced whole.
modality_dropout = dict(type='ModalityDropout', prob=0.2)
load = [dict(type='LoadDualGasFrames'), dict(type='LoadDualGasMasks')]
load_resized = [*load, dict(type='ResizeDualGas')]
augment = dict(
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
)
pack = dict(type='PackDualGasInputs')
train_pipeline = [modality_dropout, *load_resized, augment, pack]
test_pipeline = [
    dict(type='LoadDualGasFrames'),
    dict(type='ResizeDualGas'),  # to the dataset's scale
    dict(type='LoadDualGasMasks'),  # at the size on disk, where they are scored
    pack,
]
# test-time augmentation, tools/test.py --tta
tta_views = dict(
    type='DualGasTestTimeAug',
    # as is, mirrored, and enlarged to 672x512 with 640x480 cut out of its centre
    views=[dict(), dict(flip=True), dict(zoom=(672 / 640, 512 / 480))],
)
tta_pipeline = [*test_pipeline[:-1], tta_views]
tta_model = dict(type='DualGasTTAModel')
collate = dict(type='fume_mm.collate_samples')  # keeps a missing gas missing
train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    # Started anew each epoch, resumed or not: a start draws from torch's generator.
    persistent_workers=False,
    drop_last=True,
    worker_init_fn=dict(type='fume_mm.seed_worker'),
    sampler=dict(type='ClassBalancedSampler'),
    collate_fn=collate,
    dataset=dict(
        type='DualGasDataset',
        data_root=data_root,
        ann_root=ann_root,
        decoded=decoded,
        scale=scale,
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
        ann_root=ann_root,
        decoded=decoded,
        scale=scale,
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
        ann_root=ann_root,
        decoded=decoded,
        scale=scale,
        ann_file='paired_test_annotations.csv',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
segmentation_metrics = [dict(type='SegmentationMetric')]
health_metrics = [dict(type='HealthMetric')]
val_evaluator = dict(
    type='DualGasEvaluator', metrics=[*segmentation_metrics, *health_metrics]
)
# outlines take longer to compare than masks, so only the test does
mask_metrics = [*segmentation_metrics, dict(type='BoundaryMetric')]
test_evaluator = dict(type='DualGasEvaluator', metrics=[*mask_metrics, *health_metrics])
