"""What the metrics share: reading a sample, gathering results from every process."""

from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from mmengine.evaluator import BaseMetric

from fume_mm.errors import UserError
from fume_mm.structures import GAS_LABELS, GASES, availability

from .resampling import Totals
from .table import make_table


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


def base_columns(sample: dict) -> dict[str, Any]:
    """What every metric's row begins with."""
    groups = [str(group) for group in sample.get('groups') or ()]
    ph = sample.get('ph_value')
    return {
        'sample_id': sample_id(sample),
        'vessel': groups[0] if groups else '',
        'other_vessels': ';'.join(groups[1:]),
        'availability': sample_availability(sample),
        'ph_value': float('nan') if ph is None else float(ph),
    }


def require(sample: dict, *path: str, error: str) -> Any:
    """``sample[path[0]][path[1]]…``; where there is none, a :class:`UserError`."""
    value: Any = sample
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            raise UserError(f"sample '{sample_id(sample)}': {error}")
    return value


def masks_of(
    sample: dict, gas: str, *, metric: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """True and predicted mask of a gas that the sample has, on one device.

    Raises:
        UserError: If there is no such mask, or the logits hold NaN.
    """
    label = GAS_LABELS[gas]
    truth = require(
        sample,
        gas,
        'gt_sem_seg',
        'data',
        error=f'its {label} frame has no truth mask to compare with; evaluate on '
        f'annotated samples, or take {metric} out of the evaluator.',
    )
    prediction = require(
        sample,
        gas,
        'pred_sem_seg',
        'data',
        error=f'the model predicted no mask for its {label} frame; give the model '
        f'a decode head, or take {metric} out of the evaluator.',
    )
    logits = sample[gas].get('seg_logits', {}).get('data')
    # NaN spreads into the sum, which is quicker than a look at each value
    if logits is not None and logits.sum().isnan() and logits.isnan().any():
        raise UserError(
            f"sample '{sample_id(sample)}', {label} frame: the model's scores are NaN; "
            'its training diverged, so test another checkpoint.'
        )
    return truth.to(prediction.device), prediction


def prefixed(
    prefix: str, scores: dict[str, Any], only: Collection[str] | None = None
) -> dict[str, Any]:
    """``scores`` (or those named in ``only``) with ``prefix/`` before their keys."""
    keys = scores if only is None else only
    return {f'{prefix}/{key}': scores[key] for key in keys}


class DualGasMetric(BaseMetric):
    """Base of the metrics: a row per sample, gathered over all processes.

    A subclass turns a sample into a flat dict of plain values (:meth:`row`), and has
    pure functions of the table of all rows for its figures and details. Memory grows by
    the row alone. :meth:`BaseMetric.evaluate` drops the samples that padded the last
    round of a distributed loader by cutting the gathered list to the dataset's size,
    hence exactly one item per sample.

    Args:
        collect_device: How results are gathered: ``'gpu'`` through the process group,
            whatever its backend (gloo on CPUs, too), or ``'cpu'`` through files in
            ``collect_dir``. The names are MMEngine's.
        collect_dir: Folder that all processes see; only for ``'cpu'``.

    Attributes:
        needs: What the model must predict, ``'masks'`` or ``'health'``.
        columns: The columns that :meth:`row` fills, and their kinds.
        table: The rows of the last evaluation; on the main process only.
        details: What is no number (confusion matrices), as JSON types, of the last
            evaluation; filled on the main process only. Loggers write numbers, so
            it travels beside the returned metrics.
    """

    needs: ClassVar[str]
    columns: ClassVar[dict[str, str]]

    def __init__(
        self, *, collect_device: str = 'gpu', collect_dir: str | None = None
    ) -> None:
        super().__init__(collect_device=collect_device, collect_dir=collect_dir)
        self.table: pd.DataFrame | None = None
        self.details: dict[str, Any] = {}

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Note the row of each sample.

        Args:
            data_batch: Not used.
            data_samples: Samples as dicts; see :meth:`row`.

        Raises:
            UserError: If a sample cannot be scored, naming it.
        """
        for sample in data_samples:
            self.results.append(base_columns(sample) | self.row(sample))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The figures of all rows."""
        self.table = make_table(results, self.columns)
        self.details = self.describe(self.table)
        return self.figures(self.table, Totals())

    def row(self, sample: dict) -> dict[str, Any]:
        """Values of :attr:`columns` for a sample; what is left out is empty."""
        raise NotImplementedError

    @staticmethod
    def figures(table: pd.DataFrame, totals: Totals) -> dict[str, Any]:
        """Figures by key, without the prefix: numbers, or (R,) for R resamples."""
        raise NotImplementedError

    @staticmethod
    def describe(table: pd.DataFrame) -> dict[str, Any]:
        """The details, as JSON types."""
        raise NotImplementedError


def defined_sums(
    totals: Totals, values: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of what is not NaN in several columns (N,) together."""
    stacked = np.stack(values, axis=1)
    defined = ~np.isnan(stacked)
    sums = np.stack([np.where(defined, stacked, 0).sum(1), defined.sum(1)], axis=1)
    added = totals.sum(sums)
    return added[..., 0], added[..., 1]
