"""Segmentation scores for each gas, all of them, and each availability pattern."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.registry import METRICS
from fume_mm.structures import AVAILABILITY, GAS_LABELS, GASES, SEG_CLASSES

from .base import (
    DualGasMetric,
    add_by_name,
    prefixed,
    require,
    sample_availability,
    sample_id,
)
from .scores import confusion_matrix, segmentation_scores

ALL = 'all'
#: What is told for each availability pattern.
PATTERN_KEYS = ('mIoU', 'gas_IoU')


@METRICS.register_module()
class SegmentationMetric(DualGasMetric):
    """IoU, Dice and pixel accuracy of the masks of tube and gas.

    Pixels are accumulated over the split and each score is computed once from the
    totals; it is not a mean over frames, so an empty frame neither adds a 1 nor a 0.
    Only frames that exist count: a missing gas adds no pixel. A class that is neither
    in the truth nor in the prediction has NaN and is left out of the means (see
    :func:`segmentation_scores`).

    Keys, for the frames of both gases together: ``seg/mIoU``, ``seg/mDice``,
    ``seg/pixel_accuracy``, ``seg/gas_IoU``, ``seg/IoU/<class>``, ``seg/Dice/<class>``
    with the classes background, tube and gas. The same under ``seg/co2/…`` and
    ``seg/ch4/…``; ``mIoU`` and ``gas_IoU`` under ``seg/both/…``, ``seg/co2_only/…`` and
    ``seg/ch4_only/…`` for the samples with these gases. A gas or a pattern that never
    occurs in the split has no keys.

    ``details``: ``classes`` and ``confusion``, pixel counts by name (``all``, the
    gases, the patterns), rows truth, columns prediction.

    Args:
        ignore_index: Pixels whose true value is this do not count.
        collect_device: See :class:`DualGasMetric`.
        collect_dir: See :class:`DualGasMetric`.
    """

    default_prefix = 'seg'

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        collect_device: str = 'gpu',
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, collect_dir=collect_dir)
        self.ignore_index = ignore_index

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the pixels of each sample's frames.

        Args:
            data_batch: Not used.
            data_samples: Samples as dicts; of each gas a sample has, ``gt_sem_seg`` and
                ``pred_sem_seg`` (1, H, W).

        Raises:
            UserError: If a gas that is there has no truth or no prediction, or they do
                not fit together.
        """
        for sample in data_samples:
            confusions = {
                gas: self._confusion(sample, gas) for gas in GASES if gas in sample
            }
            self.results.append((sample_availability(sample), confusions))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Scores of the accumulated pixels of ``results``."""
        totals: dict[str, np.ndarray] = {}
        for pattern, confusions in results:
            for gas, confusion in confusions.items():
                add_by_name(totals, (ALL, gas, pattern), confusion)
        order = (ALL, *GASES, *AVAILABILITY)
        totals = {name: totals[name] for name in order if name in totals}
        self.details = {
            'classes': list(SEG_CLASSES),
            'confusion': {name: total.tolist() for name, total in totals.items()},
        }
        metrics: dict[str, float] = {}
        for name, total in totals.items():
            scores = segmentation_scores(total)
            if name == ALL:
                metrics |= scores
            elif name in GASES:
                metrics |= prefixed(name, scores)
            else:
                metrics |= prefixed(name, scores, PATTERN_KEYS)
        return metrics

    def _confusion(self, sample: dict, gas: str) -> np.ndarray:
        label = GAS_LABELS[gas]
        truth = require(
            sample,
            gas,
            'gt_sem_seg',
            'data',
            error=f'its {label} frame has no truth mask to compare with; evaluate on '
            'annotated samples, or take SegmentationMetric out of the evaluator.',
        )
        prediction = require(
            sample,
            gas,
            'pred_sem_seg',
            'data',
            error=f'the model predicted no mask for its {label} frame; give the model '
            'a decode head, or take SegmentationMetric out of the evaluator.',
        )
        try:
            confusion = confusion_matrix(
                truth.to(prediction.device),
                prediction,
                num_classes=len(SEG_CLASSES),
                ignore_index=self.ignore_index,
            )
        except UserError as error:
            raise UserError(
                f"sample '{sample_id(sample)}', {label} frame: {error}"
            ) from error
        return confusion.cpu().numpy()
