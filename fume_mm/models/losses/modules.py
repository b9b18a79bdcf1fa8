"""Losses as registered modules, with mmsegmentation's signature.

N batch, C classes, ``...`` any further axes: none for a class per sample, (H, W) for a
mask. No number of theirs has a default: the config that is saved states them all.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS

from .class_weights import WeightRule
from .focal_dice import Numbers, focal_dice_loss
from .functional import dice_loss, ordinal_loss, softmax_focal_loss


class WeightedLoss(nn.Module):
    """A loss with weights and the name under which logs show it.

    Args:
        class_weight: One number per class; None is 1 for each. A
            :class:`~.class_weights.WeightRule` ('auto') is 1 for each until training
            starts, which chooses by the training split's counts and writes the numbers
            into the run's config.
        loss_weight: Factor of the loss.
        loss_name: Key of the loss; only keys that hold ``loss`` take part in the total.

    Attributes:
        rule: How the class weights are chosen; None if they are given.
    """

    def __init__(
        self,
        *,
        class_weight: Sequence[float] | Sequence[str | float] | str | None,
        loss_weight: float,
        loss_name: str,
    ) -> None:
        super().__init__()
        # A buffer follows the model to its device; what it holds belongs to the config,
        # not to the checkpoint.
        self.class_weight: Tensor | None
        self.register_buffer('class_weight', None, persistent=False)
        self.rule = WeightRule.parse(class_weight)
        if class_weight is not None and self.rule is None:
            self.set_class_weight(class_weight)  # type: ignore[arg-type]
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def set_class_weight(
        self, values: Sequence[float], device: torch.device | None = None
    ) -> None:
        """Take these class weights, one per class, on the model's device."""
        self.class_weight = torch.tensor([*map(float, values)], device=device)

    def number(self, name: str, value: float, *, positive: bool = False) -> float:
        """``value``; a UserError if it is negative, or 0 and to be ``positive``."""
        if value < 0 or (positive and value == 0):
            least = 'more than 0' if positive else '0 or more'
            raise UserError(f'{name}={value} of a loss: give {least}.')
        return value

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
            target: (N, ...) class ids, of any integer type.
            weight: (N, ...) factor per target.
            ignore_index: Target that does not count.
        """
        options = {'weight': weight, 'ignore_index': ignore_index}
        loss = self.compute(pred, target, class_weight=self.class_weight, **options)
        return self.loss_weight * loss

    def compute(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        """The loss without ``loss_weight``; ``options`` go to the loss functions."""
        raise NotImplementedError


def check_class_weight(
    loss: nn.Module, num_classes: int, head: str, *, counted: bool = False
) -> None:
    """Refuse a loss that weighs another number of classes than its head has.

    Args:
        loss: A loss, or several in a list of modules.
        num_classes: The head's.
        head: What the head is called in the config.
        counted: Whether the training split's samples of its classes are counted, so
            that a rule can choose.

    Raises:
        UserError: Naming the config's keys.
    """
    for part in loss if isinstance(loss, nn.ModuleList) else (loss,):
        if isinstance(part, WeightedLoss) and part.rule and not counted:
            raise UserError(
                f'{head}: class_weight of its {type(part).__name__} is '
                f'{part.rule.name!r}, but pixels are not counted before training; give '
                'one number per class, or None (Dice weighs the classes alike).'
            )
        weights = getattr(part, 'class_weight', None)
        if weights is not None and len(weights) != num_classes:
            raise UserError(
                f'{head}: class_weight of its {type(part).__name__} has '
                f'{len(weights)} numbers, but num_classes is {num_classes}; give one '
                'number per class, or class_weight=None.'
            )


@MODELS.register_module()
class SoftmaxFocalLoss(WeightedLoss):
    """Mean of :func:`~fume_mm.models.losses.softmax_focal_loss`.

    Args:
        gamma: Focusing parameter γ ≥ 0.
        loss_name: Key of the loss.
        **weights: Of :class:`WeightedLoss`; ``class_weight`` is α.
    """

    def __init__(
        self, *, gamma: float, loss_name: str = 'loss_focal', **weights: Any
    ) -> None:
        super().__init__(loss_name=loss_name, **weights)
        self.gamma = self.number('gamma', gamma)

    def compute(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        """The mean focal loss of logits (N, C, ...)."""
        return softmax_focal_loss(pred, target, gamma=self.gamma, **options)


@MODELS.register_module()
class DiceLoss(WeightedLoss):
    """:func:`~fume_mm.models.losses.dice_loss`.

    Args:
        smooth: Added to numerator and denominator; positive.
        loss_name: Key of the loss.
        **weights: Of :class:`WeightedLoss`; ``class_weight`` weighs the mean over
            classes.
    """

    def __init__(
        self, *, smooth: float, loss_name: str = 'loss_dice', **weights: Any
    ) -> None:
        super().__init__(loss_name=loss_name, **weights)
        self.smooth = self.number('smooth', smooth, positive=True)

    def compute(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        """The Dice loss of logits (N, C, ...)."""
        return dice_loss(pred, target, smooth=self.smooth, **options)


@MODELS.register_module()
class OrdinalLoss(WeightedLoss):
    """:func:`~fume_mm.models.losses.ordinal_loss`, for classes that are cuts of one
    axis, as those of health are of pH.

    Args:
        sharpness: How little is asked of the neighbours; positive.
        loss_name: Key of the loss.
        **weights: Of :class:`WeightedLoss`; ``class_weight`` is of the true class.
    """

    def __init__(
        self, *, sharpness: float, loss_name: str = 'loss_ordinal', **weights: Any
    ) -> None:
        super().__init__(loss_name=loss_name, **weights)
        self.sharpness = self.number('sharpness', sharpness, positive=True)

    def compute(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        """The mean loss of logits (N, C, ...)."""
        return ordinal_loss(pred, target, sharpness=self.sharpness, **options)


@MODELS.register_module()
class FocalDiceLoss(WeightedLoss):
    """FUME's segmentation loss: a weighted sum of focal and Dice loss.

    Args:
        focal_weight: Factor of the focal part.
        dice_weight: Factor of the Dice part.
        gamma: See :class:`SoftmaxFocalLoss`.
        smooth: See :class:`DiceLoss`.
        loss_name: Key of the loss.
        **weights: Of :class:`WeightedLoss`; ``class_weight`` is of both parts.
    """

    def __init__(
        self,
        *,
        focal_weight: float,
        dice_weight: float,
        gamma: float,
        smooth: float,
        loss_name: str = 'loss_focal_dice',
        **weights: Any,
    ) -> None:
        super().__init__(loss_name=loss_name, **weights)
        self.focal_weight = self.number('focal_weight', focal_weight)
        self.dice_weight = self.number('dice_weight', dice_weight)
        self.gamma = self.number('gamma', gamma)
        self.smooth = self.number('smooth', smooth, positive=True)

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = 255,
        *,
        align_corners: bool = False,
    ) -> Tensor:
        """The weighted loss; see :class:`WeightedLoss`.

        Masks without ``weight`` go through
        :func:`~fume_mm.models.losses.focal_dice.focal_dice_loss`, which takes logits
        (N, C, h, w) smaller than the target as well and enlarges them, as
        ``align_corners`` says.
        """
        if weight is not None or pred.dim() != 4:
            return super().forward(pred, target, weight, ignore_index)
        numbers = Numbers(
            self.focal_weight,
            self.dice_weight,
            self.gamma,
            self.smooth,
            ignore_index,
            align_corners,
        )
        loss = focal_dice_loss(pred, target, numbers, self.class_weight)
        return self.loss_weight * loss

    def compute(self, pred: Tensor, target: Tensor, **options: Any) -> Tensor:
        """The weighted sum of both parts for logits (N, C, ...)."""
        focal = softmax_focal_loss(pred, target, gamma=self.gamma, **options)
        dice = dice_loss(pred, target, smooth=self.smooth, **options)
        return self.focal_weight * focal + self.dice_weight * dice
