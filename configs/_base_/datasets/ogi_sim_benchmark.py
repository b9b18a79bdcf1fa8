# The simulator's hard preset (low flow, low contrast, both polarities), for models that
# shall meet frames of other cameras; docs/simulation.md says how to make it.
# Training sees whole frames at 0.875 times their size on disk, as testing does, so that
# overlays along the frame's sides are learnt where they are; more often than not turned
# and at 0.7 to 1.4 times that size, so that threads are learnt at several, with black
# or a mirror image beyond the frame's edges. Every second frame is inverted (a camera
# of the other polarity); gain, level, gamma, blur and noise are other cameras'. Masks
# are scored at the size on disk.
_base_ = './ogi_sim.py'
data_root = 'data/ogi_benchmark'
scale = (560, 420)  # (width, height)
invert = dict(type='InvertImg', p=0.5)
affine = dict(
    type='Affine',
    translate_percent=(-0.1, 0.1),
    scale=(0.7, 1.4),
    rotate=(-12, 12),
    keep_ratio=True,
    balanced_scale=True,
    p=1.0,
)
train_pipeline = [
    dict(type='ModalityDropout', prob=0.1),
    *_base_.load_resized,
    dict(
        type='DualGasAugment',
        geometric=[
            dict(
                type='OneOf',
                # border_mode 4 is cv2.BORDER_REFLECT_101
                transforms=[affine, dict(affine, border_mode=4, p=0.5)],
                p=0.6,
            ),
            dict(type='HorizontalFlip', p=0.5),
        ],
        photometric=[
            invert,
            dict(
                type='RandomBrightnessContrast',
                brightness_limit=0.15,
                contrast_limit=(-0.4, 0.2),  # more gain would saturate
                p=0.8,
            ),
            dict(type='RandomGamma', gamma_limit=(60, 165), p=0.4),
            dict(type='GaussianBlur', blur_limit=(3, 5), p=0.2),
            dict(type='GaussNoise', std_range=(0.004, 0.025), p=0.3),
        ],
    ),
    _base_.pack,
]
# Whole frames, for what learns the plume's share of the frame: a crop would change it.
whole_frames = [
    _base_.modality_dropout,
    *_base_.load_resized,
    dict(
        type='DualGasAugment',
        geometric=[dict(type='HorizontalFlip', p=0.5)],
        photometric=[
            invert,
            dict(
                type='RandomBrightnessContrast',
                brightness_limit=0.1,
                contrast_limit=0.15,
                p=0.5,
            ),
        ],
    ),
    _base_.pack,
]
dataset = dict(data_root=data_root, scale=scale)
train_dataloader = dict(
    batch_size=4, num_workers=1, dataset=dict(dataset, pipeline=train_pipeline)
)
val_dataloader = dict(num_workers=1, dataset=dataset)
test_dataloader = dict(num_workers=1, dataset=dataset)
