"""Losses: functions on tensors and the registered modules around them."""

from .functional import dice_loss, ordinal_loss, softmax_focal_loss
from .modules import DiceLoss, FocalDiceLoss, OrdinalLoss, SoftmaxFocalLoss

__all__ = [
    'DiceLoss',
    'FocalDiceLoss',
    'OrdinalLoss',
    'SoftmaxFocalLoss',
    'dice_loss',
    'ordinal_loss',
    'softmax_focal_loss',
]
