"""How values of more than 8 bits become gray levels: one line between two limits.

The limits are those of the whole recording, wherever it is known: with a frame's own
(a camera's automatic gain), the same gas would be another gray in the next frame.
"""

import cv2
import numpy as np

from fume_mm.errors import UserError

#: The values that become black and white.
Limits = tuple[float, float]
#: Percentiles of a recording, or of a single frame, that become black and white.
STRETCH = (0.5, 99.5)
#: Share of NaN up to which a frame has dead pixels; beyond, it is no frame.
_DEAD = 0.05


def limits_of(values: np.ndarray) -> Limits:
    """The :data:`STRETCH` percentiles of values of any shape; NaN does not count."""
    values = np.asarray(values, np.float32)
    dead = np.isnan(values)
    low, high = np.percentile(values[~dead] if dead.any() else values, STRETCH)
    return float(low), float(high)


def stretch(values: np.ndarray, limits: Limits) -> np.ndarray:
    """Values from ``limits`` to 0 to 255, linearly, what is beyond cut; uint8."""
    low, high = limits  # no NumPy scalars: the arithmetic is float32, whoever calls
    scaled = (values.astype(np.float32) - low) * (255.0 / max(high - low, 1e-6))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def fill_dead(pixels: np.ndarray, name: str) -> tuple[np.ndarray, int]:
    """A frame with the mean of the nearest live pixels in each NaN, and their number.

    Args:
        pixels: (H, W).
        name: Of the frame, for the message.

    Raises:
        UserError: If more than 5 % are NaN, or any is infinite.
    """
    if pixels.dtype.kind != 'f':
        return pixels, 0
    values = pixels.astype(np.float32)
    dead = np.isnan(values)
    number = int(dead.sum())
    if number > _DEAD * dead.size or np.isinf(values).any():
        raise UserError(
            f'{name}: holds values that are no numbers ({number} of {dead.size} are '
            'NaN, or some are infinite); export it again.'
        )
    if number:
        values[dead] = 0
        live: np.ndarray = (~dead).astype(np.float32)
        reach = 1
        while (live[dead] == 0).any():  # until each has a live one in reach
            reach += 2
            live = cv2.blur((~dead).astype(np.float32), (reach, reach))
        around = cv2.blur(values, (reach, reach))
        values[dead] = around[dead] / live[dead]
    return values, number


def format_limits(limits: Limits | None) -> str:
    """``"low high"``, as CSVs have it; empty for None."""
    return '' if limits is None else f'{limits[0]:.9g} {limits[1]:.9g}'


def parse_limits(text: str) -> Limits | None:
    """What :func:`format_limits` wrote.

    Raises:
        ValueError: If it is neither empty nor two numbers in order.
    """
    if not text:
        return None
    low, high = map(float, text.split())
    if not -np.inf < low <= high < np.inf:
        raise ValueError(text)
    return low, high
