"""The evaluator: the metrics, their joint score, and whether each sample came once."""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

from mmengine.dist import all_gather_object, broadcast_object_list, get_world_size
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.structures import BaseDataElement

from fume_mm.errors import UserError
from fume_mm.registry import EVALUATOR, METRICS
from fume_mm.structures import AVAILABILITY

from .base import DualGasMetric, sample_availability, sample_id

SEGMENTATION_PART = 'seg/mIoU'
HEALTH_PART = 'cls/balanced_accuracy'


@EVALUATOR.register_module()
class DualGasEvaluator(Evaluator):
    """MMEngine's evaluator, with a joint score, details and a count of the samples.

    Adds ``joint/score = (seg/mIoU + cls/balanced_accuracy) / 2`` where both exist, the
    figure by which FUME's founding document ranks models of both tasks.

    Args:
        metrics: One metric or several, or their configs.

    Attributes:
        details: What is no number, as JSON types, after :meth:`evaluate`, on every
            process: ``num_samples``, ``availability`` (samples by pattern), and the
            details of each metric by its prefix (``seg``, ``cls``).
    """

    def __init__(self, metrics: dict | BaseMetric | Sequence) -> None:
        if not isinstance(metrics, Sequence):
            metrics = [metrics]
        super().__init__(
            [METRICS.build(m) if isinstance(m, dict) else m for m in metrics]
        )
        self.details: dict[str, Any] = {}
        self._seen: list[tuple[str, str]] = []

    def process(
        self, data_samples: Sequence[Any], data_batch: Any | None = None
    ) -> None:
        """Hand the samples to each metric.

        Args:
            data_samples: Samples with truth and predictions.
            data_batch: What the loader gave, for metrics that want it.
        """
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
        if SEGMENTATION_PART in metrics and HEALTH_PART in metrics:
            parts = metrics[SEGMENTATION_PART], metrics[HEALTH_PART]
            metrics['joint/score'] = sum(parts) / 2
        counts = Counter(pattern for _, pattern in seen)
        details: list[Any] = [
            {
                'num_samples': len(seen),
                'availability': {name: counts[name] for name in AVAILABILITY},
                **{
                    str(metric.prefix): metric.details
                    for metric in self.metrics
                    if isinstance(metric, DualGasMetric)
                },
            }
        ]
        broadcast_object_list(details)
        self.details = details[0]
        return metrics

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
