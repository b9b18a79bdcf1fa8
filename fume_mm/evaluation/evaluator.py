"""The evaluator: the metrics, their joint score, and whether each sample came once."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from mmengine.dist import all_gather_object, broadcast_object_list, get_world_size
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.structures import BaseDataElement

from fume_mm.errors import UserError
from fume_mm.registry import EVALUATOR, METRICS
from fume_mm.structures.labels import Labels

from .base import DualGasMetric, base_columns
from .resampling import Totals
from .scores import JOINT, JOINT_PARTS, Scores, count_samples
from .table import example_table, merge_tables


@EVALUATOR.register_module()
class DualGasEvaluator(Evaluator):
    """MMEngine's evaluator, with one table of all rows and a joint score.

    Adds ``joint/score = (seg/mIoU + cls/balanced_accuracy) / 2`` where both exist, and
    sees to it that every sample of the dataset is scored once.

    Args:
        metrics: One metric or several, or their configs.

    Attributes:
        scores: What :meth:`evaluate` computed, on every process; with the table of all
            rows on the main process only, and without intervals.
        unknown_keys: Whether :meth:`directions` left out a metric.
    """

    unknown_keys = False

    def __init__(self, metrics: dict | BaseMetric | Sequence) -> None:
        if not isinstance(metrics, Sequence):
            metrics = [metrics]
        super().__init__(
            [METRICS.build(m) if isinstance(m, dict) else m for m in metrics]
        )
        self.metrics: list[BaseMetric]
        self.scores = Scores({})
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
        out = [m for m in self.metrics if getattr(m, 'needs', '') == needs]
        self.metrics = [metric for metric in self.metrics if metric not in out]
        self._left_out |= {str(metric.prefix): reason for metric in out}
        if not self.metrics:
            raise UserError(
                f'{reason}, so no metric of the evaluator is left; give the model a '
                'head or the evaluator other metrics.'
            )

    def directions(self, patterns: Collection[str]) -> dict[str, bool | None]:
        """The keys that :meth:`evaluate` may give, before anything is evaluated.

        Metrics of MMEngine's or of one's own that do not work on made-up rows are not
        asked; see :attr:`unknown_keys`.

        Args:
            patterns: The availability patterns that occur in the dataset.

        Returns:
            By key whether less is better; None where that is not said.
        """
        kinds = [type(m) for m in self.metrics if isinstance(m, DualGasMetric)]
        self.unknown_keys = len(kinds) < len(self.metrics)
        found: dict[str, bool | None] = {}
        for kind in kinds:
            try:
                figures = kind.figures(example_table(kind.columns, patterns), Totals())
            except Exception:  # somebody's own, on rows that its `row` would not give
                self.unknown_keys = True
                continue
            lower = {
                column.format(row.key): row.lower
                for table in kind.tables
                for column in table.columns
                for row in table.rows
            }
            found |= {f'{kind.default_prefix}/{key}': lower.get(key) for key in figures}
        if all(part in found for part in JOINT_PARTS):
            found[JOINT] = False
        return found

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
        for sample in samples:
            base = base_columns(sample)
            self._seen.append((base['sample_id'], base['availability']))
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
        ours = [metric for metric in self.metrics if isinstance(metric, DualGasMetric)]
        tables = [table for m in ours if (table := m.gather(size)) is not None]
        labels, kinds = Labels.from_meta(self.dataset_meta), [type(m) for m in ours]
        scores = Scores({}, count_samples(p for _, p in seen), labels=labels)
        if tables:
            scores = Scores.of_table(merge_tables(tables), kinds, labels)
        if self._left_out:
            scores.details['not_scored'] = self._left_out
        for metric in (m for m in self.metrics if m not in ours):
            scores.values.update(metric.evaluate(size))
        # metrics of other classes than FUME's are made here and have no importable name
        shared = [dataclasses.replace(scores, table=None, metrics=())]
        broadcast_object_list(shared)
        self.scores = dataclasses.replace(
            shared[0], table=scores.table, metrics=scores.metrics
        )
        return self.scores.values

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
