"""Pixels of what labelling tools store as points and runs."""

from collections.abc import Sequence

import numpy as np

from fume_mm.errors import UserError

_CORNERS = 90  # of an ellipse; at a radius of 100 pixels it is 0.06 pixels off


def polygon(points: Sequence[Sequence[float]], shape: tuple[int, int]) -> np.ndarray:
    """The pixels whose centres lie inside a polygon, (H, W) bool.

    The pixel in the corner covers 0 to 1, its centre is at (0.5, 0.5); so a rectangle
    of whole numbers has its exact area, and neighbours share no pixel. Lines that cross
    themselves count even-odd.

    Args:
        points: (x, y) each, in pixels.
        shape: (H, W) of the picture; what sticks out is cut off.
    """
    height, width = shape
    corners = np.asarray(points, float).reshape(-1, 2)
    crossings = np.zeros((height, width + 1), np.int64)
    centres = np.arange(height) + 0.5
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        rows = np.flatnonzero((centres >= min(y0, y1)) & (centres < max(y0, y1)))
        if len(rows):
            x = x0 + (centres[rows] - y0) * (x1 - x0) / (y1 - y0)
            column = np.clip(np.ceil(x - 0.5), 0, width).astype(int)
            np.add.at(crossings, (rows, column), 1)
    return crossings.cumsum(axis=1)[:, :width] % 2 == 1


def ellipse(
    x: float, y: float, rx: float, ry: float, degrees: float = 0
) -> list[tuple[float, float]]:
    """The corners of an ellipse around (x, y), turned clockwise on the picture."""
    angle = np.linspace(0, 2 * np.pi, _CORNERS, endpoint=False)
    return turned(
        list(zip(x + rx * np.cos(angle), y + ry * np.sin(angle), strict=True)),
        (x, y),
        degrees,
    )


def rectangle(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
    """The corners of a rectangle."""
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def turned(
    points: Sequence[tuple[float, float]], around: tuple[float, float], degrees: float
) -> list[tuple[float, float]]:
    """Points turned around one, clockwise on the picture, whose y points down."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    x0, y0 = around
    return [
        (
            float(x0 + (x - x0) * cosine - (y - y0) * sine),
            float(y0 + (x - x0) * sine + (y - y0) * cosine),
        )
        for x, y in points
    ]


def runs(
    counts: Sequence[int], size: tuple[int, int], *, columns_first: bool = False
) -> np.ndarray:
    """The pixels of runs that are off and on in turn, off first, (height, width) bool.

    Args:
        counts: The lengths of the runs.
        size: (width, height).
        columns_first: Whether they run down the columns, as COCO's do, not along rows.

    Raises:
        UserError: If they do not fill the size.
    """
    width, height = size
    if sum(counts) != width * height:
        raise UserError(
            f'runs of {sum(counts)} pixels in place of {width}x{height}; export again'
        )
    on = np.arange(len(counts)) % 2 == 1
    flat = np.repeat(on, counts)
    return (
        flat.reshape(width, height).T if columns_first else flat.reshape(height, width)
    )


def pasted(
    part: np.ndarray, left: float, top: float, shape: tuple[int, int]
) -> np.ndarray:
    """A part at its place on the picture, (H, W) bool; what sticks out is cut off."""
    mask = np.zeros(shape, bool)
    x, y = round(left), round(top)
    inside = part[max(0, -y) : shape[0] - y, max(0, -x) : shape[1] - x]
    mask[max(0, y) :, max(0, x) :][: inside.shape[0], : inside.shape[1]] = inside
    return mask
