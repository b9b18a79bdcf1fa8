"""Distances between outlines for each gas, all of them, each availability pattern."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from fume_mm.errors import UserError
from fume_mm.registry import METRICS
from fume_mm.structures import AVAILABILITY, BACKGROUND, GASES
from fume_mm.structures.labels import Labels

from .base import FrameMetric, Refuse, mean_of, prefixed
from .boundary import TOLERANCE, WHO, boundary_scores
from .confusion import confusion_matrix, mean_defined
from .estimate import PERCENT, PIXELS
from .layout import FRAMES, Row, ScoreTable
from .resampling import Totals
from .table import NUMBER, Kind, groupings, has_gas, numbers

#: Columns of the table: the keys they become, and the largest value.
PARTS = {'hd95': ('HD95', np.inf), 'asd': ('ASD', np.inf), 'f1': ('F1', 1.0)}
KINDS: dict[str, Kind] = {**dict.fromkeys(PARTS, NUMBER), 'in': tuple(WHO.values())}


def outline_column(gas: str, name: str, part: str) -> str:
    """Name of the column of a gas, a class, and one of :data:`KINDS`."""
    return f'{gas}_{name}_{part}'


#: Every figure: its key, what it is written in, its unit, whether less is better.
FIGURES = (
    ('HD95', 'px', PIXELS, True),
    ('ASD', 'px', PIXELS, True),
    ('F1', '%', PERCENT, False),
)


@METRICS.register_module()
class BoundaryMetric(FrameMetric):
    """HD95 and ASD in pixels and boundary F1 of tube and gas; means over frames.

    Each frame is measured by itself at the size of its true mask (see
    :mod:`~fume_mm.evaluation.boundary` for the definitions), then averaged over the
    frames that have the class in the truth or in the prediction. A frame that has it in
    only one of them counts with the frame's diagonal (HD95, ASD) and 0 (F1). A frame
    with neither is left out. A pixel whose truth is ignored belongs to no class in
    either mask.

    Keys are in docs/metrics.md: for the frames of both gases together, under ``co2/``
    and ``ch4/``, and the means of both classes for each availability pattern. A gas or
    a pattern that never occurs in the split has no keys.

    Columns: per gas and class ``<gas>_<class>_hd95``, ``_asd``, ``_f1`` and ``_in``,
    who has the class. Details: ``frames``, by name (``all``, the gases, the patterns)
    and class how many frames have it in ``both``, only in the ``truth``, only in the
    ``prediction``, in ``neither``.

    Args:
        tolerance: How far off still counts as hit for F1, as a share of the frame's
            diagonal; 0.0025 is 2 px at 640x480.
        **kwargs: See :class:`FrameMetric`.

    Raises:
        UserError: If the tolerance is not from 0 to 1.
    """

    default_prefix = 'boundary'

    @classmethod
    def declare(cls, labels: Labels) -> dict[str, Any]:
        """Columns, and a table with the figures each followed by the classes'."""
        rows: list[Row] = []
        for key, written, unit, lower in FIGURES:
            rows.append(Row(key, f'{key} ({written})', unit, lower))
            for name in labels.foreground:
                rows.append(Row(f'{key}/{name}', f' {name}', unit, lower))
        return {
            'columns': {
                outline_column(gas, name, part): kind
                for gas in GASES
                for name in labels.foreground
                for part, kind in KINDS.items()
            },
            'tables': (ScoreTable('Outlines', FRAMES, tuple(rows)),),
            'patterns': tuple(row for row in rows if row.key in ('HD95', 'ASD')),
        }

    def __init__(self, *, tolerance: float = TOLERANCE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= tolerance <= 1:
            raise UserError(
                f'BoundaryMetric has tolerance={tolerance}; give a share of the '
                "frame's diagonal, such as 0.0025 (2 px at 640x480)."
            )
        self.tolerance = tolerance

    def frame(self, gas: str, target: Tensor, pred: Tensor) -> dict[str, Any]:
        """Measure the outlines in a frame."""
        masks = self._counted(target, pred)
        row: dict[str, Any] = {}
        for class_id, name in enumerate(self.labels.foreground, start=1):
            of_class = (mask == class_id for mask in masks)
            scores = boundary_scores(*of_class, tolerance=self.tolerance)
            for part, value in zip(KINDS, scores, strict=True):
                row[outline_column(gas, name, part)] = value
        return row

    def _counted(self, target: Tensor, pred: Tensor) -> list[np.ndarray]:
        """Both masks as (H, W) uint8, with ignored pixels as background."""
        masks = [m.squeeze(0).to(torch.uint8).cpu().numpy() for m in (target, pred)]
        ignored = masks[0] == self.ignore_index
        if target.dtype != torch.uint8:
            ignored = (target == self.ignore_index).squeeze(0).cpu().numpy()
        classes = len(self.labels.seg_classes)
        fits = masks[0].shape == masks[1].shape
        if not fits or ((np.maximum(*masks) >= classes) & ~ignored).any():
            confusion_matrix(  # says what is wrong
                target, pred, num_classes=classes, ignore_index=self.ignore_index
            )
        if not ignored.any():
            return masks
        return [np.where(ignored, BACKGROUND, mask) for mask in masks]

    @classmethod
    def figures(cls, table: pd.DataFrame, totals: Totals) -> dict[str, Any]:
        """Distances and F scores of the outlines, over both gases and by gas."""
        metrics: dict[str, Any] = {}
        for group, frames in groupings(table).items():
            scores: dict[str, Any] = {}
            for part, (key, _) in PARTS.items():
                by_class = {}
                for name in cls.labels.foreground:
                    columns = [outline_column(gas, name, part) for gas in frames]
                    rows = np.stack(list(frames.values()), axis=1)
                    values = np.where(rows, numbers(table, columns), np.nan)
                    by_class[f'{key}/{name}'] = mean_of(totals, *values.T)
                scores[key] = mean_defined(np.stack(list(by_class.values()), axis=-1))
                scores |= by_class
            keys = [key for key, _ in PARTS.values()] if group in AVAILABILITY else None
            metrics |= scores if group == 'all' else prefixed(group, scores, keys)
        return metrics

    @classmethod
    def describe(cls, table: pd.DataFrame) -> dict[str, Any]:
        """How many frames have the class in both masks, in one, or in none."""
        frames: dict[str, dict[str, dict[str, int]]] = {}
        for group, chosen in groupings(table).items():
            frames[group] = {}
            for name in cls.labels.foreground:
                columns = {gas: outline_column(gas, name, 'in') for gas in chosen}
                have = [
                    x for g, rows in chosen.items() for x in table[columns[g]][rows]
                ]
                frames[group][name] = {who: have.count(who) for who in WHO.values()}
        return {'frames': frames}

    @classmethod
    def reason(cls, key: str, table: pd.DataFrame) -> str:
        """Why a figure is undefined."""
        last = key.rpartition('/')[2]
        outlined = cls.labels.foreground
        what = last if last in outlined else ' or '.join(outlined)
        return f'no frame has {what} in truth or prediction'

    @staticmethod
    def notes(details: dict[str, Any]) -> list[str]:
        """How many frames count with the diagonal: a class is in one mask only."""
        return [
            f'Outlines: {name} missed in {counts["truth"]} frames, made up in '
            f'{counts["prediction"]} (HD95 and ASD are the diagonal there).'
            for name, counts in details.get('frames', {}).get('all', {}).items()
            if counts['truth'] or counts['prediction']
        ]

    @classmethod
    def check(cls, table: pd.DataFrame, refuse: Refuse) -> None:
        """Distances are there exactly where a mask has the class, and in range."""
        for gas in GASES:
            for name in cls.labels.foreground:
                who = outline_column(gas, name, 'in')
                measured = has_gas(table, gas) & (table[who] != 'neither').to_numpy()
                for part, (_, most) in PARTS.items():
                    column = outline_column(gas, name, part)
                    values = table[column].to_numpy()
                    good = (values >= 0) & (values <= most) & np.isfinite(values)
                    refuse(measured & ~good, column, f'not from 0 to {most:g}')
                    refuse(~measured & ~np.isnan(values), column, f'but {who} says no')
