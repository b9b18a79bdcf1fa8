"""FUME's objective as the configs state it, for tests that build parts by hand."""

from typing import Any

from fume_mm.models import DualGasDataPreprocessor
from fume_mm.models.losses import FocalDiceLoss, SoftmaxFocalLoss

# Classes, not names: they are found whatever the default scope is.
PREPROCESSOR = {'type': DualGasDataPreprocessor, 'mean': 127.5, 'std': 127.5}
WEIGHTS: dict[str, Any] = {'class_weight': None, 'loss_weight': 1.0}
FOCAL_DICE = {'focal_weight': 0.5, 'dice_weight': 0.5, 'gamma': 2.0, 'smooth': 1.0}
LOSS_DECODE = {'type': FocalDiceLoss, **FOCAL_DICE, **WEIGHTS}
HEALTH_LOSS = {
    'type': SoftmaxFocalLoss,
    'gamma': 2.0,
    **WEIGHTS,
    'class_weight': (1.0, 8.0, 1.2),
}
#: Of a decode head and of a health head.
MASKS: dict[str, Any] = {'loss_decode': LOSS_DECODE, 'dropout_ratio': 0.1}
HEALTH: dict[str, Any] = {'loss': HEALTH_LOSS, 'dropout': 0.5}
