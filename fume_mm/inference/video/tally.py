"""A clip in constant memory: its timeline, however long, and its verdict."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult
from fume_mm.structures.labels import FUME_LABELS, Labels
from fume_mm.structures.verdict import Verdict

from ..trust.verdicts import VESSEL, Trust

HOW = (
    'mean of the class probabilities of all instants with a prediction that could be '
    'judged, each counted once; confidence is the highest mean, agreement the share of '
    'instants whose own most probable class it is. Neighbouring frames are alike, so '
    'neither is a probability of being right; the classes are those that a calibration '
    'on the means of whole vessels leaves, if the model has one'
)


def values_of(result: DualGasResult) -> dict[str, float]:
    """What is kept of a result: areas as shares of the frame, class probabilities.

    Probabilities of a frame without a verdict are not.
    """
    values = {
        f'{gas}_{kind}': shares[kind]
        for gas, shares in result.shares().items()
        for kind in result.labels.foreground
    }
    refused = result.verdict is not None and result.verdict.reasons
    scores = [] if refused else result.health_by_class().values()
    return values | dict(zip(result.labels.score_columns, scores, strict=False))


class Tally:
    """Means over equal stretches of time, a bounded number of them, and over all.

    When the clip outgrows them, neighbours are joined and the stretches double.

    Args:
        step: Seconds of a stretch at first.
        capacity: How many there may be; even.
        labels: What the classes are.
    """

    def __init__(
        self, step: float, *, capacity: int = 2048, labels: Labels = FUME_LABELS
    ) -> None:
        self.step, self.labels = step, labels
        kinds = labels.foreground
        areas = tuple(f'{gas}_{kind}' for gas in GASES for kind in kinds)
        self.columns = areas + labels.score_columns
        self.instants = 0
        self._sums = np.zeros((capacity, len(self.columns)))
        self._counts = np.zeros((capacity, len(self.columns)), np.int64)
        self._used = 0
        self._votes = np.zeros(len(labels.health_classes), np.int64)
        self._patterns: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._refused = 0

    def add(
        self,
        time: float,
        values: Mapping[str, float],
        verdict: Verdict | None = None,
    ) -> None:
        """Add what one instant shows.

        Args:
            time: In seconds, 0 or more.
            values: Of :func:`values_of`.
            verdict: What it says by itself; None without health.
        """
        reasons = () if verdict is None else verdict.reasons
        self._refused += bool(reasons)
        self._reasons.update(reason.partition(' (')[0] for reason in reasons)
        self.instants += 1
        # an instant lies on the border of its stretch up to rounding
        while (place := int(time / self.step + 1e-6)) >= len(self._sums):
            for array in (self._sums, self._counts):
                half = len(array) // 2
                array[:half] = array[0::2] + array[1::2]
                array[half:] = 0
            self.step *= 2
            self._used = (self._used + 1) // 2
        self._used = max(self._used, place + 1)
        row = np.array([values.get(name, np.nan) for name in self.columns])
        self._sums[place] += np.nan_to_num(row)
        self._counts[place] += np.isfinite(row)
        scores = self.labels.score_columns
        if scores[0] in values:
            self._votes[int(np.argmax([values[name] for name in scores]))] += 1
            self._patterns[verdict.pattern if verdict else 'both'] += 1

    def series(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Times (T,) at which stretches begin, and by column means (T,) or NaN."""
        sums, counts = self._sums[: self._used], self._counts[: self._used]
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        times = np.arange(self._used) * self.step
        return times, {name: means[:, i] for i, name in enumerate(self.columns)}

    def means(self) -> dict[str, float]:
        """Of all instants, the columns that any of them had."""
        sums, counts = self._sums.sum(axis=0), self._counts.sum(axis=0)
        parts = zip(self.columns, sums.tolist(), counts.tolist(), strict=True)
        return {name: total / count for name, total, count in parts if count}

    def mean_areas(self, gas: str) -> dict[str, float] | None:
        """Mean share of the frame of each class; None where the gas was never seen."""
        means = self.means()
        names = {kind: f'{gas}_{kind}' for kind in self.labels.foreground}
        if not means.keys() >= set(names.values()):
            return None
        return {kind: means[name] for kind, name in names.items()}

    def verdict(self, trust: Trust | None = None) -> dict | None:
        """The clip's classes and how sure that is (:data:`HOW`); None without health.

        Args:
            trust: Of the model. Of the patterns of gases, the most frequent counts.
        """
        trust = trust or Trust(labels=self.labels)
        votes, names = int(self._votes.sum()), self.labels.health_classes
        if not votes + self._refused:
            return None
        reasons = []
        if self._refused > votes:
            (main, _), *_ = self._reasons.most_common(1)
            total = votes + self._refused
            reasons = [f'{self._refused} of {total} instants cannot be judged: {main}']
        means = self.means()
        scores = [means.get(name, 0.0) for name in self.labels.score_columns]
        pattern = max(self._patterns, key=self._patterns.__getitem__, default='')
        said = trust.verdict(scores, pattern, reasons=reasons, unit=VESSEL)
        best = int(np.argmax(scores))
        return {
            'class': None if reasons else names[best],
            'confidence': None if reasons else scores[best],
            'probabilities': dict(zip(names, scores, strict=True)) if votes else {},
            'agreement': float(self._votes[best] / votes) if votes else None,
            'instants': votes,
            'refused': self._refused,
            'how': HOW,
            **said.to_dict(),
        }
