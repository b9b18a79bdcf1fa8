"""Losses: functions on tensors and the registered modules around them."""

from .functional import dice_loss, softmax_focal_loss
from .modules import DiceLoss, FocalDiceLoss, SoftmaxFocalLoss

__all__ = [
    'DiceLoss',
    'FocalDiceLoss',
    'SoftmaxFocalLoss',
    'dice_loss',
    'softmax_focal_loss',
]
