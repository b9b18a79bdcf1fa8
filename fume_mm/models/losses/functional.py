"""Losses as functions on tensors.

N batch, C classes, ``...`` any further axes: none for a class per sample, (H, W) for a
mask. All is computed in float32 (float64 for float64 logits), so half precision cannot
overflow or round a probability to 0.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from fume_mm.errors import UserError


def softmax_focal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    class_weight: Sequence[float] | Tensor | None = None,
    weight: Tensor | None = None,
    ignore_index: int | None = 255,
    reduction: str = 'mean',
) -> Tensor:
    """Focal loss over softmax probabilities (Lin et al. 2017, equation 5).

    −α_t (1 − p_t)^γ log p_t, with p_t the probability of the true class t. As in FUME,
    α multiplies and does not normalise: the mean divides by the number of targets, not
    by the sum of their α.

    Args:
        logits: (N, C, ...).
        target: (N, ...) class ids, of any integer type.
        gamma: Focusing parameter γ ≥ 0; 0 is cross entropy.
        class_weight: α, one number per class; None is 1 for each.
        weight: (N, ...) factor per target; it does not change the mean's denominator.
        ignore_index: Target that counts neither in the sum nor in the mean's
            denominator.
        reduction: ``'mean'``, ``'sum'`` or ``'none'``.

    Returns:
        A scalar, or (N, ...) for ``'none'`` with 0 where ignored. The mean over no
        target at all is 0, with gradient 0.

    Raises:
        UserError: If shapes, the number of class weights or ``reduction`` are wrong.
    """
    logits, target, valid, alpha = _prepare(logits, target, class_weight, ignore_index)
    index = target.unsqueeze(1)
    log_p = logits.log_softmax(dim=1).gather(1, index).squeeze(1)
    # Below a γ of 1 the power has an infinite slope at 0; the clamp cuts it off.
    miss = (-log_p.expm1()).clamp(min=torch.finfo(log_p.dtype).tiny)
    loss = miss.pow(gamma) * -log_p
    if alpha is not None:
        loss = loss * alpha[target]
    if weight is not None:
        loss = loss * weight
    loss = torch.where(valid, loss, 0.0)
    if reduction == 'none':
        return loss
    if reduction == 'sum':
        return loss.sum()
    if reduction == 'mean':
        return loss.sum() / valid.sum().clamp(min=1)
    raise UserError(f"reduction={reduction!r} is none of 'mean', 'sum', 'none'.")


def dice_loss(
    logits: Tensor,
    target: Tensor,
    *,
    smooth: float = 1.0,
    class_weight: Sequence[float] | Tensor | None = None,
    weight: Tensor | None = None,
    ignore_index: int | None = 255,
) -> Tensor:
    """Soft Dice loss, mean over frames and classes.

    1 − (2 Σ p·t + s) / (Σ p + Σ t + s) per frame and class, sums over its pixels, after
    Milletari et al. (2016, section 3) but with plain sums in the denominator, as in
    FUME. A class that is neither in the frame's target nor predicted scores 0.

    Args:
        logits: (N, C, ...).
        target: (N, ...) class ids, of any integer type.
        smooth: s > 0.
        class_weight: Weights of the mean over classes; they are normalised to sum 1, so
            the loss stays in [0, 1].
        weight: (N, ...) factor per pixel in every sum.
        ignore_index: Target whose pixels are in no sum. A frame of nothing else
            counts 0.

    Returns:
        A scalar; 0 for a batch of no frame.

    Raises:
        UserError: If shapes or the number of class weights are wrong.
    """
    logits, target, valid, alpha = _prepare(logits, target, class_weight, ignore_index)
    share = valid.unsqueeze(1).to(logits.dtype)
    if weight is not None:
        share = share * weight.unsqueeze(1)
    truth = torch.zeros_like(logits).scatter_(1, target.unsqueeze(1), 1.0)
    truth = (truth * share).flatten(2)
    score = torch.where(valid.unsqueeze(1), logits.softmax(dim=1), 0.0)
    score = (score * share).flatten(2)
    # With the truth 0 or 1, Σ share·p·t is Σ over the true pixels of share·p.
    overlap = torch.where(truth > 0, score, 0.0).sum(dim=2)
    total = score.sum(dim=2) + truth.sum(dim=2)
    dice = 1 - (2 * overlap + smooth) / (total + smooth)
    if alpha is None:
        alpha = dice.new_ones(dice.shape[1])
    per_frame = (dice * alpha).sum(dim=1) / alpha.sum()
    return per_frame.sum() / max(len(per_frame), 1)


def ordinal_loss(
    logits: Tensor,
    target: Tensor,
    *,
    sharpness: float,
    class_weight: Sequence[float] | Tensor | None = None,
    weight: Tensor | None = None,
    ignore_index: int | None = 255,
) -> Tensor:
    """Cross entropy with targets that spread to the neighbours of the true class.

    Class j of a sample of class y is asked for with a probability proportional to
    exp(-sharpness |j - y|) (soft ordinal labels, Diaz and Marathe 2019, section 3), so
    that two classes off costs more than one. A large sharpness is cross entropy.

    Args:
        logits: (N, C, ...), the classes in their order.
        target: (N, ...) class ids, of any integer type.
        sharpness: Positive. With three classes, 3 asks for 0.95 of the true class at
            the ends and for 0.91 in the middle.
        class_weight: One number per true class; see :func:`softmax_focal_loss`.
        weight: (N, ...) factor per target; it does not change the mean's denominator.
        ignore_index: Target that does not count.

    Returns:
        A scalar, the mean over the targets that count; 0 for none.

    Raises:
        UserError: If shapes or the number of class weights are wrong.
    """
    logits, target, valid, alpha = _prepare(logits, target, class_weight, ignore_index)
    classes = torch.arange(logits.shape[1], device=logits.device, dtype=logits.dtype)
    asked = torch.softmax(-sharpness * (classes[:, None] - classes).abs(), dim=1)
    loss = -(asked[target].movedim(-1, 1) * logits.log_softmax(dim=1)).sum(dim=1)
    if alpha is not None:
        loss = loss * alpha[target]
    if weight is not None:
        loss = loss * weight
    return torch.where(valid, loss, 0.0).sum() / valid.sum().clamp(min=1)


def _prepare(
    logits: Tensor,
    target: Tensor,
    class_weight: Sequence[float] | Tensor | None,
    ignore_index: int | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Logits in full precision, targets safe to index with, valid mask, weights."""
    if logits.dim() < 2 or logits.shape[:1] + logits.shape[2:] != target.shape:
        raise UserError(
            f'logits {tuple(logits.shape)} and target {tuple(target.shape)} do not '
            'match; logits are (N, C, ...) and the target is (N, ...).'
        )
    if logits.dtype != torch.float64:
        logits = logits.float()
    target = target.long()
    if ignore_index is None:
        valid = torch.ones_like(target, dtype=torch.bool)
    else:
        valid = target != ignore_index
        target = torch.where(valid, target, 0)
    if class_weight is None:
        return logits, target, valid, None
    alpha = torch.as_tensor(class_weight, dtype=logits.dtype, device=logits.device)
    if alpha.shape != logits.shape[1:2]:
        raise UserError(
            f'class_weight has {alpha.numel()} numbers, but there are '
            f'{logits.shape[1]} classes; give one number per class.'
        )
    return logits, target, valid, alpha
