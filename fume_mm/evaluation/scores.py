"""Scores as pure functions of a confusion matrix (rows: truth, columns: prediction).

A quotient with a zero denominator says nothing about the model: it is NaN, and means
leave it out. A mean over nothing is NaN too.
"""

import numpy as np
import torch
from torch import Tensor

from fume_mm.errors import UserError
from fume_mm.structures import GAS, HEALTH_CLASSES, SEG_CLASSES


def confusion_matrix(
    truth: Tensor, prediction: Tensor, *, num_classes: int, ignore_index: int = 255
) -> Tensor:
    """Count how often each true class is predicted as each class.

    Args:
        truth: Class ids of any shape, integer, or ``ignore_index``.
        prediction: Class ids of the same shape, integer.
        num_classes: Number of classes C.
        ignore_index: Elements whose truth is this are not counted.

    Returns:
        (C, C) int64, rows truth, columns prediction, on the device of the input.

    Raises:
        UserError: If the shapes differ or a value is not a class id.
    """
    if truth.shape != prediction.shape:
        raise UserError(
            f'the truth has the shape {tuple(truth.shape)}, the prediction '
            f'{tuple(prediction.shape)}; predict at the size of the truth.'
        )
    counted = truth != ignore_index
    truth, prediction = truth[counted].long(), prediction[counted].long()
    for name, values in (('truth', truth), ('prediction', prediction)):
        if values.numel() and not 0 <= values.min() <= values.max() < num_classes:
            wrong = [v for v in values.unique().tolist() if not 0 <= v < num_classes]
            raise UserError(
                f'the {name} holds {wrong}, but its classes are 0 to '
                f'{num_classes - 1} (and {ignore_index} in the truth, for ignored '
                'pixels); correct the masks or the number of classes.'
            )
    pairs = truth * num_classes + prediction
    counts = torch.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def segmentation_scores(confusion: np.ndarray) -> dict[str, float]:
    """Overlap scores of the classes of :data:`SEG_CLASSES`.

    Per class ``IoU = TP / (TP + FP + FN)`` and ``Dice = 2 TP / (2 TP + FP + FN)``. A
    class that is neither in the truth nor in the prediction has NaN and is left out of
    the means; one that is only in the prediction has 0 and counts.

    Args:
        confusion: (3, 3) pixel counts.

    Returns:
        ``mIoU``, ``mDice``, ``pixel_accuracy``, ``gas_IoU`` (the headline name of
        ``IoU/gas``), ``IoU/<class>`` and ``Dice/<class>``, all in 0 to 1.
    """
    counts, hits, true, predicted = _marginals(confusion, len(SEG_CLASSES))
    iou = _quotient(hits, true + predicted - hits)
    dice = _quotient(2 * hits, true + predicted)
    scores = {
        'mIoU': _mean(iou),
        'mDice': _mean(dice),
        'pixel_accuracy': float(_quotient(hits.sum(), counts.sum())),
        'gas_IoU': float(iou[GAS]),
    }
    for label, values in (('IoU', iou), ('Dice', dice)):
        scores |= {
            f'{label}/{name}': float(value)
            for name, value in zip(SEG_CLASSES, values, strict=True)
        }
    return scores


def classification_scores(confusion: np.ndarray) -> dict[str, float]:
    """Scores of the health classes, :data:`HEALTH_CLASSES`.

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
        confusion: (3, 3) sample counts.

    Returns:
        The scores above and ``accuracy``; all but the supports are fractions.
    """
    counts, hits, true, predicted = _marginals(confusion, len(HEALTH_CLASSES))
    total = counts.sum()
    precision = _quotient(hits, predicted)
    recall = _quotient(hits, true)
    f1 = _quotient(2 * hits, true + predicted)
    observed = _quotient(hits.sum(), total)
    chance = _quotient((true * predicted).sum(), total**2)
    scores = {
        'accuracy': float(observed),
        'balanced_accuracy': _mean(recall),
        'macro_f1': _mean(f1),
        'weighted_f1': float(_quotient(np.nansum(f1 * true), total)),
        'kappa': float(_quotient(observed - chance, 1 - chance)),
    }
    for label, values in (('precision', precision), ('recall', recall), ('f1', f1)):
        scores |= {
            f'{label}/{name}': float(value)
            for name, value in zip(HEALTH_CLASSES, values, strict=True)
        }
    scores |= {
        f'support/{name}': int(value)
        for name, value in zip(HEALTH_CLASSES, true, strict=True)
    }
    return scores


def _marginals(confusion: np.ndarray, num_classes: int) -> tuple[np.ndarray, ...]:
    """Counts as float64 with hits, true and predicted totals of every class."""
    assert confusion.shape == (num_classes, num_classes), confusion.shape
    counts = confusion.astype(np.float64)
    return counts, counts.diagonal(), counts.sum(1), counts.sum(0)


def _quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    # Every numerator here is 0 where its denominator is, so this gives NaN, not inf.
    with np.errstate(invalid='ignore'):
        return np.divide(numerator, denominator)


def _mean(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float('nan')
