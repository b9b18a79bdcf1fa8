"""Tiles: frames with masks over them, scaled by one rule and laid out in a grid."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from .canvas import GREY, WHITE, Canvas, Colour
from .overlay import overlay


def tile_size(
    shape: Sequence[int], *, at_least: int = 1, at_most: int
) -> tuple[int, int]:
    """(width, height) at which a frame of the shape (H, W) is shown.

    It keeps its proportions; the width is brought between the two limits.
    """
    height, width = shape[:2]
    shown = min(max(width, at_least), at_most)
    return shown, max(round(shown * height / width), 1)


def draw_tile(
    frame: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    size: tuple[int, int],
    **overlay_options: Any,
) -> np.ndarray:
    """A frame, with a mask over it or without, at the size of a tile.

    Args:
        frame: (H, W) uint8, or (H, W, 3) uint8 where there is no mask.
        mask: (H, W) integer class ids; need not have the frame's size.
        size: (width, height).
        overlay_options: Passed to :func:`~fume_mm.drawing.overlay.overlay`.

    Returns:
        (height, width, 3) uint8 RGB; frames are interpolated (averaged if they become
        smaller), masks never.
    """
    if frame.shape[1::-1] != size:
        way = cv2.INTER_AREA if frame.shape[1] > size[0] else cv2.INTER_LINEAR
        frame = cv2.resize(frame, size, interpolation=way).astype(np.uint8)
    if mask is None:
        return frame if frame.ndim == 3 else np.repeat(frame[:, :, None], 3, axis=2)
    mask = mask.astype(np.uint8, copy=False)
    if mask.shape[::-1] != size:
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return overlay(frame, mask, **overlay_options)


def blank_tile(
    size: tuple[int, int], colour: Colour = WHITE, words: str = ''
) -> np.ndarray:
    """A tile of one colour, with words in its middle."""
    canvas = Canvas(*size)
    canvas.box((0, 0, *size), fill=colour)
    middle = size[0] // 2, size[1] // 2
    canvas.text(middle, words, colour=GREY, align='middle', max_width=size[0])
    return canvas.array


def caption_tile(
    tile: np.ndarray, caption: str, *, height: int = 18, above: bool = False
) -> np.ndarray:
    """A tile with a line of text below or above it, cut to the tile's width."""
    canvas = Canvas(tile.shape[1], tile.shape[0] + height)
    canvas.paste(tile, (0, height if above else 0))
    middle = height // 2 + (0 if above else tile.shape[0])
    size = round(0.62 * height)  # letters that reach down stay clear of the tile
    canvas.text((2, middle), caption, size, max_width=tile.shape[1] - 4)
    return canvas.array


def lay_out(tiles: Sequence[np.ndarray], *, columns: int, gap: int = 0) -> np.ndarray:
    """Tiles in rows from the upper left, on white, (h, w, 3) uint8.

    A column is as wide as its widest tile, a row as high as its highest.
    """
    rows = [tiles[start : start + columns] for start in range(0, len(tiles), columns)]
    widths = [
        max(tile.shape[1] for tile in tiles[column::columns])
        for column in range(min(columns, len(tiles)))
    ]
    heights = [max(tile.shape[0] for tile in row) for row in rows]
    size = sum(widths) + gap * (len(widths) - 1), sum(heights) + gap * (len(rows) - 1)
    canvas, top = Canvas(*size), 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for tile, width in zip(row, widths, strict=False):
            canvas.paste(tile, (left, top))
            left += width + gap
        top += height + gap
    return canvas.array
