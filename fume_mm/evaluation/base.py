"""What the metrics share: reading a sample, gathering results from every process."""

from collections.abc import Collection
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from fume_mm.errors import UserError
from fume_mm.structures import GASES, availability


def sample_id(sample: dict) -> str:
    """The id of a sample as an evaluator hands it over.

    Raises:
        UserError: If the pipeline did not pack it.
    """
    if sample.get('sample_id') is None:
        raise UserError(
            "a sample has no 'sample_id'; keep it among the meta keys that the "
            'pipeline packs.'
        )
    return str(sample['sample_id'])


def sample_availability(sample: dict) -> str:
    """``'both'``, ``'co2_only'`` or ``'ch4_only'``."""
    return availability({gas: gas in sample for gas in GASES})


def require(sample: dict, *path: str, error: str) -> Any:
    """``sample[path[0]][path[1]]…``; where there is none, a :class:`UserError`."""
    value: Any = sample
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            raise UserError(f"sample '{sample_id(sample)}': {error}")
    return value


def add_by_name(
    totals: dict[str, np.ndarray], names: tuple[str, ...], counts: np.ndarray
) -> None:
    """Add ``counts`` to the total of each of ``names``, in place."""
    for name in names:
        totals[name] = totals[name] + counts if name in totals else counts


def prefixed(
    prefix: str, scores: dict[str, float], only: Collection[str] | None = None
) -> dict[str, float]:
    """``scores`` (or those named in ``only``) with ``prefix/`` before their keys."""
    keys = scores if only is None else only
    return {f'{prefix}/{key}': scores[key] for key in keys}


class DualGasMetric(BaseMetric):
    """Base of the metrics: one small result per sample, gathered over all processes.

    A subclass appends exactly one item per sample to ``self.results``, because
    :meth:`BaseMetric.evaluate` drops the samples that padded the last round of a
    distributed loader by cutting the gathered list to the dataset's size.

    Args:
        collect_device: How results are gathered: ``'gpu'`` through the process group,
            whatever its backend (gloo on CPUs, too), or ``'cpu'`` through files in
            ``collect_dir``. The names are MMEngine's.
        collect_dir: Folder that all processes see; only for ``'cpu'``.

    Attributes:
        details: What is no number (confusion matrices), as JSON types, of the last
            evaluation; filled on the main process only. Loggers write numbers, so
            it travels beside the returned metrics.
    """

    def __init__(
        self, *, collect_device: str = 'gpu', collect_dir: str | None = None
    ) -> None:
        super().__init__(collect_device=collect_device, collect_dir=collect_dir)
        self.details: dict[str, Any] = {}
