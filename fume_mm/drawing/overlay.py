"""Masks over frames: OpenCV and NumPy only."""

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np

from fume_mm.structures import BACKGROUND, IGNORE, SEG_PALETTE

#: Stripes over unlabelled pixels: gray level and period in pixels.
STRIPE, STRIPE_PERIOD = 150, 8


def overlay(
    frame: np.ndarray,
    mask: np.ndarray,
    *,
    alpha: float = 0.45,
    line_width: int = 1,
    palette: Sequence[tuple[int, int, int]] = SEG_PALETTE,
) -> np.ndarray:
    """Tint tube and gas in a frame, outline them, and hatch ignored pixels in gray.

    The tint lets a faint plume shine through; the outline shows where the mask ends
    although the plume does not.

    Args:
        frame: (H, W) uint8.
        mask: (H, W) integer class ids; background stays as it is, and so do ids that
            are no class, but for :data:`~fume_mm.structures.IGNORE`.
        alpha: Share of the colour in the tint, 0 to 1.
        line_width: Of the outline, in pixels; 0 draws none.
        palette: RGB by class id.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: If frame and mask differ in size.
    """
    if frame.shape != mask.shape:
        raise ValueError(
            f'the frame has the shape {frame.shape}, its mask {mask.shape}; give a '
            "mask of the frame's size."
        )
    image = cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_GRAY2RGB)
    for class_id, colour in enumerate(palette):
        if class_id == BACKGROUND:
            continue
        inside = (mask == class_id).view(np.uint8)
        left, top, width, height = cv2.boundingRect(inside)
        if not width:
            continue
        # a gray level has one tinted colour, so a table replaces the arithmetic
        here = slice(top, top + height), slice(left, left + width)
        tinted = cv2.LUT(image[here], _tints(colour, alpha))
        cv2.copyTo(tinted, inside[here], image[here])
        if line_width:
            contours, _ = cv2.findContours(
                inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
            )
            cv2.drawContours(image, contours, -1, colour, line_width)
    ignored = mask == IGNORE
    if ignored.any():
        image[ignored & stripes(mask.shape)] = STRIPE
    return image


@cache
def _tints(colour: tuple[int, int, int], alpha: float) -> np.ndarray:
    """What each gray level becomes, (1, 256, 3) uint8."""
    levels = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    tint = (1 - alpha) * levels + alpha * np.array(colour)
    return tint.round().astype(np.uint8)[None]


def stripes(shape: tuple[int, ...]) -> np.ndarray:
    """Slanted stripes over half of the pixels, (H, W) bool."""
    rows, columns = np.indices(shape, sparse=True)
    return (rows + columns) % STRIPE_PERIOD < STRIPE_PERIOD // 2
