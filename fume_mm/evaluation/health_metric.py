"""Scores of the health class, for all samples and each availability pattern."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.registry import METRICS
from fume_mm.structures import AVAILABILITY, HEALTH_CLASSES

from .base import (
    DualGasMetric,
    add_by_name,
    prefixed,
    require,
    sample_availability,
    sample_id,
)
from .scores import classification_scores

ALL = 'all'
#: What is told for each availability pattern.
PATTERN_KEYS = ('accuracy', 'balanced_accuracy')


@METRICS.register_module()
class HealthMetric(DualGasMetric):
    """Accuracies, F1, kappa and per-class scores of the health class.

    Every sample counts once, whichever gases it has. Scores that are undefined are NaN
    and left out of the means (see :func:`classification_scores`).

    Keys: ``cls/accuracy``, ``cls/balanced_accuracy``, ``cls/macro_f1``,
    ``cls/weighted_f1``, ``cls/kappa``; ``cls/precision/<class>``,
    ``cls/recall/<class>``, ``cls/f1/<class>``, ``cls/support/<class>`` with the classes
    Healthy, Transitional and Acidotic; ``accuracy`` and ``balanced_accuracy`` under
    ``cls/both/…``, ``cls/co2_only/…`` and ``cls/ch4_only/…``. A pattern that never
    occurs in the split has no keys.

    ``details``: ``classes`` and ``confusion``, sample counts by name (``all``, the
    patterns), rows truth, columns prediction.

    Args:
        collect_device: See :class:`DualGasMetric`.
        collect_dir: See :class:`DualGasMetric`.
    """

    default_prefix = 'cls'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Note the true and the predicted class of each sample.

        Args:
            data_batch: Not used.
            data_samples: Samples as dicts with ``gt_health`` and ``pred_health`` (1,).

        Raises:
            UserError: If a sample has no truth, no prediction or an unknown class.
        """
        for sample in data_samples:
            truth = require(
                sample,
                'gt_health',
                error='it has no true health class to compare with; evaluate on '
                'annotated samples, or take HealthMetric out of the evaluator.',
            )
            prediction = require(
                sample,
                'pred_health',
                error='the model predicted no health class; give the model a health '
                'head, or take HealthMetric out of the evaluator.',
            )
            classes = int(truth), int(prediction)
            if not all(0 <= c < len(HEALTH_CLASSES) for c in classes):
                raise UserError(
                    f"sample '{sample_id(sample)}' has the health classes {classes} "
                    '(truth, prediction), but the ids are 0 to '
                    f'{len(HEALTH_CLASSES) - 1}; correct class_id in the annotations '
                    'or the number of classes of the health head.'
                )
            self.results.append((sample_availability(sample), *classes))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Scores of the pairs of classes in ``results``."""
        size = len(HEALTH_CLASSES)
        totals = {ALL: np.zeros((size, size), np.int64)}
        for pattern, truth, prediction in results:
            one = np.zeros((size, size), np.int64)
            one[truth, prediction] = 1
            add_by_name(totals, (ALL, pattern), one)
        order = (ALL, *AVAILABILITY)
        totals = {name: totals[name] for name in order if name in totals}
        self.details = {
            'classes': list(HEALTH_CLASSES),
            'confusion': {name: total.tolist() for name, total in totals.items()},
        }
        metrics = classification_scores(totals.pop(ALL))
        for name, total in totals.items():
            metrics |= prefixed(
                name,
                classification_scores(total),
                PATTERN_KEYS,
            )
        return metrics
