"""Scores as pure functions of a confusion matrix (rows: truth, columns: prediction).

A quotient with a zero denominator says nothing about the model: it is NaN, and means
leave it out. A mean over nothing is NaN too. The score functions also take a stack of
matrices (..., C, C), such as the resamples of a bootstrap, and then give arrays (...).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from fume_mm.errors import UserError
from fume_mm.structures import HEALTH_CLASSES, IGNORE, SEG_CLASSES
from fume_mm.structures.labels import GAS_NAME


def confusion_matrix(
    truth: Tensor, prediction: Tensor, *, num_classes: int, ignore_index: int = IGNORE
) -> Tensor:
    """Count how often each true class is predicted as each class.

    Args:
        truth: Class ids of any shape, integer, or ``ignore_index``.
        prediction: Class ids of the same shape, integer.
        num_classes: Number of classes C.
        ignore_index: Elements whose truth is this are not counted.

    Returns:
        (C, C) int64, rows truth, columns prediction.

    Raises:
        UserError: If the shapes differ or a value is not a class id.
    """
    if truth.shape != prediction.shape:
        raise UserError(
            f'the truth has the shape {tuple(truth.shape)}, the prediction '
            f'{tuple(prediction.shape)}; predict at the size of the truth.'
        )
    masks = {'truth': truth.cpu().numpy(), 'prediction': prediction.cpu().numpy()}
    ignored = masks['truth'] == ignore_index
    for name, mask in masks.items():
        values = mask[~ignored] if ignored.any() else mask
        if values.size and not 0 <= values.min() <= values.max() < num_classes:
            wrong = [v for v in np.unique(values).tolist() if not 0 <= v < num_classes]
            raise UserError(
                f'the {name} holds {wrong}, but its classes are 0 to {num_classes - 1} '
                f'(and {ignore_index} in the truth, for ignored pixels); correct the '
                'masks or the number of classes.'
            )
    cells = num_classes**2
    kind: type[np.integer] = np.uint8 if cells < 255 else np.int64
    true, predicted = (mask.astype(kind, copy=False) for mask in masks.values())
    pairs = true * num_classes + predicted
    if ignored.any():
        pairs[ignored] = cells
    if kind is np.uint8:  # which bincount would make eight times as long first
        counts = [np.count_nonzero(pairs == cell) for cell in range(cells)]
    else:
        counts = np.bincount(pairs.ravel(), minlength=cells + 1)[:cells].tolist()
    return torch.tensor(counts).reshape(num_classes, num_classes)


def segmentation_scores(
    confusion: np.ndarray, classes: tuple[str, ...] = SEG_CLASSES
) -> dict[str, Any]:
    """Overlap scores of the classes of the masks.

    Per class ``IoU = TP / (TP + FP + FN)`` and ``Dice = 2 TP / (2 TP + FP + FN)``. A
    class that is neither in the truth nor in the prediction has NaN and is left out of
    the means; one that is only in the prediction has 0 and counts. ``precision = TP /
    (TP + FP)`` is NaN for a class that is never predicted, ``recall = TP / (TP + FN)``
    for one that is not in the truth.

    Args:
        confusion: (C, C) pixel counts, or (..., C, C).
        classes: Their C names, ``'gas'`` among them.

    Returns:
        ``mIoU``, ``mDice``, ``pixel_accuracy``, ``gas_IoU`` (the headline name of
        ``IoU/gas``), and ``IoU``, ``Dice``, ``precision`` and ``recall`` with
        ``/<class>``, all in 0 to 1.
    """
    counts, hits, true, predicted = _marginals(confusion, len(classes))
    iou = quotient(hits, true + predicted - hits)
    dice = quotient(2 * hits, true + predicted)
    scores = {
        'mIoU': mean_defined(iou),
        'mDice': mean_defined(dice),
        'pixel_accuracy': quotient(hits.sum(-1), counts.sum((-2, -1))),
        'gas_IoU': iou[..., classes.index(GAS_NAME)],
    }
    precision, recall = quotient(hits, predicted), quotient(hits, true)
    scores |= _by_class(classes, IoU=iou, Dice=dice, precision=precision, recall=recall)
    return plain(scores)


def classification_scores(
    confusion: np.ndarray, classes: tuple[str, ...] = HEALTH_CLASSES
) -> dict[str, Any]:
    """Scores of the health classes.

    - ``balanced_accuracy``: mean recall over the classes that occur in the truth.
    - ``f1/<class>`` ``= 2 TP / (2 TP + FP + FN)``: NaN only for a class that is neither
      in the truth nor predicted; ``macro_f1`` is the mean over the others, and
      ``weighted_f1`` the mean weighted by how often the classes occur in the truth.
    - ``precision/<class>``: NaN for a class that is never predicted;
      ``recall/<class>``: NaN for one that is not in the truth.
    - ``kappa``: Cohen's (Educational and Psychological Measurement 20, 1960),
      ``(p_o - p_e) / (1 - p_e)``; NaN where chance alone agrees always (truth and
      prediction know only one and the same class).
    - ``support/<class>``: true samples of the class.

    Args:
        confusion: (C, C) sample counts, or (..., C, C).
        classes: Their C names.

    Returns:
        The scores above and ``accuracy``; all but the supports are fractions.
    """
    counts, hits, true, predicted = _marginals(confusion, len(classes))
    total = counts.sum((-2, -1))
    precision = quotient(hits, predicted)
    recall = quotient(hits, true)
    f1 = quotient(2 * hits, true + predicted)
    observed = quotient(hits.sum(-1), total)
    chance = quotient((true * predicted).sum(-1), total**2)
    scores = {
        'accuracy': observed,
        'balanced_accuracy': mean_defined(recall),
        'macro_f1': mean_defined(f1),
        'weighted_f1': quotient(np.nansum(f1 * true, axis=-1), total),
        'kappa': quotient(observed - chance, 1 - chance),
    }
    scores |= _by_class(
        classes,
        precision=precision,
        recall=recall,
        f1=f1,
        support=true.astype(np.int64),
    )
    return plain(scores)


def _by_class(names: tuple[str, ...], **scores: np.ndarray) -> dict[str, Any]:
    return {
        f'{label}/{name}': values[..., index]
        for label, values in scores.items()
        for index, name in enumerate(names)
    }


def plain(scores: dict[str, Any]) -> dict[str, Any]:
    """Arrays (...) of scores by key; those without a dimension as Python's numbers."""
    arrays = {key: np.asarray(value) for key, value in scores.items()}
    return {key: value if value.ndim else value.item() for key, value in arrays.items()}


def quotient(numerator: Any, denominator: Any) -> np.ndarray:
    """``numerator / denominator``, NaN where the denominator is zero."""
    # Every numerator here is 0 where its denominator is, so this gives NaN, not inf.
    with np.errstate(invalid='ignore'):
        return np.divide(numerator, denominator)


def mean_defined(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is not NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    return quotient(np.where(defined, values, 0).sum(-1), defined.sum(-1))


def _marginals(confusion: np.ndarray, num_classes: int) -> tuple[np.ndarray, ...]:
    """Counts as float64 with hits, true and predicted totals of every class."""
    assert confusion.shape[-2:] == (num_classes, num_classes), confusion.shape
    counts = confusion.astype(np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return counts, hits, counts.sum(-1), counts.sum(-2)
