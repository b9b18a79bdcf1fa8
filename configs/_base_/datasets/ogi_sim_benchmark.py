# The simulator's hard preset (low flow, low contrast, both polarities), for models that
# shall meet frames of other cameras; docs/simulation.md says how to make it.
# Training sees crops of 30 to 90 % of a frame, so plumes at 0.5 to 0.9 times their size
# on disk, and every second frame inverted (a camera of the other polarity); testing
# sees whole frames at 0.75. Masks are scored at the size on disk.
_base_ = './ogi_sim.py'
data_root = 'data/ogi_benchmark'
scale = (480, 360)  # (width, height)
crop = (240, 320)  # (height, width)
train_pipeline = [
    dict(type='ModalityDropout', prob=0.1),
    dict(type='LoadDualGasFrames'),
    dict(type='LoadDualGasMasks'),
    dict(
        type='DualGasAugment',
        geometric=[
            dict(
                type='RandomResizedCrop', size=crop, scale=(0.3, 0.9), ratio=(1.2, 1.5)
            ),
            dict(type='HorizontalFlip', p=0.5),
            dict(type='Rotate', limit=12, p=0.3),
        ],
        photometric=[
            dict(type='InvertImg', p=0.5),
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
    dict(type='PackDualGasInputs'),
]
test_pipeline = [
    dict(type='LoadDualGasFrames'),
    dict(type='ResizeDualGas', scale=scale),
    dict(type='LoadDualGasMasks'),
    dict(type='PackDualGasInputs'),
]
tta_pipeline = [*test_pipeline[:-1], _base_.tta_views]
train_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=train_pipeline), num_workers=1
)
val_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline), num_workers=1
)
test_dataloader = dict(
    dataset=dict(data_root=data_root, pipeline=test_pipeline), num_workers=1
)
