# Training data as the original implementation of FUME (arXiv 2601.08205) treats them.
# - Its "elastic" deformation is in truth an affine map with displacements of tens of
#   pixels and black edges.
# - Its scaling keeps the aspect.
# - Photometry is drawn once for both gases, so it stands among what is shared.
# - Its blurs have kernels of 3, 5 or 7 pixels and the sigmas that OpenCV gives these.
# - The last batch of an epoch is kept, however small.
_base_ = './ogi_sim.py'
blurs = [
    dict(type='GaussianBlur', blur_limit=(k, k), sigma_limit=(sigma, sigma))
    for k, sigma in ((3, 0.8), (5, 1.1), (7, 1.4))
]
train_pipeline = [
    _base_.modality_dropout,
    *_base_.load_resized,
    dict(
        type='DualGasAugment',
        geometric=[
            _base_.augment['geometric'][0],
            dict(_base_.augment['geometric'][1], keep_ratio=True),
        ],
    ),
    dict(type='RandomTriangleAffine', shift=50.0, prob=0.3),
    dict(
        type='DualGasAugment',
        geometric=[
            dict(
                type='OneOf',
                transforms=[
                    # variances of 10 to 50 gray levels
                    dict(type='GaussNoise', std_range=(0.0124, 0.0277)),
                    dict(type='OneOf', transforms=blurs, p=1.0),
                    dict(type='MotionBlur', blur_limit=7),
                ],
                p=0.3,
            ),
            *_base_.augment['photometric'][1:],
        ],
    ),
    _base_.pack,
]
train_dataloader = dict(drop_last=False, dataset=dict(pipeline=train_pipeline))
