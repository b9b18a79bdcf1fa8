"""How figures of one test differ from those of another, with the doubt of it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from .estimate import Estimate
from .resampling import ResampledTotals
from .scores import RESAMPLES, compute_figures, percentile_interval
from .table import without_vessel


class Difference(NamedTuple):
    """A figure of two tests.

    Attributes:
        first: Of the first test.
        second: Of the second test.
        difference: Second minus first.
    """

    first: Estimate
    second: Estimate
    difference: Estimate


def differences(
    first: Sequence[pd.DataFrame],
    second: Sequence[pd.DataFrame],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Difference]:
    """The figures that two tests have, and what the second has more than the first.

    Vessels (or recordings) are drawn once for both tests, so one that is in both counts
    as often in the one as in the other (a paired bootstrap over vessels, of as many as
    there are in either).

    Args:
        first: A table for each seed, see :mod:`.table`; figures are means over seeds.
        second: Likewise, of other samples.
        resamples: How many.
        seed: Of the drawing.

    Returns:
        By key. Without intervals where samples name no vessel, where there is one only,
        or where too few resamples define the figure.
    """
    plain = [
        _mean([compute_figures(table) for table in side]) for side in (first, second)
    ]
    keys = [key for key in plain[0] if key in plain[1]]
    drawn = _drawn(first, second, resamples, seed)
    found = {}
    for key in keys:
        values = [float(side[key]) for side in plain]
        draws = [side[key] for side in drawn] if drawn else []
        if drawn:
            draws.append(draws[1] - draws[0])
        found[key] = Difference(
            *(
                _estimate(value, draws[place] if draws else None)
                for place, value in enumerate([*values, values[1] - values[0]])
            )
        )
    return found


def _drawn(
    first: Sequence[pd.DataFrame],
    second: Sequence[pd.DataFrame],
    resamples: int,
    seed: int,
) -> list[dict[str, np.ndarray]]:
    """Each side's figures by resample, (R,) each; nothing without vessels to draw."""
    tables = [*first, *second]
    names = pd.unique(pd.concat([table['vessel'] for table in tables]))
    if len(names) < 2 or any(without_vessel(table) for table in tables):
        return []
    numbers = pd.Index(names)

    def figures(table: pd.DataFrame) -> dict[str, np.ndarray]:
        totals = ResampledTotals(  # the same draw for every table
            numbers.get_indexer(table['vessel']),
            count=len(names),
            resamples=resamples,
            seed=seed,
        )
        return compute_figures(table, totals)

    return [_mean([figures(table) for table in side]) for side in (first, second)]


def _mean(figures: Sequence[dict]) -> dict:
    """The mean of each figure that all have."""
    shared = [key for key in figures[0] if all(key in one for one in figures)]
    return {key: np.mean([one[key] for one in figures], axis=0) for key in shared}


def _estimate(value: float, draws: np.ndarray | None) -> Estimate:
    if draws is None or math.isnan(value):
        return Estimate(value)
    interval, _ = percentile_interval(draws)
    return Estimate(value, *(interval or ()))
