"""Distances between outlines for each gas, all of them, each availability pattern."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fume_mm.errors import UserError
from fume_mm.registry import METRICS
from fume_mm.structures import BACKGROUND, GAS_LABELS, GASES, SEG_CLASSES

from .base import DualGasMetric, defined_sums, masks_of, prefixed, sample_id
from .boundary import TOLERANCE, WHO, boundary_scores
from .resampling import Totals
from .scores import confusion_matrix, mean_defined, plain, quotient
from .table import (
    BOUNDARY_COLUMNS,
    OUTLINE_PARTS,
    OUTLINED,
    groupings,
    numbers,
    outline_column,
)

ALL = 'all'
#: Columns of the table and the keys they become.
KEYS = {'hd95': 'HD95', 'asd': 'ASD', 'f1': 'F1'}


@METRICS.register_module()
class BoundaryMetric(DualGasMetric):
    """HD95 and ASD in pixels and boundary F1 of tube and gas; means over frames.

    Each frame is measured by itself at the size of its true mask (see
    :mod:`~fume_mm.evaluation.boundary` for the definitions), then averaged over the
    frames that have the class in the truth or in the prediction. A frame that has it in
    only one of them counts with the frame's diagonal (HD95, ASD) and 0 (F1). A frame
    with neither is left out. A pixel whose truth is ignored belongs to no class in
    either mask.

    Keys, for the frames of both gases together: ``boundary/HD95``, ``boundary/ASD``,
    ``boundary/F1`` (mean of both classes) and each with ``/tube`` and ``/gas``. The
    same under ``boundary/co2/…`` and ``boundary/ch4/…``; the means of both classes
    under ``boundary/both/…``, ``boundary/co2_only/…`` and ``boundary/ch4_only/…``. A
    gas or a pattern that never occurs in the split has no keys.

    ``details``: ``frames``, by name (``all``, the gases, the patterns) and class how
    many frames have it in ``both``, only in the ``truth``, only in the ``prediction``,
    in ``neither``.

    Args:
        tolerance: How far off still counts as hit for F1, as a share of the frame's
            diagonal; 0.0025 is 2 px at 640x480.
        ignore_index: Pixels whose true value is this do not count.
        collect_device: See :class:`DualGasMetric`.
        collect_dir: See :class:`DualGasMetric`.

    Raises:
        UserError: If the tolerance is not from 0 to 1.
    """

    default_prefix = 'boundary'
    needs = 'masks'
    columns = BOUNDARY_COLUMNS

    def __init__(
        self,
        *,
        tolerance: float = TOLERANCE,
        ignore_index: int = 255,
        collect_device: str = 'gpu',
        collect_dir: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, collect_dir=collect_dir)
        if not 0 <= tolerance <= 1:
            raise UserError(
                f'BoundaryMetric has tolerance={tolerance}; give a share of the '
                "frame's diagonal, such as 0.0025 (2 px at 640x480)."
            )
        self.tolerance = tolerance
        self.ignore_index = ignore_index

    def row(self, sample: dict) -> dict[str, Any]:
        """Measure the outlines in the sample's frames.

        Args:
            sample: Of each gas that it has, ``gt_sem_seg`` and ``pred_sem_seg``
                (1, H, W).

        Raises:
            UserError: If a gas that is there has no truth or no prediction, or they do
                not fit together.
        """
        row: dict[str, Any] = {}
        for gas in (gas for gas in GASES if gas in sample):
            masks = masks_of(sample, gas, metric=type(self).__name__)
            try:
                truth, said = self._counted(*masks)
            except UserError as error:
                raise UserError(
                    f"sample '{sample_id(sample)}', {GAS_LABELS[gas]} frame: {error}"
                ) from error
            for name in OUTLINED:
                class_id = SEG_CLASSES.index(name)
                scores = boundary_scores(
                    truth == class_id, said == class_id, tolerance=self.tolerance
                )
                values = (scores.hd95, scores.asd, scores.f1, scores.who)
                for part, value in zip(OUTLINE_PARTS, values, strict=True):
                    row[outline_column(gas, name, part)] = value
        return row

    def _counted(self, truth: Tensor, prediction: Tensor) -> list[np.ndarray]:
        """Both masks as (H, W) uint8, with ignored pixels as background."""
        true, said = (
            mask.squeeze(0).to(torch.uint8).cpu().numpy()
            for mask in (truth, prediction)
        )
        ignored = (truth == self.ignore_index).squeeze(0).cpu().numpy()
        classes = len(SEG_CLASSES)
        fits = true.shape == said.shape
        if not fits or ((np.maximum(true, said) >= classes) & ~ignored).any():
            confusion_matrix(  # says what is wrong
                truth,
                prediction,
                num_classes=classes,
                ignore_index=self.ignore_index,
            )
        if not ignored.any():
            return [true, said]
        return [np.where(ignored, BACKGROUND, mask) for mask in (true, said)]

    @staticmethod
    def figures(table: pd.DataFrame, totals: Totals) -> dict[str, Any]:
        """See the class; keys without ``boundary/``."""
        metrics: dict[str, Any] = {}
        for name, frames in groupings(table).items():
            scores: dict[str, Any] = {}
            for part, key in KEYS.items():
                by_class = []
                for outlined in OUTLINED:
                    values = [
                        np.where(rows, _column(table, gas, outlined, part), np.nan)
                        for gas, rows in frames.items()
                    ]
                    by_class.append(quotient(*defined_sums(totals, values)))
                scores[key] = mean_defined(np.stack(by_class, axis=-1))
                for outlined, value in zip(OUTLINED, by_class, strict=True):
                    scores[f'{key}/{outlined}'] = value
            if name == ALL:
                metrics |= scores
            elif name in GASES:
                metrics |= prefixed(name, scores)
            else:
                metrics |= prefixed(name, scores, tuple(KEYS.values()))
        return plain(metrics)

    @staticmethod
    def describe(table: pd.DataFrame) -> dict[str, Any]:
        """See the class."""
        frames: dict[str, dict[str, dict[str, int]]] = {}
        for name, chosen in groupings(table).items():
            frames[name] = {}
            for outlined in OUTLINED:
                counts: Counter[str] = Counter()
                for gas, rows in chosen.items():
                    counts.update(table.loc[rows, outline_column(gas, outlined, 'in')])
                frames[name][outlined] = {who: counts[who] for who in WHO.values()}
        return {'frames': frames}


def _column(table: pd.DataFrame, gas: str, name: str, part: str) -> np.ndarray:
    return numbers(table, [outline_column(gas, name, part)])[:, 0]
