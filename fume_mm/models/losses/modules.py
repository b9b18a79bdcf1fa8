"""Losses as registered modules, with mmsegmentation's signature.

N batch, C classes, ``...`` any further axes: none for a class per sample, (H, W) for a
mask.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS

from .functional import dice_loss, softmax_focal_loss


class _Loss(nn.Module):
    """A loss with a weight and the name under which logs show it."""

    def __init__(
        self,
        class_weight: Sequence[float] | None,
        loss_weight: float,
        loss_name: str,
    ) -> None:
        super().__init__()
        # A buffer follows the model to its device; what it holds belongs to the config,
        # not to the checkpoint.
        self.class_weight: Tensor | None
        self.register_buffer(
            'class_weight',
            None if class_weight is None else torch.tensor([*map(float, class_weight)]),
            persistent=False,
        )
        self.loss_weight = loss_weight
        self._loss_name = loss_name

    @property
    def loss_name(self) -> str:
        """Key of this loss; only keys that hold ``loss`` take part in the total."""
        return self._loss_name

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = 255,
    ) -> Tensor:
        """The weighted loss, a scalar.

        Args:
            pred: Logits (N, C, ...).
            target: (N, ...) int64 class ids.
            weight: (N, ...) factor per target.
            ignore_index: Target that does not count.
        """
        options = {
            'class_weight': self.class_weight,
            'weight': weight,
            'ignore_index': ignore_index,
        }
        return self.loss_weight * self.compute(pred, target, **options)

    def compute(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        """The loss without ``loss_weight``; ``options`` go to the loss functions."""
        raise NotImplementedError


@MODELS.register_module()
class SoftmaxFocalLoss(_Loss):
    """Mean of :func:`~fume_mm.models.losses.softmax_focal_loss`.

    Args:
        gamma: Focusing parameter γ ≥ 0.
        class_weight: α, one number per class.
        loss_weight: Factor of the loss.
        loss_name: Key of the loss.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        *,
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_focal',
    ) -> None:
        super().__init__(class_weight, loss_weight, loss_name)
        self.gamma = _not_negative('gamma', gamma)

    def compute(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        """See :func:`~fume_mm.models.losses.softmax_focal_loss`."""
        return softmax_focal_loss(pred, target, gamma=self.gamma, **options)


@MODELS.register_module()
class DiceLoss(_Loss):
    """:func:`~fume_mm.models.losses.dice_loss`.

    Args:
        smooth: Added to numerator and denominator; positive.
        class_weight: Weights of the mean over classes.
        loss_weight: Factor of the loss.
        loss_name: Key of the loss.
    """

    def __init__(
        self,
        smooth: float = 1.0,
        *,
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_dice',
    ) -> None:
        super().__init__(class_weight, loss_weight, loss_name)
        self.smooth = _positive('smooth', smooth)

    def compute(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        """See :func:`~fume_mm.models.losses.dice_loss`."""
        return dice_loss(pred, target, smooth=self.smooth, **options)


@MODELS.register_module()
class FocalDiceLoss(_Loss):
    """FUME's segmentation loss: a weighted sum of focal and Dice loss.

    Args:
        focal_weight: Factor of the focal part.
        dice_weight: Factor of the Dice part.
        gamma: See :class:`SoftmaxFocalLoss`.
        smooth: See :class:`DiceLoss`.
        class_weight: Of both parts.
        loss_weight: Factor of the sum.
        loss_name: Key of the loss.
    """

    def __init__(
        self,
        focal_weight: float = 0.5,
        *,
        dice_weight: float = 0.5,
        gamma: float = 2.0,
        smooth: float = 1.0,
        class_weight: Sequence[float] | None = None,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_focal_dice',
    ) -> None:
        super().__init__(class_weight, loss_weight, loss_name)
        self.focal_weight = _not_negative('focal_weight', focal_weight)
        self.dice_weight = _not_negative('dice_weight', dice_weight)
        self.gamma = _not_negative('gamma', gamma)
        self.smooth = _positive('smooth', smooth)

    def compute(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        """The sum of both parts."""
        focal = softmax_focal_loss(pred, target, gamma=self.gamma, **options)
        dice = dice_loss(pred, target, smooth=self.smooth, **options)
        return self.focal_weight * focal + self.dice_weight * dice


def _not_negative(name: str, value: float) -> float:
    if value < 0:
        raise UserError(f'{name}={value} of a loss is negative; give 0 or more.')
    return value


def _positive(name: str, value: float) -> float:
    if value <= 0:
        raise UserError(f'{name}={value} of a loss is not positive; give more than 0.')
    return value
