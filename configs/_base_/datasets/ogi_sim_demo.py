# The simulated demo campaign, for minutes on two CPU cores: 256x192 instead of 640x480,
# few and cheap augmentations, no loader processes (they would take the cores from the
# training). Masks are still scored at the size on disk.
_base_ = './ogi_sim.py'
scale = (256, 192)  # (width, height)
train_pipeline = [
    dict(type='ModalityDropout', prob=0.1),
    *_base_.load_resized,
    dict(
        type='DualGasAugment',
        geometric=[
            dict(type='HorizontalFlip', p=0.5),
            dict(
                type='Affine', translate_percent=(-0.05, 0.05), rotate=(-10, 10), p=0.3
            ),
        ],
        photometric=[
            dict(
                type='RandomBrightnessContrast',
                brightness_limit=0.15,
                contrast_limit=0.2,
                p=0.5,
            ),
        ],
    ),
    _base_.pack,
]
train_dataloader = dict(
    num_workers=0, dataset=dict(scale=scale, pipeline=train_pipeline)
)
val_dataloader = dict(num_workers=0, dataset=dict(scale=scale))
test_dataloader = dict(num_workers=0, dataset=dict(scale=scale))
