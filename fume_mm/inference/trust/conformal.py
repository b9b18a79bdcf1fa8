"""Sets of classes that hold the true one as often as they say, over vessels.

Frames of one vessel are alike, so what is exchangeable is a vessel, not a frame. Each
vessel counts once, its frames share its weight (hierarchical conformal prediction, Lee,
Barber and Willett, arXiv 2306.06342): for one frame of a new vessel of the same kind
the class is in the set with at least the probability asked for, whatever the model is
worth. With one frame a vessel it is split conformal prediction. The score of a class is
one minus its probability.
"""

from collections.abc import Sequence

import numpy as np

#: Shares of vessels; the one that is shown, and all that are kept.
LEVEL, LEVELS = 0.9, (0.8, 0.9, 0.95)


def threshold(scores: Sequence[np.ndarray], level: float) -> float:
    """The largest score that a class of the set may have.

    Args:
        scores: For each vessel the scores of its true class, one per frame, 0 to 1.
        level: Share of vessels.

    Returns:
        At most 1, at which every class is in the set: so it is with few vessels.
    """
    if not scores:
        return 1.0
    values = np.concatenate(scores)
    weights = np.concatenate([np.full(len(x), 1 / len(x)) for x in scores])
    order = np.argsort(values)
    # one vessel more, the new one, whose score may be anything
    reached = np.cumsum(weights[order]) >= level * (len(scores) + 1) - 1e-9
    return float(values[order][reached.argmax()]) if reached[-1] else 1.0


def class_set(probabilities: np.ndarray, limit: float) -> np.ndarray:
    """Which classes are in the set, (C,) bool; the most probable one always is."""
    # probabilities of float32, scores from a file: equal up to rounding is in
    inside = 1 - np.asarray(probabilities, np.float64) <= limit + 1e-6
    inside[int(np.argmax(probabilities))] = True
    return inside
