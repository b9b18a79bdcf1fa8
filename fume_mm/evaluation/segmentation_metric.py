"""Segmentation scores for each gas, all of them, and each availability pattern."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from fume_mm.registry import METRICS
from fume_mm.structures import AVAILABILITY, GASES, SEG_CLASSES
from fume_mm.structures.labels import GAS_NAME, Labels

from .base import FrameMetric, mean_of, prefixed
from .confusion import confusion_matrix, segmentation_scores
from .layout import FRAMES, Row, ScoreTable
from .resampling import Totals
from .table import COUNT, groupings, numbers

#: What is also given as a mean over frames.
FRAME_KEYS = ('mIoU', 'mDice', 'gas_IoU')


def count_columns(gas: str, classes: Sequence[str] = SEG_CLASSES) -> list[str]:
    """Names of the pixel counts of a gas, target by target."""
    return [f'{gas}_{true}_as_{pred}' for true in classes for pred in classes]


@METRICS.register_module()
class SegmentationMetric(FrameMetric):
    """IoU, Dice, precision, recall and pixel accuracy of the masks of tube and gas.

    Pixels are accumulated over the split and each score is computed once from the
    totals; it is not a mean over frames, so an empty frame neither adds a 1 nor a 0.
    Only frames that exist count: a missing gas adds no pixel. A class that is neither
    in the truth nor in the prediction has NaN and is left out of the means (see
    :func:`segmentation_scores`).

    Scores under ``frame/`` are computed for each frame by itself and averaged over the
    frames where they are defined.

    Keys are in docs/metrics.md: for the frames of both gases together, under ``co2/``
    and ``ch4/``, and :attr:`patterns` for each availability pattern. A gas or a pattern
    that never occurs in the split has no keys.

    Columns: per gas the pixel counts ``<gas>_<true class>_as_<predicted class>``.
    Details: ``classes`` and ``confusion``, pixel counts by name (``all``, the gases,
    the patterns), rows truth, columns prediction.

    Args: See :class:`FrameMetric`.
    """

    default_prefix = 'seg'
    foreign = '.*_as_.*'
    headlines = (Row('mIoU', 'mIoU'), Row('gas_IoU', 'gas IoU'))
    patterns = headlines

    @classmethod
    def declare(cls, labels: Labels) -> dict[str, Any]:
        """Columns and tables."""
        classes = labels.seg_classes
        others = [name for name in labels.foreground if name != GAS_NAME]
        whole = ScoreTable(
            'Masks (%)',
            FRAMES,
            (
                Row('mIoU', 'mIoU'),
                Row('mDice', 'Dice'),
                Row('gas_IoU', 'gas IoU'),
                *(Row(f'IoU/{name}', f'{name} IoU') for name in others),
                Row('pixel_accuracy', 'pixel acc.'),
                Row('precision/gas', 'gas precision'),
                Row('recall/gas', 'gas recall'),
                Row('frame/mIoU', 'frame mIoU'),
                Row('frame/gas_IoU', 'frame gas IoU'),
            ),
        )
        by_class = ScoreTable(
            'Masks by class (%)',
            {f'{{}}/{name}': name for name in classes},
            tuple(Row(key, key) for key in ('IoU', 'Dice', 'precision', 'recall')),
            brief=False,
        )
        columns = [name for gas in GASES for name in count_columns(gas, classes)]
        return {'columns': dict.fromkeys(columns, COUNT), 'tables': (whole, by_class)}

    def frame(self, gas: str, target: Tensor, pred: Tensor) -> dict[str, Any]:
        """Count the pixels of a frame."""
        classes = self.labels.seg_classes
        confusion = confusion_matrix(
            target, pred, num_classes=len(classes), ignore_index=self.ignore_index
        )
        counts = confusion.flatten().tolist()
        return dict(zip(count_columns(gas, classes), counts, strict=True))

    @classmethod
    def figures(cls, table: pd.DataFrame, totals: Totals) -> dict[str, Any]:
        """Scores of all pixels and means of frames, by gas and by availability."""
        classes = cls.labels.seg_classes
        confusions = pixel_counts(table, classes)
        by_frame = {g: segmentation_scores(c, classes) for g, c in confusions.items()}
        metrics: dict[str, Any] = {}
        for name, frames in groupings(table).items():
            counts = totals.sum(_chosen(confusions, frames))
            scores = segmentation_scores(counts, classes)
            if name in AVAILABILITY:
                keys = [row.key for row in cls.patterns]
                metrics |= prefixed(name, scores, keys)
                continue
            for key in FRAME_KEYS:
                values = [by_frame[gas][key] for gas in frames]
                scores[f'frame/{key}'] = mean_of(totals, *values)
            metrics |= scores if name == 'all' else prefixed(name, scores)
        return metrics

    @classmethod
    def describe(cls, table: pd.DataFrame) -> dict[str, Any]:
        """Confusions (true class, predicted class) in pixels."""
        confusions = pixel_counts(table, cls.labels.seg_classes)
        return {
            'classes': list(cls.labels.seg_classes),
            'confusion': {
                name: _chosen(confusions, frames).sum(0).astype(int).tolist()
                for name, frames in groupings(table).items()
            },
        }

    @classmethod
    def reason(cls, key: str, table: pd.DataFrame) -> str:
        """Why a figure is undefined."""
        *_, score, last = ('', *key.split('/'))
        if last == 'gas_IoU':
            return 'no frame has gas in truth or prediction'
        return class_reason(score, last, 'pixel') or 'every pixel is unlabelled'


def class_reason(score: str, name: str, unit: str) -> str | None:
    """Why a score of a class is undefined, from counts of ``unit``."""
    either = f'no {unit} is {name} in truth or prediction'
    reasons = {
        'precision': f'no {unit} is predicted as {name}',
        'recall': f'no {unit} is {name} in the truth',
        **dict.fromkeys(('IoU', 'Dice', 'f1'), either),
    }
    return reasons.get(score)


def pixel_counts(
    table: pd.DataFrame, classes: Sequence[str] = SEG_CLASSES
) -> dict[str, np.ndarray]:
    """Pixel counts by gas, (N, C, C), all 0 for a frame that is not there."""
    shape = -1, len(classes), len(classes)
    return {
        gas: np.nan_to_num(numbers(table, count_columns(gas, classes))).reshape(shape)
        for gas in GASES
    }


def _chosen(
    confusions: dict[str, np.ndarray], frames: dict[str, np.ndarray]
) -> np.ndarray:
    """Counts of each sample in the chosen frames, (N, C, C)."""
    return np.sum(
        [confusions[gas] * rows[:, None, None] for gas, rows in frames.items()], axis=0
    )
