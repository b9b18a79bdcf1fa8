"""Every figure of a table of predictions, its interval, and why it has none."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.structures import AVAILABILITY

from .base import DualGasMetric
from .boundary_metric import BoundaryMetric
from .health_metric import HealthMetric
from .resampling import ResampledTotals, Totals
from .segmentation_metric import SegmentationMetric
from .table import OUTLINED, has, vessel_codes, without_vessel

#: The metrics whose rows a table can hold.
FAMILIES: tuple[type[DualGasMetric], ...] = (
    SegmentationMetric,
    BoundaryMetric,
    HealthMetric,
)
SEGMENTATION_PART = 'seg/mIoU'
HEALTH_PART = 'cls/balanced_accuracy'
JOINT = 'joint/score'
LEVEL = 0.95
RESAMPLES = 1000
#: A figure that fewer of the resamples define has no interval.
LEAST_DEFINED = 0.5


def compute_figures(table: pd.DataFrame, totals: Totals | None = None) -> dict:
    """Every figure of a table, a pure function of its rows.

    Args:
        table: As :func:`~fume_mm.evaluation.table.make_table` makes it.
        totals: How rows are added up; once each unless given.

    Returns:
        Numbers by key as the metrics name them, NaN where undefined; (R,) arrays for
        resamples.
    """
    totals = totals or Totals()
    figures: dict[str, Any] = {}
    for family in _families(table):
        for key, value in family.figures(table, totals).items():
            figures[f'{family.default_prefix}/{key}'] = value
    return figures | joint_score(figures)


def joint_score(figures: dict[str, Any]) -> dict[str, Any]:
    """``joint/score`` where both parts exist: the mean of mIoU and balanced accuracy.

    It is the figure by which FUME's founding document ranks models of both tasks.
    """
    if SEGMENTATION_PART in figures and HEALTH_PART in figures:
        return {JOINT: (figures[SEGMENTATION_PART] + figures[HEALTH_PART]) / 2}
    return {}


def describe_samples(table: pd.DataFrame) -> dict[str, Any]:
    """What is no number, as JSON types.

    ``num_samples``; ``availability``, samples by pattern; the details of every metric
    by its prefix; ``vessels``: ``number`` of them, 0 if samples name none, and
    ``samples_of_several``, samples whose frames are of two vessels; they count with the
    first.
    """
    number = 0 if without_vessel(table) else vessel_codes(table)[1]
    several = int((table['other_vessels'] != '').sum())
    return {
        'num_samples': len(table),
        'availability': {
            name: int((table['availability'] == name).sum()) for name in AVAILABILITY
        },
        'vessels': {'number': number, 'samples_of_several': several},
        **{str(f.default_prefix): f.describe(table) for f in _families(table)},
    }


@dataclass(frozen=True)
class Intervals:
    """Confidence intervals of a table's figures.

    Attributes:
        of: (low, high) by key, None where there is none; no counts.
        reasons: Why a figure that is defined has none, by key.
        method: How they were made, for the record.
    """

    of: dict[str, tuple[float, float] | None]
    reasons: dict[str, str]
    method: dict[str, Any]


def confidence_intervals(
    table: pd.DataFrame, *, resamples: int = RESAMPLES, seed: int = 0
) -> Intervals:
    """95 % intervals by a percentile bootstrap over vessels.

    Frames of a vessel resemble each other, so whole vessels are drawn, as many as there
    are, with replacement (Davison and Hinkley, Bootstrap Methods, 1997, section 3.8).
    Each resample goes through the same functions as the table. Resamples in which a
    figure is undefined, because no vessel of a class was drawn, are left out. With
    less than some ten vessels such intervals are too narrow.

    Args:
        table: See :func:`compute_figures`.
        resamples: How many.
        seed: Of the drawing.

    Raises:
        UserError: If there are fewer than 2 resamples.
    """
    if resamples < 2:
        raise UserError(f'{resamples} resamples give no interval; ask for 1000.')
    figures = {
        key: value
        for key, value in compute_figures(table).items()
        if '/support/' not in key
    }
    codes, vessels = vessel_codes(table)
    method = {
        'method': 'percentile bootstrap over vessels',
        'level': LEVEL,
        'resamples': resamples,
        'seed': seed,
        'vessels': vessels,
    }
    nothing = without_vessel(table)
    if not nothing and vessels < 2:
        nothing = 'there is one vessel only'
    if nothing:
        reasons = {key: nothing for key in figures if not math.isnan(figures[key])}
        return Intervals(dict.fromkeys(figures), reasons, method)
    totals = ResampledTotals(codes, count=vessels, resamples=resamples, seed=seed)
    drawn = compute_figures(table, totals)
    of: dict[str, tuple[float, float] | None] = {}
    reasons = {}
    for key, figure in figures.items():
        of[key] = None
        if math.isnan(figure):
            continue
        defined = drawn[key][~np.isnan(drawn[key])]
        if len(defined) < LEAST_DEFINED * resamples:
            share = f'{len(defined)} of {resamples} resamples'
            reasons[key] = f'no interval: only {share} define it'
            continue
        tails = (1 - LEVEL) / 2, (1 + LEVEL) / 2
        low, high = np.quantile(defined, tails)
        of[key] = float(low), float(high)
    return Intervals(of, reasons, method)


def undefined_reasons(
    figures: dict[str, float], table: pd.DataFrame | None = None
) -> dict[str, str]:
    """Why each figure that is NaN is, by key.

    Args:
        figures: Numbers by key.
        table: What they are of; says more about vessels.
    """
    vessels = without_vessel(table) if table is not None else None
    return {
        key: _reason(key, vessels) for key, value in figures.items() if value != value
    }


def _reason(key: str, vessels: str | None) -> str:
    part, *middle = key.split('/')
    last = middle[-1] if middle else ''
    if 'vessel' in middle:
        return vessels or 'no vessel has samples of one true class alone'
    if part == 'joint':
        return 'one of its parts is undefined'
    if last == 'gas_IoU':
        return 'no frame has gas in truth or prediction'
    if part == 'boundary':
        what = last if last in OUTLINED else ' or '.join(OUTLINED)
        return f'no frame has {what} in truth or prediction'
    score = middle[-2] if len(middle) > 1 else ''
    unit = 'pixel' if part == 'seg' else 'sample'
    reasons = {
        'precision': f'no {unit} is predicted as {last}',
        'recall': f'no {unit} is {last} in the truth',
        'average_precision': f'no sample is {last}',
        'roc_auc': f'all samples are {last}, or none is',
    }
    if score in reasons:
        return reasons[score]
    if score in ('IoU', 'Dice', 'f1'):
        return f'no {unit} is {last} in truth or prediction'
    if last == 'kappa':
        return 'truth and prediction know one and the same class only'
    if last == 'roc_auc':
        return 'all samples are of one class'
    if part == 'seg':
        return 'every pixel is unlabelled'
    return 'its denominator is 0'


def _families(table: pd.DataFrame) -> list[type[DualGasMetric]]:
    return [family for family in FAMILIES if has(table, family.columns)]
