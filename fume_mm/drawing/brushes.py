"""Masks painted with brushes, each in the colour of its class."""

from collections.abc import Sequence

import numpy as np

from fume_mm.structures import IGNORE, IGNORE_COLOUR
from fume_mm.structures.labels import FUME_LABELS, Colour, Labels


def brushes(labels: Labels = FUME_LABELS) -> dict[int, Colour]:
    """RGB by the mask value that a brush of this colour paints; the last is unsure."""
    return dict(enumerate(labels.seg_palette)) | {IGNORE: IGNORE_COLOUR}


def legend(labels: Labels = FUME_LABELS) -> dict[str, Colour]:
    """RGB of each brush by the name of what it paints."""
    names = (*labels.seg_classes, 'unsure')
    return dict(zip(names, brushes(labels).values(), strict=True))


def paint(
    mask: np.ndarray, layers: Sequence[np.ndarray], labels: Labels = FUME_LABELS
) -> np.ndarray:
    """A mask with strokes on it.

    Args:
        mask: (H, W) uint8.
        layers: (h, w, 4) uint8 RGBA each, the last on top. A pixel that is at least
            half opaque becomes the class of the nearest colour of :func:`brushes`. A
            layer of another size is brought to the mask's (nearest pixel).
        labels: What the classes are.

    Returns:
        (H, W) uint8, a new array.
    """
    values = np.array(list(brushes(labels)), np.uint8)
    colours = np.array(list(brushes(labels).values()), np.int32)
    mask = mask.copy()
    height, width = mask.shape
    for layer in layers:
        rows = (np.arange(height) * 2 + 1) * layer.shape[0] // (2 * height)
        columns = (np.arange(width) * 2 + 1) * layer.shape[1] // (2 * width)
        layer = layer[rows[:, None], columns]
        painted = layer[..., 3] >= 128
        distance = layer[painted][:, None, :3].astype(np.int32) - colours
        mask[painted] = values[(distance**2).sum(axis=2).argmin(axis=1)]
    return mask
