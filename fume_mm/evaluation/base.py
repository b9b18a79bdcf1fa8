"""What the metrics share: their declaration, reading a sample, gathering the rows."""

from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from mmengine.dist import collect_results
from mmengine.evaluator import BaseMetric

from fume_mm.errors import UserError
from fume_mm.structures import GAS_LABELS, GASES, IGNORE, availability
from fume_mm.structures.labels import FUME_LABELS, Labels

from .confusion import plain, quotient
from .layout import Matrix, Row, ScoreTable
from .resampling import Totals
from .table import Kind, make_table

#: Refuses rows of a file: which, (N,) bool, the column, what is wrong with them.
Refuse = Callable[[Any, str, str], None]


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


def base_columns(sample: dict) -> dict[str, Any]:
    """What every metric's row begins with."""
    groups = [str(group) for group in sample.get('groups') or ()]
    ph = sample.get('ph_value')
    return {
        'sample_id': sample_id(sample),
        'vessel': groups[0] if groups else '',
        'other_vessels': ';'.join(groups[1:]),
        'availability': availability({gas: gas in sample for gas in GASES}),
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


def prefixed(
    prefix: str, scores: dict[str, Any], only: Collection[str] | None = None
) -> dict[str, Any]:
    """``scores`` (or those named in ``only``) with ``prefix/`` before their keys."""
    keys = scores if only is None else only
    return {f'{prefix}/{key}': scores[key] for key in keys}


class DualGasMetric(BaseMetric):
    """Base of the metrics: a row per sample, gathered over all processes.

    A subclass declares its columns and tables, turns a sample into a flat dict of plain
    values (:meth:`row`), and has pure functions of the table of all rows. Evaluator,
    predictions.csv, intervals, terminal, report and comparison follow from that; see
    docs/add_a_metric.md. Memory grows by the row alone.

    Args:
        collect_device: How results are gathered: ``'gpu'`` through the process group,
            whatever its backend (gloo on CPUs, too), or ``'cpu'`` through files in
            ``collect_dir``. The names are MMEngine's.
        collect_dir: Folder that all processes see; only for ``'cpu'``.

    Attributes:
        default_prefix: What stands before its keys, with a slash.
        needs: What the model must predict, ``'masks'`` or ``'health'``.
        columns: The columns that :meth:`row` fills, and their kinds.
        foreign: Pattern of column names that are this metric's; a file with such a
            column that is not in :attr:`columns` is of other classes.
        tables: Where its figures stand.
        patterns: Those that are also given for each availability pattern.
        headlines: Those that stand at the top of a report and in a suite's table.
        matrices: Confusion matrices in its details.
        labels: What the classes are that it scores. Those of the dataset come with the
            dataset's metainfo; see :meth:`of`.
    """

    default_prefix: str
    results: list[Any]
    needs: ClassVar[str]
    columns: ClassVar[dict[str, Kind]]
    foreign: ClassVar[str | None] = None
    tables: ClassVar[tuple[ScoreTable, ...]] = ()
    patterns: ClassVar[tuple[Row, ...]] = ()
    headlines: ClassVar[tuple[Row, ...]] = ()
    matrices: ClassVar[tuple[Matrix, ...]] = ()
    labels: ClassVar[Labels] = FUME_LABELS

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in cls.declare(cls.labels).items():
            if name not in vars(cls):
                setattr(cls, name, value)

    @classmethod
    def declare(cls, labels: Labels) -> dict[str, Any]:
        """The attributes above that follow from the classes; none unless overridden."""
        return {}

    @classmethod
    def of(cls, labels: Labels) -> type['DualGasMetric']:
        """This metric of other classes: a subclass with their columns and tables."""
        return cls if labels == cls.labels else _of(cls, labels)  # type: ignore[arg-type]

    @property
    def dataset_meta(self) -> dict | None:
        """Metainfo of the dataset, whose classes are those that are scored."""
        return self._dataset_meta

    @dataset_meta.setter
    def dataset_meta(self, dataset_meta: dict) -> None:
        self._dataset_meta = dataset_meta
        self.__class__ = type(self).of(Labels.from_meta(dataset_meta))

    def __init__(
        self, *, collect_device: str = 'gpu', collect_dir: str | None = None
    ) -> None:
        super().__init__(collect_device=collect_device, collect_dir=collect_dir)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Note the row of each sample.

        Raises:
            UserError: If a sample cannot be scored, naming it.
        """
        for sample in data_samples:
            self.results.append(base_columns(sample) | self.row(sample))

    def gather(self, size: int) -> pd.DataFrame | None:
        """The table of the noted rows of all processes, which are then forgotten.

        Samples that padded the last round of a distributed loader are cut off, hence
        exactly one row per sample.

        Args:
            size: Number of samples of the dataset.

        Returns:
            On the main process only.
        """
        rows = collect_results(
            self.results, size, self.collect_device, tmpdir=self.collect_dir
        )
        self.results = []
        return None if rows is None else make_table(rows, self.columns)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The figures of all rows, where there is no evaluator of ours."""
        return plain(self.figures(make_table(results, self.columns), Totals()))

    def row(self, sample: dict) -> dict[str, Any]:
        """Values of :attr:`columns` for a sample; what is left out is empty."""
        raise NotImplementedError

    @classmethod
    def figures(cls, table: pd.DataFrame, totals: Totals) -> dict[str, Any]:
        """Figures by key, without the prefix: numbers, or (R,) for R resamples.

        Whole numbers (int) are counts and have no interval.
        """
        raise NotImplementedError

    @classmethod
    def describe(cls, table: pd.DataFrame) -> dict[str, Any]:
        """What is no number, as JSON types."""
        return {}

    @classmethod
    def reason(cls, key: str, table: pd.DataFrame) -> str:
        """Why a figure is undefined, by its key without the prefix."""
        return 'its denominator is 0'

    @staticmethod
    def notes(details: dict[str, Any]) -> list[str]:
        """Sentences that a reader of the figures must know, from :meth:`describe`."""
        return []

    @classmethod
    def check(cls, table: pd.DataFrame, refuse: Refuse) -> None:
        """Refuse rows of a file that no :meth:`row` gives; kinds are checked before."""


@cache
def _of(kind: type[DualGasMetric], labels: Labels) -> type[DualGasMetric]:
    words = {'labels': labels, '__module__': kind.__module__, '__doc__': kind.__doc__}
    return type(kind.__name__, (kind,), words)


class FrameMetric(DualGasMetric):
    """Base of metrics that compare the masks of each frame by itself.

    Args:
        ignore_index: Pixels whose target is this do not count.
        **kwargs: See :class:`DualGasMetric`.
    """

    needs = 'masks'

    def __init__(self, *, ignore_index: int = IGNORE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore_index = ignore_index

    def row(self, sample: dict) -> dict[str, Any]:
        """Compare the masks of each gas that the sample has.

        Args:
            sample: Of each gas that it has, ``gt_sem_seg`` and ``pred_sem_seg``
                (1, H, W).

        Raises:
            UserError: If a gas that is there has no target or no prediction, the logits
                hold NaN, or the masks do not fit together.
        """
        row: dict[str, Any] = {}
        for gas in (gas for gas in GASES if gas in sample):
            masks = self._masks(sample, gas)
            try:
                row |= self.frame(gas, *masks)
            except UserError as error:
                where = f"sample '{sample_id(sample)}', {GAS_LABELS[gas]} frame"
                raise UserError(f'{where}: {error}') from error
        return row

    def frame(
        self, gas: str, target: torch.Tensor, pred: torch.Tensor
    ) -> dict[str, Any]:
        """Values of :attr:`columns` for a frame.

        Args:
            gas: Of the frame.
            target: (1, H, W) class ids or :attr:`ignore_index`.
            pred: (1, H, W) class ids, on the same device.

        Raises:
            UserError: If they do not fit together.
        """
        raise NotImplementedError

    def _masks(self, sample: dict, gas: str) -> tuple[torch.Tensor, torch.Tensor]:
        label, metric = GAS_LABELS[gas], type(self).__name__
        target = require(
            sample,
            gas,
            'gt_sem_seg',
            'data',
            error=f'its {label} frame has no truth mask to compare with; evaluate on '
            f'annotated samples, or take {metric} out of the evaluator.',
        )
        pred = require(
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
                f"sample '{sample_id(sample)}', {label} frame: the model's scores are "
                'NaN; its training diverged, so test another checkpoint.'
            )
        return target.to(pred.device), pred


def mean_of(totals: Totals, *columns: np.ndarray) -> np.ndarray:
    """Mean of what is not NaN in columns (N,) together; NaN where nothing is left.

    Returns:
        (), or (R,) for resamples.
    """
    stacked = np.stack(columns, axis=1)
    defined = ~np.isnan(stacked)
    sums = np.stack([np.where(defined, stacked, 0).sum(1), defined.sum(1)], axis=1)
    added = totals.sum(sums)
    return quotient(added[..., 0], added[..., 1])
