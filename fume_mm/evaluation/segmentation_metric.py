"""Segmentation scores for each gas, all of them, and each availability pattern."""

from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.registry import METRICS
from fume_mm.structures import GAS_LABELS, GASES, SEG_CLASSES

from .base import DualGasMetric, defined_sums, masks_of, prefixed, sample_id
from .resampling import Totals
from .scores import confusion_matrix, plain, quotient, segmentation_scores
from .table import SEGMENTATION_COLUMNS, count_columns, groupings, numbers

ALL = 'all'
#: What is told for each availability pattern.
PATTERN_KEYS = ('mIoU', 'gas_IoU')
#: What is also told as a mean over frames.
FRAME_KEYS = ('mIoU', 'mDice', 'gas_IoU')


@METRICS.register_module()
class SegmentationMetric(DualGasMetric):
    """IoU, Dice, precision, recall and pixel accuracy of the masks of tube and gas.

    Pixels are accumulated over the split and each score is computed once from the
    totals; it is not a mean over frames, so an empty frame neither adds a 1 nor a 0.
    Only frames that exist count: a missing gas adds no pixel. A class that is neither
    in the truth nor in the prediction has NaN and is left out of the means (see
    :func:`segmentation_scores`).

    Scores under ``frame/`` are computed for each frame by itself and averaged over the
    frames where they are defined.

    Keys, for the frames of both gases together: ``seg/mIoU``, ``seg/mDice``,
    ``seg/pixel_accuracy``, ``seg/gas_IoU``, ``seg/IoU/<class>``, ``seg/Dice/<class>``,
    ``seg/precision/<class>``, ``seg/recall/<class>`` with the classes background, tube
    and gas; ``seg/frame/mIoU``, ``seg/frame/mDice``, ``seg/frame/gas_IoU``. The same
    under ``seg/co2/…`` and ``seg/ch4/…``; ``mIoU`` and ``gas_IoU`` under
    ``seg/both/…``, ``seg/co2_only/…`` and ``seg/ch4_only/…`` for the samples with these
    gases. A gas or a pattern that never occurs in the split has no keys.

    ``details``: ``classes`` and ``confusion``, pixel counts by name (``all``, the
    gases, the patterns), rows truth, columns prediction.

    Args:
        ignore_index: Pixels whose true value is this do not count.
        collect_device: See :class:`DualGasMetric`.
        collect_dir: See :class:`DualGasMetric`.
    """

    default_prefix = 'seg'
    needs = 'masks'
    columns = SEGMENTATION_COLUMNS

    def __init__(
        self,
        *,
        ignore_index: int = 255,
        collect_device: str = 'gpu',
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, collect_dir=collect_dir)
        self.ignore_index = ignore_index

    def row(self, sample: dict) -> dict[str, Any]:
        """Count the pixels of the sample's frames.

        Args:
            sample: Of each gas that it has, ``gt_sem_seg`` and ``pred_sem_seg``
                (1, H, W).

        Raises:
            UserError: If a gas that is there has no truth or no prediction, or they do
                not fit together.
        """
        row: dict[str, int] = {}
        for gas in (gas for gas in GASES if gas in sample):
            truth, prediction = masks_of(sample, gas, metric=type(self).__name__)
            try:
                confusion = confusion_matrix(
                    truth,
                    prediction,
                    num_classes=len(SEG_CLASSES),
                    ignore_index=self.ignore_index,
                )
            except UserError as error:
                raise UserError(
                    f"sample '{sample_id(sample)}', {GAS_LABELS[gas]} frame: {error}"
                ) from error
            counts = confusion.flatten().tolist()
            row |= dict(zip(count_columns(gas), counts, strict=True))
        return row

    @staticmethod
    def figures(table: pd.DataFrame, totals: Totals) -> dict[str, Any]:
        """See the class; keys without ``seg/``."""
        confusions = _confusions(table)
        by_frame = {gas: segmentation_scores(c) for gas, c in confusions.items()}
        metrics: dict[str, Any] = {}
        for name, frames in groupings(table).items():
            scores = segmentation_scores(totals.sum(_chosen(confusions, frames)))
            if name not in (ALL, *GASES):
                metrics |= prefixed(name, scores, PATTERN_KEYS)
                continue
            for key in FRAME_KEYS:
                values = [by_frame[gas][key] for gas in frames]
                scores[f'frame/{key}'] = quotient(*defined_sums(totals, values))
            metrics |= scores if name == ALL else prefixed(name, scores)
        return plain(metrics)

    @staticmethod
    def describe(table: pd.DataFrame) -> dict[str, Any]:
        """See the class."""
        confusions = _confusions(table)
        return {
            'classes': list(SEG_CLASSES),
            'confusion': {
                name: _chosen(confusions, frames).sum(0).astype(int).tolist()
                for name, frames in groupings(table).items()
            },
        }


def _confusions(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Pixel counts by gas, (N, 3, 3), all 0 for a frame that is not there."""
    size = len(SEG_CLASSES)
    return {
        gas: np.nan_to_num(numbers(table, count_columns(gas))).reshape(-1, size, size)
        for gas in GASES
    }


def _chosen(
    confusions: dict[str, np.ndarray], frames: dict[str, np.ndarray]
) -> np.ndarray:
    """Counts of each sample in the chosen frames, (N, 3, 3)."""
    return np.sum(
        [confusions[gas] * rows[:, None, None] for gas, rows in frames.items()], axis=0
    )
