"""What the heads use where a config does not say."""

from ..losses import FocalDiceLoss, SoftmaxFocalLoss

# Classes, not names: they are found whatever the default scope is.


def segmentation_loss() -> dict:
    """FUME's segmentation loss."""
    return {'type': FocalDiceLoss}


def health_loss() -> dict:
    """FUME's classification loss: α counters the campaign's class frequencies."""
    return {'type': SoftmaxFocalLoss, 'gamma': 2.0, 'class_weight': (1.0, 8.0, 1.2)}


def decode_head_init() -> list[dict]:
    """Kaiming's for the convolutions, mmseg's narrow normal for the last one."""
    return [
        {'type': 'Kaiming', 'layer': 'Conv2d'},
        {'type': 'Normal', 'std': 0.01, 'override': {'name': 'conv_seg'}},
    ]
