# fume_fastscnn_benchmark (FUME on Fast-SCNN, arXiv 2601.08205), second stage: its masks
# stay as they are and a health head learns to read them. Beyond the original, the head
# also reads the sizes of the predicted plumes. The weights in demo/weights are its.
_base_ = './fume_fastscnn_benchmark.py'
load_from = 'work_dirs/fume_fastscnn_benchmark/last.pth'
model = dict(
    health_weight=1.0,
    health_head=dict(
        type='PlumeHealthHead', loss=dict(type='SoftmaxFocalLoss', gamma=0.0)
    ),
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='FreezeHook', parts=['backbone', 'decode_head']),
]
# Whole frames: a crop would change the plume's share of the frame.
train_pipeline = [
    dict(type='ModalityDropout', prob=0.2),
    dict(type='LoadDualGasFrames'),
    dict(type='LoadDualGasMasks'),
    dict(type='ResizeDualGas', scale=_base_.scale),
    dict(
        type='DualGasAugment',
        geometric=[dict(type='HorizontalFlip', p=0.5)],
        photometric=[
            dict(type='InvertImg', p=0.5),
            dict(
                type='RandomBrightnessContrast',
                brightness_limit=0.1,
                contrast_limit=0.15,
                p=0.5,
            ),
        ],
    ),
    dict(type='PackDualGasInputs'),
]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
