"""Losses: functions on tensors and the registered modules around them."""

from .class_weights import WeightRule
from .functional import dice_loss, ordinal_loss, softmax_focal_loss
from .modules import (
    DiceLoss,
    FocalDiceLoss,
    OrdinalLoss,
    SoftmaxFocalLoss,
    WeightedLoss,
)

__all__ = [
    'DiceLoss',
    'FocalDiceLoss',
    'OrdinalLoss',
    'SoftmaxFocalLoss',
    'WeightRule',
    'WeightedLoss',
    'dice_loss',
    'ordinal_loss',
    'softmax_focal_loss',
]
