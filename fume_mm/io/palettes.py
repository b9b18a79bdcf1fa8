"""Colour palettes: which of them luma undoes.

A camera that saves its picture in a palette gives every level one colour. Along iron,
inferno or hot, luma rises with the level, and taking it undoes the palette. Along
rainbow, jet, HSV or turbo it rises and falls: levels far apart have one luma, and no
arithmetic on the picture tells them apart without the palette itself.

They are told apart by the colours that a picture holds: where one luma goes with
several colours, the palette cannot be undone. Photographs hold far more colours than a
palette has; coloured marks on a gray picture are few pixels.
"""

import cv2
import numpy as np

from fume_mm.errors import UserError

#: Largest minus smallest channel from which a pixel is coloured; JPEG stays below.
_COLOURED = 24
#: Share of coloured pixels from which the picture, not a mark on it, is in colours.
_SHARE = 0.25
#: Colours are counted in steps of 8 levels; rarer ones are noise of the compression.
_BITS, _RARE = 5, 1e-4
#: A palette's picture holds at most so many; an isolated few are labels, not a palette.
_MOST, _FEWEST = 600, 12
#: Distance of colours of one luma, RMS in levels. On simulated and real frames mapped
#: by 16 palettes whose luma rises, at JPEG qualities from 50, it stays below 30.
_SPREAD = 30.0
#: Distance of a colour from one of a known palette, in levels.
_NEAR = 20.0
_LUMA = np.array([0.114, 0.587, 0.299])  # of BGR, ITU-R BT.601


def describe_colours(pixels: np.ndarray, name: str) -> str:
    """What taking the luma of a colour frame does.

    Args:
        pixels: (H, W, 3) or (H, W, 4) uint8 BGR(A), of unequal channels.
        name: Of the frame, for the message.

    Raises:
        UserError: If the frame is in a palette that luma cannot undo.
    """
    # the median takes the compression's wrong colours along edges away
    bgr = cv2.medianBlur(np.ascontiguousarray(pixels[..., :3]), 5)[::2, ::2]
    bgr = bgr.reshape(-1, 3)
    coloured = bgr.max(axis=1) - bgr.min(axis=1) > _COLOURED
    if coloured.mean() < _SHARE:
        return 'luma of colour'
    cells = bgr.astype(np.int32) >> (8 - _BITS)
    cells = cells @ (1 << _BITS * np.arange(3))
    counts = np.bincount(cells)
    found = np.flatnonzero(counts >= max(2, _RARE * len(bgr)))
    if not _FEWEST <= len(found) <= _MOST or counts[found].sum() < 0.8 * len(bgr):
        return 'luma of colour'
    channels = found[:, None] >> _BITS * np.arange(3) & ((1 << _BITS) - 1)
    colours = (channels + 0.5) * (1 << 8 - _BITS)
    luma = colours @ _LUMA
    level = (luma / 8).astype(int)
    number = np.bincount(level)
    means = [
        np.bincount(level, channel) / np.maximum(number, 1) for channel in colours.T
    ]
    away = colours - np.stack(means, axis=1)[level]
    spread = np.sqrt((away**2).sum(axis=1).mean())
    if spread > _SPREAD or _is_known_rainbow(colours, counts[found]):
        raise UserError(
            f'{name}: is in a colour palette of rainbow kind (one brightness stands '
            'for several levels), from which gray levels cannot be won back; export it '
            'again in white hot (gray), or as radiometric file.'
        )
    red_most = colours[luma >= np.median(luma)].mean(axis=0).argmax() == 2
    return f'{"iron-like" if red_most else "colour"} palette, luma'


def _is_known_rainbow(colours: np.ndarray, counts: np.ndarray) -> bool:
    """Whether colours are of OpenCV's palettes of this kind, green or cyan among them.

    A picture that uses a part of such a palette may have rising luma there.
    """
    _, green, red = colours.T
    if counts[(green > 1.3 * red) & (green > 80)].sum() < 0.02 * counts.sum():
        return False
    for number in (
        cv2.COLORMAP_JET,
        cv2.COLORMAP_RAINBOW,
        cv2.COLORMAP_HSV,
        cv2.COLORMAP_TURBO,
    ):
        palette = cv2.applyColorMap(np.arange(0, 256, 4, dtype=np.uint8)[None], number)[
            0
        ]
        away = np.linalg.norm(colours[:, None] - palette.astype(float), axis=2).min(1)
        if counts[away < _NEAR].sum() > 0.9 * counts.sum():
            return True
    return False
