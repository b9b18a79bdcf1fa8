"""The evaluator: the metrics, their joint score, and whether each sample came once."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd
from mmengine.dist import all_gather_object, broadcast_object_list, get_world_size
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.structures import BaseDataElement

from fume_mm.errors import UserError
from fume_mm.registry import EVALUATOR, METRICS
from fume_mm.structures import AVAILABILITY, HEALTH_CLASSES, SEG_CLASSES

from .base import DualGasMetric, sample_availability, sample_id
from .figures import describe_samples, joint_score
from .table import merge_tables


@EVALUATOR.register_module()
class DualGasEvaluator(Evaluator):
    """MMEngine's evaluator, with one table of all rows, a joint score and details.

    Adds ``joint/score = (seg/mIoU + cls/balanced_accuracy) / 2`` where both exist, and
    sees to it that every sample of the dataset is scored once.

    Args:
        metrics: One metric or several, or their configs.

    Attributes:
        table: A row per sample with the columns of all :class:`DualGasMetric`, after
            :meth:`evaluate`; on the main process only, and None without such metrics.
        details: What is no number, as JSON types, after :meth:`evaluate`, on every
            process: ``num_samples``, ``availability`` (samples by pattern), and the
            details of each metric by its prefix (``seg``, ``boundary``, ``cls``),
            ``vessels`` (see :func:`~fume_mm.evaluation.figures.describe_samples`) and
            ``not_scored``, why metrics were left out by :meth:`leave_out`.
    """

    def __init__(self, metrics: dict | BaseMetric | Sequence) -> None:
        if not isinstance(metrics, Sequence):
            metrics = [metrics]
        super().__init__(
            [METRICS.build(m) if isinstance(m, dict) else m for m in metrics]
        )
        self.metrics: list[BaseMetric]
        self.table: pd.DataFrame | None = None
        self.details: dict[str, Any] = {}
        self._seen: list[tuple[str, str]] = []
        self._left_out: dict[str, str] = {}

    def leave_out(self, needs: str, reason: str) -> None:
        """Take out the metrics that need what the model does not predict.

        Args:
            needs: ``'masks'`` or ``'health'``, see :class:`DualGasMetric`.
            reason: Why, for the details.

        Raises:
            UserError: If no metric is left.
        """
        out = [
            metric for metric in self.metrics if getattr(metric, 'needs', '') == needs
        ]
        self.metrics = [metric for metric in self.metrics if metric not in out]
        self._left_out |= {str(metric.prefix): reason for metric in out}
        if not self.metrics:
            raise UserError(
                f'{reason}, so no metric of the evaluator is left; give the model a '
                'head or the evaluator other metrics.'
            )

    def process(
        self, data_samples: Sequence[Any], data_batch: Any | None = None
    ) -> None:
        """Hand the samples to each metric.

        Args:
            data_samples: Samples with truth and predictions.
            data_batch: What the loader gave, for metrics that want it.
        """
        self._check_classes()
        samples = [
            sample.to_dict() if isinstance(sample, BaseDataElement) else sample
            for sample in data_samples
        ]
        self._seen.extend(
            (sample_id(sample), sample_availability(sample)) for sample in samples
        )
        super().process(samples, data_batch)

    def evaluate(self, size: int) -> dict[str, float]:
        """Compute all metrics of a split.

        Args:
            size: Number of samples of the dataset.

        Returns:
            Numbers by key, the same on every process.

        Raises:
            UserError: If a sample came twice or the samples are not as many as the
                dataset has. Every process raises it.
        """
        seen = self._gather(size)
        metrics = super().evaluate(size)
        metrics |= joint_score(metrics)
        counts = Counter(pattern for _, pattern in seen)
        ours = [metric for metric in self.metrics if isinstance(metric, DualGasMetric)]
        tables = [metric.table for metric in ours if metric.table is not None]
        self.table = merge_tables(tables) if tables else None
        details: list[Any] = [
            {
                'num_samples': len(seen),
                'availability': {name: counts[name] for name in AVAILABILITY},
                **({'not_scored': self._left_out} if self._left_out else {}),
                **({} if self.table is None else describe_samples(self.table)),
            }
        ]
        broadcast_object_list(details)
        self.details = details[0]
        return metrics

    def _check_classes(self) -> None:
        """Refuse a dataset of other classes than those that are scored."""
        wanted = {'classes': SEG_CLASSES, 'health_classes': HEALTH_CLASSES}
        for key, classes in wanted.items():
            found = tuple((self.dataset_meta or {}).get(key) or classes)
            if found != classes:
                raise UserError(
                    f'the dataset has {key}={found}, but the metrics score {classes}; '
                    "correct the dataset's metainfo."
                )

    def _gather(self, size: int) -> list[tuple[str, str]]:
        """Id and pattern of every sample that was evaluated, without the padding."""
        parts = all_gather_object(self._seen)
        self._seen = []
        rounds = itertools.zip_longest(*parts)
        seen = [one for one in itertools.chain.from_iterable(rounds) if one is not None]
        error = _count_error(seen, size, padding=get_world_size() - 1)
        if error:
            for metric in self.metrics:
                metric.results.clear()
            raise UserError(error)
        return seen[:size]


def _count_error(seen: list[tuple[str, str]], size: int, *, padding: int) -> str | None:
    if not seen:
        return 'no sample was evaluated; give the dataset samples.'
    # A distributed loader repeats samples until all processes have equally many.
    if not size <= len(seen) <= size + padding:
        return (
            f'{len(seen)} samples were evaluated, but the dataset has {size}; give the '
            "loader sampler=dict(type='DefaultSampler', shuffle=False), no drop_last."
        )
    name, count = Counter(name for name, _ in seen[:size]).most_common(1)[0]
    if count > 1:
        return (
            f"sample_id '{name}' was evaluated {count} times; give every row of the "
            'annotations its own id, and use a sampler that takes each sample once.'
        )
    return None
