"""Adding the rows of a table up: once, or again and again over drawn vessels.

Every figure is a function of sums over rows. Written for :class:`Totals`, the same
function gives the figure and, with :class:`ResampledTotals`, its bootstrap.
"""

from collections.abc import Callable

import numpy as np

#: Weights are handed on in blocks of about so many numbers, for memory's sake.
_BLOCK = 4_000_000


class Totals:
    """Sums over all rows, each counted once."""

    def sum(self, values: np.ndarray) -> np.ndarray:
        """``values`` (N, ...) summed over the rows: (...), with resamples (R, ...)."""
        return values.sum(axis=0)

    def weighted(
        self, score: Callable[[np.ndarray], np.ndarray], rows: int
    ) -> np.ndarray:
        """``score`` of how often each of N ``rows`` counts.

        Args:
            score: Of weights (r, N), giving (r, ...).
            rows: N.

        Returns:
            (...), with resamples (R, ...).
        """
        return score(np.ones((1, rows)))[0]


class ResampledTotals(Totals):
    """Sums over rows of R resamples, each of as many vessels as there are.

    A vessel that is drawn twice counts with all its rows twice.

    Args:
        vessels: Number of each row's vessel, (N,) from 0 to ``count - 1``.
        count: How many vessels there are.
        resamples: R.
        seed: Of the drawing.
    """

    def __init__(
        self, vessels: np.ndarray, *, count: int, resamples: int, seed: int
    ) -> None:
        drawn = np.random.default_rng(seed).integers(count, size=(resamples, count))
        drawn += np.arange(resamples)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=resamples * count)
        #: How often each vessel was drawn, (R, count).
        self.times = times.reshape(resamples, count).astype(np.float64)
        self._vessels = vessels
        self._order = np.argsort(vessels, kind='stable')
        #: Those that have rows here; others may have some in another test.
        self._present = np.unique(vessels)
        self._starts = np.searchsorted(vessels[self._order], self._present)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """See :meth:`Totals.sum`."""
        flat = values.reshape(len(values), -1).astype(np.float64)
        by_vessel = np.add.reduceat(flat[self._order], self._starts, axis=0)
        return (self.times[:, self._present] @ by_vessel).reshape(-1, *values.shape[1:])

    def weighted(
        self, score: Callable[[np.ndarray], np.ndarray], rows: int
    ) -> np.ndarray:
        """See :meth:`Totals.weighted`."""
        step = max(1, _BLOCK // rows)
        blocks = np.split(self.times, range(step, len(self.times), step))
        return np.concatenate([score(block[:, self._vessels]) for block in blocks])
