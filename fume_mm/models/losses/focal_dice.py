"""Focal and Dice loss of masks in one pass, with their gradient, frame by frame.

The same as the functions of :mod:`.functional`, which are the definition: equal values
and gradients up to the order of float32 sums. What differs is where the work is done.
Autograd would keep some ten tensors at the size of the frames for all frames of a
batch. Here the gradient is worked out beside the loss, brought back to the size of the
logits at once, and only that is kept.

N batch, C classes, h, w size of the logits, H, W of the targets. P = H·W.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fume_mm.errors import UserError


class Numbers(NamedTuple):
    """What the two losses and their sum depend on beside logits and targets."""

    focal_weight: float
    dice_weight: float
    gamma: float
    smooth: float
    ignore_index: int | None = 255
    align_corners: bool = False


def focal_dice_loss(
    logits: Tensor,
    target: Tensor,
    numbers: Numbers,
    class_weight: Tensor | None = None,
) -> Tensor:
    """``focal_weight`` · mean focal loss + ``dice_weight`` · Dice loss.

    Args:
        logits: (N, C, h, w); enlarged bilinearly to the size of the target.
        target: (N, H, W) class ids, of any integer type, or ``ignore_index``.
        numbers: See :func:`~fume_mm.models.losses.softmax_focal_loss` and
            :func:`~fume_mm.models.losses.dice_loss`.
        class_weight: (C,), of both parts.

    Returns:
        A scalar, float32 (float64 for float64 logits). It can be differentiated once.

    Raises:
        UserError: If shapes or the number of class weights do not fit, or (on a CPU) if
            the target holds anything but class ids and ``ignore_index``.
    """
    if logits.dim() != 4 or target.dim() != 3 or len(logits) != len(target):
        raise UserError(
            f'logits {tuple(logits.shape)} and target {tuple(target.shape)} do not '
            'match; logits are (N, C, h, w) and the target is (N, H, W).'
        )
    if class_weight is not None and class_weight.shape != logits.shape[1:2]:
        raise UserError(
            f'class_weight has {class_weight.numel()} numbers, but there are '
            f'{logits.shape[1]} classes; give one number per class.'
        )
    if logits.dtype != torch.float64:
        logits = logits.float()
    return _FocalDice.apply(logits, target, numbers, class_weight)


class _FocalDice(torch.autograd.Function):
    """The sum over frames, and its gradient with respect to the logits."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        target: Tensor,
        numbers: Numbers,
        class_weight: Tensor | None,
    ) -> Tensor:
        if class_weight is not None:
            class_weight = class_weight.to(logits.dtype)
        differentiate = ctx.needs_input_grad[0]
        frames = max(len(target), 1)
        focal_scale = numbers.focal_weight / _valid(target, logits, numbers)
        # One frame at a time stays in a CPU's cache; a GPU wants them all at once.
        step = 1 if logits.device.type == 'cpu' else frames
        loss = logits.new_zeros(())
        gradients: list[Tensor] = []
        for start in range(0, len(target), step):
            small = logits[start : start + step].detach().contiguous()
            with torch.enable_grad():
                full = _enlarge(small.requires_grad_(), target.shape[1:], numbers)
            part, gradient = _frames(
                full.detach(),
                target[start : start + step],
                numbers,
                alpha=class_weight,
                scales=(focal_scale, numbers.dice_weight / frames),
                differentiate=differentiate,
            )
            loss += part
            if gradient is not None:
                gradients += torch.autograd.grad(full, small, gradient)
        if gradients:
            ctx.save_for_backward(torch.cat(gradients))
        elif differentiate:
            ctx.save_for_backward(torch.zeros_like(logits))
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grad_output, None, None, None


def _valid(target: Tensor, logits: Tensor, numbers: Numbers) -> Tensor:
    """How many targets count, at least 1, as a scalar of the logits' type."""
    last = logits.shape[1] - 1
    ignored = torch.zeros_like(target, dtype=torch.bool)
    if numbers.ignore_index is not None:
        ignored = target == numbers.ignore_index
    # to ask a GPU would be to wait for it
    if (
        target.device.type == 'cpu'
        and not ((target.clamp(0, last) == target) | ignored).all()
    ):
        raise UserError(
            f'the target holds {target.unique().tolist()}, but its classes are 0 to '
            f'{last}, and {numbers.ignore_index} is ignored; correct the masks or '
            'num_classes.'
        )
    return (~ignored).sum().clamp(min=1).to(logits.dtype)


def _enlarge(x: Tensor, size: Sequence[int], numbers: Numbers) -> Tensor:
    if x.shape[2:] == tuple(size):
        return x
    return F.interpolate(
        x, size=tuple(size), mode='bilinear', align_corners=numbers.align_corners
    )


def _frames(
    logits: Tensor,
    target: Tensor,
    numbers: Numbers,
    *,
    alpha: Tensor | None,
    scales: tuple[Tensor, float],
    differentiate: bool,
) -> tuple[Tensor, Tensor | None]:
    """What n frames add to the loss, and the gradient of that.

    With p the probabilities, t the true class, q = 1 − p_t, l = log p_t, and S, O the
    sums of a frame's Dice loss 1 − (2 O_c + s) / (S_c + s):

    - d focal / d l = α_t (γ l p_t q^(γ−1) − q^γ), and d l / d z_c = [c = t] − p_c;
    - d Dice / d p_c = a_c + [c = t] b_c with a_c = (2 O_c + s) / (S_c + s)² and
      b_c = −2 / (S_c + s), and d p_k / d z_c = p_k ([k = c] − p_c).

    So d / d z_c = p_c (a_c − u) + [c = t] h with h = d focal / d l + b_t p_t and
    u = h + Σ a_k p_k. Ignored pixels have p = 0 and no class, hence no part in this.

    Args:
        logits: (n, C, H, W).
        target: (n, H, W).
        numbers: Of the losses.
        alpha: (C,) class weights; None is 1 for each.
        scales: What the focal sum and each frame's Dice loss are multiplied by.
        differentiate: Whether the gradient is wanted.

    Returns:
        A scalar, and (n, C, H, W) or None.
    """
    focal_scale, dice_scale = scales
    planes = logits.flatten(2).unbind(1)  # (n, P) each: quick to go through
    ids = target.flatten(1).to(logits.dtype)
    is_class = [ids.clone().eq_(c) for c in range(len(planes))]  # floats, 0 or 1
    valid = torch.ones_like(ids)
    if numbers.ignore_index is not None:
        valid = ids.ne_(numbers.ignore_index)
    top = planes[0]
    for plane in planes[1:]:
        top = torch.maximum(top, plane)
    probs = [(plane - top).exp_() for plane in planes]
    total = torch.zeros_like(top)
    for prob in probs:
        total += prob
    log_true = total.log().add_(top).neg_()
    for here, plane in zip(is_class, planes, strict=True):
        log_true.addcmul_(here, plane)
    log_true *= valid
    total.reciprocal_().mul_(valid)
    true, miss = torch.zeros_like(top), torch.zeros_like(top)
    overlaps, counts, sums = [], [], []
    for here, prob in zip(is_class, probs, strict=True):
        prob *= total
        hit = here * prob
        true += hit
        miss += prob
        miss -= hit
        overlaps.append(hit.sum(dim=1))
        counts.append(here.sum(dim=1))
        sums.append(prob.sum(dim=1))
    overlap, count = torch.stack(overlaps, dim=1), torch.stack(counts, dim=1)
    # Below a γ of 1 the power has an infinite slope at 0; the clamp cuts it off.
    miss.clamp_(min=torch.finfo(miss.dtype).tiny)
    power = miss.pow(numbers.gamma)
    weight = None
    if alpha is not None:
        weight = torch.zeros_like(top)
        for here, factor in zip(is_class, alpha, strict=True):
            weight.addcmul_(here, factor)
        power *= weight
    focal = -(power * log_true).sum()
    above, below = 2 * overlap + numbers.smooth, torch.stack(sums, dim=1) + count
    below += numbers.smooth
    share = logits.new_full((len(planes),), dice_scale / len(planes))
    if alpha is not None:
        share = dice_scale * alpha / alpha.sum()
    loss = focal_scale * focal + (share * (1 - above / below)).sum()
    if not differentiate:
        return loss, None
    both = (share * above / below.square()).unbind(1)
    own = (-2 * share / below).unbind(1)
    slope = log_true.mul_(true).mul_(miss.pow_(numbers.gamma - 1)).mul_(numbers.gamma)
    if weight is not None:
        slope *= weight
    slope.sub_(power).mul_(focal_scale)
    common = torch.zeros_like(top)
    for here, prob, a, b in zip(is_class, probs, both, own, strict=True):
        slope.addcmul_(here * prob, b[:, None])
        common.addcmul_(prob, a[:, None])
    common += slope
    gradient = torch.empty_like(logits)
    rows = gradient.flatten(2).unbind(1)
    for row, here, prob, a in zip(rows, is_class, probs, both, strict=True):
        torch.sub(a[:, None], common, out=row).mul_(prob).addcmul_(here, slope)
    return loss, gradient
