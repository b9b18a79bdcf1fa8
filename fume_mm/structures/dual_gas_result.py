"""What a model says of one sample, the same whichever program ran it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import GASES, HEALTH_CLASSES, SEG_CLASSES


@dataclass(frozen=True)
class DualGasResult:
    """Masks and health of one sample.

    Attributes:
        name: The sample's name: the frames' common file name, a row's sample_id, or a
            clip's frame number.
        masks: By gas that was given, (H, W) uint8 class ids at the frame's own size;
            empty for a model without masks.
        probabilities: By gas, (3, H, W) float32; empty unless asked for.
        health_scores: (3,) float32 in the order of HEALTH_CLASSES; None for a model
            without health.
        seconds: Wall-clock time by step: ``read``, ``infer`` (this sample's share of
            its batch) and what else the program times.
    """

    name: str
    masks: dict[str, np.ndarray]
    probabilities: dict[str, np.ndarray] = field(default_factory=dict)
    health_scores: np.ndarray | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def health_class(self) -> str | None:
        """The most probable class."""
        if self.health_scores is None:
            return None
        return HEALTH_CLASSES[int(np.argmax(self.health_scores))]

    @property
    def confidence(self) -> float | None:
        """The probability of :attr:`health_class`."""
        return None if self.health_scores is None else float(self.health_scores.max())

    def areas(self) -> dict[str, dict[str, int]]:
        """Pixels of each class by gas."""
        found: dict[str, dict[str, int]] = {}
        for gas in (gas for gas in GASES if gas in self.masks):
            mask = self.masks[gas]
            found[gas] = {
                name: int(np.count_nonzero(mask == class_id))
                for class_id, name in enumerate(SEG_CLASSES)
            }
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: everything but the arrays of pixels."""
        masks = {}
        for gas, pixels in self.areas().items():
            height, width = self.masks[gas].shape
            share = {name: count / (height * width) for name, count in pixels.items()}
            masks[gas] = {
                'width': width,
                'height': height,
                'pixels': pixels,
                'share': share,
            }
        health = None
        if self.health_scores is not None:
            scores = dict(zip(HEALTH_CLASSES, self.health_scores.tolist(), strict=True))
            health = {'class': self.health_class, 'probabilities': scores}
        return {
            'name': self.name,
            'masks': masks,
            'health': health,
            'seconds': dict(self.seconds),
        }

    def row(self) -> dict[str, Any]:
        """One flat row for a table; a gas that was not given has empty cells."""
        areas = self.areas()
        row: dict[str, Any] = {'name': self.name}
        for gas in GASES:
            for kind in SEG_CLASSES[1:]:
                row[f'{gas}_{kind}_px'] = areas[gas][kind] if gas in areas else None
        row['health_class'] = self.health_class
        for i, name in enumerate(HEALTH_CLASSES):
            scores = self.health_scores
            row[f'p_{name.lower()}'] = None if scores is None else float(scores[i])
        return row
