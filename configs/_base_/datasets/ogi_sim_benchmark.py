# The simulator's hard preset (low flow, low contrast, both polarities), for models that
# shall meet frames of other cameras; docs/simulation.md says how to make it.
# Training sees whole frames at 0.875 times their size on disk, as testing does, so that
# overlays along the frame's sides are learnt where they are; every second time a crop,
# at 0.875 to 1.5 times, so that threads are learnt at several sizes. Every second frame
# is inverted (a camera of the other polarity). Masks are scored at the size on disk.
_base_ = './ogi_sim.py'
data_root = 'data/ogi_benchmark'
scale = (560, 420)  # (width, height)
size = scale[::-1]  # (height, width)
invert = dict(type='InvertImg', p=0.5)
train_pipeline = [
    dict(type='ModalityDropout', prob=0.1),
    *_base_.load,
    dict(
        type='DualGasAugment',
        geometric=[
            dict(
                type='OneOf',
                transforms=[
                    dict(
                        type='RandomResizedCrop',
                        size=size,
                        scale=(0.35, 1.0),
                        ratio=(1.2, 1.5),
                    ),
                    dict(type='Resize', height=size[0], width=size[1]),
                ],
                p=1.0,
            ),
            dict(type='HorizontalFlip', p=0.5),
            dict(type='Rotate', limit=12, p=0.3),
        ],
        photometric=[
            invert,
            dict(
                type='RandomBrightnessContrast',
                brightness_limit=0.2,
                contrast_limit=0.3,
                p=0.5,
            ),
            dict(type='RandomGamma', gamma_limit=(70, 140), p=0.3),
            dict(type='GaussianBlur', blur_limit=(3, 5), p=0.1),
        ],
    ),
    dict(type='ResizeDualGas'),  # nothing to do, unless another scale is given
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
