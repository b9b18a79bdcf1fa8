"""The result of one sample, the same whichever program ran the model."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fume_mm.errors import UserError

from . import GASES
from .labels import FUME_LABELS, Labels
from .verdict import Verdict


def require_finite(values: Any, what: str) -> None:
    """Refuse what holds NaN or an infinity: its largest class would mean nothing.

    Args:
        values: An array or a tensor.
        what: What it is of, for the message.

    Raises:
        UserError: If a value is no number.
    """
    if not math.isfinite(float(values.sum())):
        raise UserError(
            f'{what}: the model gives values that are no numbers (NaN or infinite); '
            'its weights are broken, so use another checkpoint.'
        )


@dataclass(frozen=True)
class DualGasResult:
    """Masks and health of one sample.

    Attributes:
        name: What its frames' file names share, a row's sample_id, or a clip's time.
        masks: By gas that was given, (H, W) uint8 class ids at the frame's own size;
            empty for a model without masks.
        probabilities: By gas, (C, H, W) float32; empty unless asked for.
        health_scores: (C,) float32 in the order of the health classes; None for a model
            without health.
        seconds: Wall-clock time by step, this sample's share of its batch: ``read``,
            ``infer`` and what else the program times.
        frames: By gas that was given, (H, W) uint8, as read, before resizing.
        read_as: By gas, what was done to read a frame that was not 8-bit gray.
        labels: What the classes are.
        verdict: What may be said of the health; None for a model without health, and
            where nobody has judged it yet.

    Raises:
        UserError: If scores or probabilities are no numbers.
    """

    name: str
    masks: dict[str, np.ndarray]
    probabilities: dict[str, np.ndarray] = field(default_factory=dict)
    health_scores: np.ndarray | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    frames: dict[str, np.ndarray] = field(default_factory=dict)
    read_as: dict[str, str] = field(default_factory=dict)
    labels: Labels = FUME_LABELS
    verdict: Verdict | None = None

    def __post_init__(self) -> None:
        if self.health_scores is not None:
            require_finite(self.health_scores, f'{self.name}, health')
        for gas, values in self.probabilities.items():
            require_finite(values, f'{self.name}, {gas}')

    @property
    def health_class(self) -> str | None:
        """The most probable class; None too where there is no verdict."""
        if self.verdict is not None and self.verdict.reasons:
            return None
        scores = self.health_by_class()
        return max(scores, key=scores.__getitem__, default=None)

    @property
    def confidence(self) -> float | None:
        """The probability of :attr:`health_class`."""
        name = self.health_class
        return None if name is None else self.health_by_class()[name]

    def health_by_class(self) -> dict[str, float]:
        """Probability by class; empty for a model without health."""
        if self.health_scores is None:
            return {}
        names, scores = self.labels.health_classes, self.health_scores.tolist()
        return dict(zip(names, scores, strict=True))

    def areas(self) -> dict[str, dict[str, int]]:
        """Pixels of each class by gas."""
        return {
            gas: {
                name: int(np.count_nonzero(self.masks[gas] == class_id))
                for class_id, name in enumerate(self.labels.seg_classes)
            }
            for gas in GASES
            if gas in self.masks
        }

    def shares(self) -> dict[str, dict[str, float]]:
        """Share of the frame that each class has, by gas."""
        return {
            gas: {name: count / self.masks[gas].size for name, count in counts.items()}
            for gas, counts in self.areas().items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: everything but the arrays of pixels."""
        shares, scores = self.shares(), self.health_by_class()
        masks = {}
        for gas, pixels in self.areas().items():
            height, width = self.masks[gas].shape
            masks[gas] = {'width': width, 'height': height}
            masks[gas] |= {'pixels': pixels, 'share': shares[gas]}
        health: dict[str, Any] = {'class': self.health_class, 'probabilities': scores}
        if self.verdict is not None:
            health['verdict'] = self.verdict.to_dict()
        return {
            'name': self.name,
            'masks': masks,
            'health': health if scores else None,
            'seconds': dict(self.seconds),
        }

    def row(self) -> dict[str, Any]:
        """One flat row for a table; a gas that was not given has empty cells."""
        areas, scores = self.areas(), self.health_by_class()
        row: dict[str, Any] = {'name': self.name}
        for gas in GASES:
            for kind in self.labels.foreground:
                row[f'{gas}_{kind}_px'] = areas.get(gas, {}).get(kind)
        said = self.verdict
        row['verdict'] = said and ': '.join([said.text, *said.reasons])
        row['health_class'] = self.health_class
        names, columns = self.labels.health_classes, self.labels.score_columns
        return row | {c: scores.get(n) for c, n in zip(columns, names, strict=True)}
