"""What the heads use where a config does not say."""

from ..losses import FocalDiceLoss, SoftmaxFocalLoss

# Classes, not names: they are found whatever the default scope is.


def segmentation_loss() -> dict:
    """FUME's segmentation loss."""
    return {'type': FocalDiceLoss}


def health_loss() -> dict:
    """FUME's classification loss: α counters the campaign's class frequencies."""
    return {'type': SoftmaxFocalLoss, 'gamma': 2.0, 'class_weight': (1.0, 8.0, 1.2)}
