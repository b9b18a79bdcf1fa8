"""A clip in constant memory: its timeline, however long, and its verdict."""

from collections.abc import Mapping

import numpy as np

from fume_mm.structures import GASES, HEALTH_CLASSES, SEG_CLASSES
from fume_mm.structures.dual_gas_result import DualGasResult

#: What a timeline holds: areas as shares of the frame, class probabilities.
AREAS = tuple(f'{gas}_{kind}' for gas in GASES for kind in SEG_CLASSES[1:])
SCORES = tuple(f'p_{name.lower()}' for name in HEALTH_CLASSES)
COLUMNS = AREAS + SCORES
HOW = (
    'mean of the class probabilities of all instants with a prediction, each counted '
    'once; confidence is the highest mean, agreement the share of instants whose own '
    'most probable class it is. Neighbouring frames are alike, so this is no '
    'probability of being right'
)


def values_of(result: DualGasResult) -> dict[str, float]:
    """The columns of :data:`COLUMNS` that a result has."""
    values = {}
    for gas, areas in result.areas().items():
        size = result.masks[gas].size
        for kind in SEG_CLASSES[1:]:
            values[f'{gas}_{kind}'] = areas[kind] / size
    if result.health_scores is not None:
        values.update(zip(SCORES, result.health_scores.tolist(), strict=True))
    return values


class Timeline:
    """Means over equal stretches of time, a bounded number of them.

    When the clip outgrows them, neighbours are joined and the stretches double.

    Args:
        step: Seconds of a stretch at first.
        capacity: How many there may be; even.
    """

    def __init__(self, step: float, *, capacity: int = 2048) -> None:
        self.step = step
        self._sums = np.zeros((capacity, len(COLUMNS)))
        self._counts = np.zeros((capacity, len(COLUMNS)), np.int64)
        self._used = 0

    def add(self, time: float, values: Mapping[str, float]) -> None:
        """Add what one instant shows; ``time`` in seconds, 0 or more."""
        # an instant lies on the border of its stretch up to rounding
        place = int(time / self.step + 1e-6)
        while place >= len(self._sums):
            for array in (self._sums, self._counts):
                half = len(array) // 2
                array[:half] = array[0::2] + array[1::2]
                array[half:] = 0
            self.step *= 2
            self._used = (self._used + 1) // 2
            place = int(time / self.step + 1e-6)
        self._used = max(self._used, place + 1)
        for index, name in enumerate(COLUMNS):
            if name in values:
                self._sums[place, index] += values[name]
                self._counts[place, index] += 1

    def series(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Times (T,) at which stretches begin, and by column means (T,) or NaN."""
        sums, counts = self._sums[: self._used], self._counts[: self._used]
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        times = np.arange(self._used) * self.step
        return times, {name: means[:, i] for i, name in enumerate(COLUMNS)}


class Tally:
    """Running means over the instants of a clip."""

    def __init__(self) -> None:
        self.instants = 0
        self._sums = np.zeros(len(COLUMNS))
        self._counts = np.zeros(len(COLUMNS), np.int64)
        self._votes = np.zeros(len(HEALTH_CLASSES), np.int64)

    def add(self, values: Mapping[str, float]) -> None:
        """Add what one instant shows."""
        self.instants += 1
        for index, name in enumerate(COLUMNS):
            if name in values:
                self._sums[index] += values[name]
                self._counts[index] += 1
        if SCORES[0] in values:
            self._votes[int(np.argmax([values[name] for name in SCORES]))] += 1

    def mean_areas(self, gas: str) -> dict[str, float] | None:
        """Mean share of the frame of each class; None where the gas was never seen."""
        places = {kind: COLUMNS.index(f'{gas}_{kind}') for kind in SEG_CLASSES[1:]}
        if not all(self._counts[place] for place in places.values()):
            return None
        return {
            kind: float(self._sums[place] / self._counts[place])
            for kind, place in places.items()
        }

    def verdict(self) -> dict | None:
        """The clip's class and its confidence (:data:`HOW`); None without health."""
        judged = int(self._votes.sum())
        if not judged:
            return None
        means = self._sums[-len(HEALTH_CLASSES) :] / judged
        best = int(np.argmax(means))
        return {
            'class': HEALTH_CLASSES[best],
            'confidence': float(means[best]),
            'probabilities': dict(zip(HEALTH_CLASSES, means.tolist(), strict=True)),
            'agreement': float(self._votes[best] / judged),
            'instants': judged,
            'how': HOW,
        }
