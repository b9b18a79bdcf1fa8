"""Scores of class probabilities: ranking (ROC, precision-recall) and calibration.

The ranking scores take weights, R sets of them at a time, because a resample is a set
of weights; all ones is the plain score.
"""

from typing import Any

import numpy as np

from .confusion import quotient

#: Bins of the calibration error, equally wide.
BINS = 15
#: A curve keeps at most so many of its points.
CURVE_POINTS = 500


def rank_scores(
    scores: np.ndarray, positive: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Area under the ROC curve and average precision of one class against the rest.

    Equal scores are one step of both curves. The area is the trapezoidal one,
    the average precision ``sum((recall_k - recall_{k-1}) * precision_k)`` without
    interpolation, both as scikit-learn's.

    Args:
        scores: (N,), the higher, the more it is the class.
        positive: (N,) bool, whether it is.
        weights: (R, N), how often each sample counts.

    Returns:
        (R, 2): area, NaN unless there are samples of the class and of others; average
        precision, NaN without a sample of the class.
    """
    if not len(scores):
        return np.full((len(weights), 2), np.nan)
    order = np.argsort(-scores, kind='stable')
    ordered = scores[order]
    # the last sample of each run of equal scores
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    weights = weights[:, order]
    hits = np.cumsum(weights * positive[order], axis=1)[:, ends]
    false = np.cumsum(weights * ~positive[order], axis=1)[:, ends]
    new_hits = np.diff(hits, axis=1, prepend=0)
    new_false = np.diff(false, axis=1, prepend=0)
    area = (new_false * (hits - new_hits / 2)).sum(axis=1)
    average = np.nansum(new_hits * quotient(hits, hits + false), axis=1)
    all_hits, all_false = hits[:, -1], false[:, -1]
    return np.stack(
        [quotient(area, all_hits * all_false), quotient(average, all_hits)], axis=1
    )


def calibration_parts(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """What :func:`calibration_error` adds up, per sample.

    Bin k is ``(k / 15, (k + 1) / 15]``; a confidence of 0 is in the first.

    Args:
        confidence: Probability of the predicted class, (N,).
        correct: Whether the predicted class is the true one, (N,) bool.

    Returns:
        (N, 3, 15): sample count, confidence and hits in the sample's bin, 0 elsewhere.
    """
    parts = np.zeros((len(confidence), 3, BINS))
    bins = np.searchsorted(np.arange(1, BINS) / BINS, confidence, side='left')
    values = np.stack([np.ones(len(confidence)), confidence, correct], axis=1)
    parts[np.arange(len(confidence)), :, bins] = values
    return parts


def calibration_error(totals: np.ndarray) -> np.ndarray:
    """Expected calibration error (Guo et al., ICML 2017) of the predicted class.

    ``sum_k n_k / N |accuracy_k - mean confidence_k|``; empty bins add nothing.

    Args:
        totals: (..., 3, 15), sums of :func:`calibration_parts`.
    """
    gap = np.abs(totals[..., 1, :] - totals[..., 2, :]).sum(-1)
    return quotient(gap, totals[..., 0, :].sum(-1))


def brier_parts(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Brier's score of each sample: ``sum_c (p_c - y_c)^2``, 0 to 2.

    Args:
        probabilities: (N, C).
        truth: Class ids, (N,).
    """
    target = np.eye(probabilities.shape[1])[truth]
    return ((probabilities - target) ** 2).sum(axis=1)


def reliability(totals: np.ndarray) -> dict[str, list]:
    """The reliability curve, from the sums of :func:`calibration_parts`, for JSON.

    Returns:
        ``edges`` (16); ``samples``, ``confidence`` and ``accuracy`` of each of the 15
        bins, the means null for an empty one.
    """
    means = quotient(totals[1:], totals[0])
    confidence, accuracy = means.astype(object)
    confidence[np.isnan(means[0])] = accuracy[np.isnan(means[1])] = None
    return {
        'edges': [k / BINS for k in range(BINS + 1)],
        'samples': totals[0].astype(int).tolist(),
        'confidence': confidence.tolist(),
        'accuracy': accuracy.tolist(),
    }


def curves(scores: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    """Points of the ROC and the precision-recall curve, for JSON.

    Args:
        scores: (N,), the higher, the more it is the class.
        positive: (N,) bool, whether it is.

    Returns:
        ``roc`` with ``fpr`` and ``tpr``, ``pr`` with ``recall`` and ``precision``, each
        null where undefined; of a longer curve :data:`CURVE_POINTS` points, evenly
        spaced by rank.
    """
    from sklearn.metrics import precision_recall_curve, roc_curve  # a second to import

    found: dict[str, Any] = {'roc': None, 'pr': None}
    if positive.any() and not positive.all():
        fpr, tpr, _ = roc_curve(positive, scores)
        found['roc'] = {'fpr': _thinned(fpr), 'tpr': _thinned(tpr)}
    if positive.any():
        precision, recall, _ = precision_recall_curve(
            positive, scores, drop_intermediate=True
        )
        found['pr'] = {'recall': _thinned(recall), 'precision': _thinned(precision)}
    return found


def _thinned(points: np.ndarray) -> list[float]:
    count = min(len(points), CURVE_POINTS)
    kept = np.linspace(0, len(points) - 1, count).round().astype(int)
    return points[kept].tolist()
