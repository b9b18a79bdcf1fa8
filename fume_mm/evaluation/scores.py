"""Every figure of a table of predictions, its interval, and why it has none."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.registry import METRICS
from fume_mm.structures import AVAILABILITY
from fume_mm.structures.labels import FUME_LABELS, Labels

from .base import DualGasMetric
from .confusion import plain
from .estimate import MISSING, PERCENT, Estimate, Unit
from .layout import Row
from .resampling import ResampledTotals, Totals
from .table import has, vessel_codes, without_vessel

Metrics = Sequence[type[DualGasMetric]]

#: The figure of both tasks: the mean of mIoU and balanced accuracy, by which FUME's
#: founding document ranks models.
JOINT = 'joint/score'
JOINT_PARTS = ('seg/mIoU', 'cls/balanced_accuracy')
JOINT_ROW = Row(JOINT, 'joint score')
LEVEL = 0.95
RESAMPLES = 1000
#: A figure that fewer of the resamples define has no interval.
LEAST_DEFINED = 0.5


def percentile_interval(
    draws: np.ndarray,
) -> tuple[tuple[float, float] | None, int]:
    """The :data:`LEVEL` interval of a figure, and how many resamples define it.

    Args:
        draws: The figure by resample, (R,); NaN where it is not defined.

    Returns:
        None for the interval if fewer than :data:`LEAST_DEFINED` define it.
    """
    defined = draws[~np.isnan(draws)]
    if len(defined) < LEAST_DEFINED * len(draws):
        return None, len(defined)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return (float(low), float(high)), len(defined)


def registered_metrics(labels: Labels = FUME_LABELS) -> list[type[DualGasMetric]]:
    """The metrics that anybody registered, in their order, for these classes."""
    kinds = dict.fromkeys(METRICS.module_dict.values())
    ours = [k for k in kinds if isinstance(k, type) and issubclass(k, DualGasMetric)]
    return [kind.of(labels) for kind in ours]


def metrics_of(
    table: pd.DataFrame, labels: Labels = FUME_LABELS
) -> list[type[DualGasMetric]]:
    """The registered metrics whose columns a table has, in the order of its columns."""
    found = [kind for kind in registered_metrics(labels) if has(table, kind.columns)]
    order = list(table)
    return sorted(found, key=lambda kind: min(map(order.index, kind.columns)))


def compute_figures(
    table: pd.DataFrame, totals: Totals | None = None, metrics: Metrics | None = None
) -> dict[str, Any]:
    """Every figure of a table, a pure function of its rows.

    Args:
        table: As :func:`~fume_mm.evaluation.table.make_table` makes it.
        totals: How rows are added up; once each unless given.
        metrics: Whose figures; by default of all whose columns are there.

    Returns:
        Numbers by key as the metrics name them, NaN where undefined; (R,) arrays for
        resamples.
    """
    totals = totals or Totals()
    figures: dict[str, Any] = {}
    for metric in metrics_of(table) if metrics is None else metrics:
        for key, value in metric.figures(table, totals).items():
            name = f'{metric.default_prefix}/{key}'
            if name in figures:
                raise UserError(
                    f"{metric.__name__}: its figure {name} is another metric's, too; "
                    'give it a default_prefix of its own.'
                )
            figures[name] = value
    if all(part in figures for part in JOINT_PARTS):
        figures[JOINT] = sum(figures[part] for part in JOINT_PARTS) / len(JOINT_PARTS)
    return plain(figures)


def count_samples(availability: Iterable[str]) -> dict[str, Any]:
    """``num_samples`` and ``availability`` of the details, from all patterns."""
    counts = Counter(availability)
    by_pattern = {name: counts[name] for name in AVAILABILITY}
    return {'num_samples': counts.total(), 'availability': by_pattern}


@dataclass(frozen=True)
class Scores:
    """The outcome of a test: figures, their doubt, and what is no number.

    Attributes:
        values: Numbers by key, NaN where undefined.
        details: As JSON types: ``num_samples``; ``availability``, samples by pattern;
            ``vessels``: ``number`` of them, 0 if samples name none, and
            ``samples_of_several``, samples whose frames are of two vessels (they count
            with the first); the details of every metric by its prefix (``seg``,
            ``boundary``, ``cls``); ``not_scored``, why metrics were left out.
        table: What they are of; None for scores read from a file, of foreign metrics
            alone, or not on the main process.
        intervals: (low, high) by key, None where there is none; no counts.
        reasons: Why a figure is undefined, or has no interval, by key.
        method: How intervals were made.
        metrics: Whose figures the table has.
        labels: What the classes are.
    """

    values: dict[str, float]
    details: dict[str, Any] = field(default_factory=dict)
    table: pd.DataFrame | None = None
    intervals: dict[str, tuple[float, float] | None] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    method: dict[str, Any] = field(default_factory=lambda: {'resamples': 0})
    metrics: Metrics = ()
    labels: Labels = FUME_LABELS

    @classmethod
    def of_table(
        cls,
        table: pd.DataFrame,
        metrics: Metrics | None = None,
        labels: Labels = FUME_LABELS,
    ) -> 'Scores':
        """The scores of a table, without intervals.

        Args:
            table: See :mod:`fume_mm.evaluation.table`.
            metrics: See :func:`compute_figures`.
            labels: What the classes are.
        """
        metrics = metrics_of(table, labels) if metrics is None else metrics
        values = compute_figures(table, metrics=metrics)
        details = {
            **count_samples(table['availability']),
            'vessels': {
                'number': 0 if without_vessel(table) else vessel_codes(table)[1],
                'samples_of_several': int((table['other_vessels'] != '').sum()),
            },
            **{metric.default_prefix: metric.describe(table) for metric in metrics},
        }
        reasons = {}
        for metric in metrics:
            start = f'{metric.default_prefix}/'
            for key, value in values.items():
                if key.startswith(start) and math.isnan(value):
                    reasons[key] = metric.reason(key.removeprefix(start), table)
        if math.isnan(values.get(JOINT, 0)):
            reasons[JOINT] = 'one of its parts is undefined'
        return cls(
            values, details, table, reasons=reasons, metrics=metrics, labels=labels
        )

    def with_intervals(self, resamples: int = RESAMPLES, seed: int = 0) -> 'Scores':
        """The same with 95 % intervals by a percentile bootstrap over vessels.

        Frames of a vessel resemble each other, so whole vessels are drawn, as many as
        there are, with replacement (Davison and Hinkley, Bootstrap Methods, 1997,
        section 3.8). Each resample goes through the same functions as the table.
        Resamples in which a figure is undefined, because no vessel of a class was
        drawn, are left out. With less than some ten vessels such intervals are too
        narrow.

        Args:
            resamples: How many; 0 for no intervals.
            seed: Of the drawing.

        Raises:
            UserError: If there is 1 resample.
        """
        if not resamples or self.table is None:
            return self
        if resamples < 2:
            raise UserError(f'{resamples} resamples give no interval; ask for 1000.')
        codes, vessels = vessel_codes(self.table)
        drawn: dict[str, Any] = {}
        nothing = without_vessel(self.table)
        if not nothing and vessels < 2:
            nothing = 'there is one vessel only'
        if not nothing:
            totals = ResampledTotals(
                codes, count=vessels, resamples=resamples, seed=seed
            )
            drawn = compute_figures(self.table, totals, self.metrics)
        # MMEngine's own metrics do not follow from the table
        ours = {JOINT.partition('/')[0], *(m.default_prefix for m in self.metrics)}
        intervals: dict[str, tuple[float, float] | None] = {}
        reasons = dict(self.reasons)
        for key, value in self.values.items():
            if isinstance(value, int) or key.partition('/')[0] not in ours:
                continue
            intervals[key] = None
            if math.isnan(value):
                continue
            if nothing:
                reasons[key] = nothing
                continue
            intervals[key], defined = percentile_interval(drawn[key])
            if intervals[key] is None:
                share = f'{defined} of {resamples} resamples'
                reasons[key] = f'no interval: only {share} define it'
        method = {
            'method': 'percentile bootstrap over vessels',
            'level': LEVEL,
            'resamples': resamples,
            'seed': seed,
            'vessels': vessels,
        }
        return dataclasses.replace(
            self, intervals=intervals, reasons=reasons, method=method
        )

    def estimate(self, key: str) -> Estimate:
        """A figure with its interval; NaN where there is none."""
        bounds = self.intervals.get(key) or (math.nan, math.nan)
        return Estimate(self.values.get(key, math.nan), *bounds)

    def text(self, key: str, unit: Unit = PERCENT) -> str:
        """A figure as text; ``n/a`` if undefined, ``-`` if it was not measured.

        One digit more where no figure has an interval.
        """
        if key not in self.values:
            return MISSING
        finer = unit.digits == 1 and not any(self.intervals.values())
        return self.estimate(key).text(unit, digits=2 if finer else None)

    def to_json(self) -> dict[str, Any]:
        """What test_results.json holds of them; :meth:`from_json` reads it."""
        others = {} if self.labels == FUME_LABELS else {'labels': self.labels.to_meta()}
        return {
            'metrics': self.values,
            'intervals': self.intervals,
            'reasons': self.reasons,
            'bootstrap': self.method,
            'details': self.details,
            **others,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> 'Scores':
        """The scores of a test_results.json; null figures are NaN.

        Its ``labels`` are there only where they are not FUME's.
        """
        return cls(
            {k: math.nan if v is None else v for k, v in content['metrics'].items()},
            dict(content.get('details') or {}),
            intervals=dict(content.get('intervals') or {}),
            reasons=dict(content.get('reasons') or {}),
            method=dict(content.get('bootstrap') or {}),
            labels=Labels.from_meta(content.get('labels')),
        )


def metrics_in(scores: Scores) -> list[type[DualGasMetric]]:
    """The registered metrics that have figures among the scores, in their order."""
    prefixes = list(dict.fromkeys(key.partition('/')[0] for key in scores.values))
    known = registered_metrics(scores.labels)
    found = [metric for metric in known if metric.default_prefix in prefixes]
    return sorted(found, key=lambda metric: prefixes.index(metric.default_prefix))


def headline_rows(scores: Scores) -> dict[str, Row]:
    """The headline figures that a test has, by key."""
    rows = {JOINT: JOINT_ROW}
    for metric in metrics_in(scores):
        rows |= {f'{metric.default_prefix}/{row.key}': row for row in metric.headlines}
    return {key: row for key, row in rows.items() if key in scores.values}
