"""What the camera writes over the picture: logo, palette bar, read-outs, icons.

Nothing of it depends on the gas or the pH; positions are those of published frames at
640 x 480, shifted a little from run to run.
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from .parameters import CameraParameters

_LOGOS = ('OGI-CAM', 'IRVIEW', 'GASIR', 'THERM-X', 'NOVAIR', 'OPTIGAS')
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)
# The gray level of the boxes that lie behind figures and icons.
_BOX = 19


@dataclass(frozen=True)
class Hud:
    """A run's overlay.

    Attributes:
        logo: Its letters; empty where there is no overlay at all.
        font: OpenCV's font.
        size: Of the letters, relative.
        weight: Thickness of the letters, px at 640 x 480.
        shift: Right and down of the usual place, px at 640 x 480.
        full: Palette bar and two temperatures as well.
        boxed: Figures stand in dark boxes.
        icons: Number of icons at the top left.
        readings: The lower and the higher temperature.
        mirrored: Whether all of it is drawn at the other side.
    """

    logo: str = ''
    font: int = _FONTS[0]
    size: float = 0.8
    weight: float = 1.8
    shift: tuple[int, int] = (0, 0)
    full: bool = False
    boxed: bool = False
    icons: int = 0
    readings: tuple[float, float] = (20.0, 26.0)
    mirrored: bool = False


def draw_hud(rng: np.random.Generator, parameters: CameraParameters) -> Hud:
    """Draw a run's overlay, or none."""
    p, draw = parameters, rng.random()
    low = float(rng.uniform(15, 80))
    shift = (int(rng.integers(-4, 5)), int(rng.integers(-6, 3)))
    hud = Hud(
        logo=str(rng.choice(_LOGOS)),
        font=int(rng.choice(_FONTS)),
        size=float(rng.uniform(0.6, 1.1)),
        weight=float(rng.uniform(1.5, 4.0)),
        shift=shift,
        full=draw < p.overlay_share,
        boxed=bool(rng.random() < 0.7),
        icons=int(rng.integers(0, 4)),
        readings=(low, low + float(rng.uniform(4, 9))),
        mirrored=bool(rng.random() < 0.15),
    )
    return hud if draw < p.overlay_share + p.logo_share else Hud()


def paint(image: np.ndarray, hud: Hud, *, dark: bool) -> np.ndarray:
    """Write the overlay onto a frame, uint8 (H, W), in place.

    Args:
        image: The frame.
        hud: What to write.
        dark: Whether the frame is dark, so that letters are bright.

    Returns:
        The frame.
    """
    if not hud.logo:
        return image
    factor = image.shape[1] / 640
    layer = image[:, ::-1].copy() if hud.mirrored else image
    ink = 252 if dark else 6

    def at(x: float, y: float) -> tuple[int, int]:
        return round((x + hud.shift[0]) * factor), round((y + hud.shift[1]) * factor)

    def box(x: float, y: float, width: float, height: float) -> None:
        cv2.rectangle(layer, at(x, y), at(x + width, y + height), _BOX, cv2.FILLED)

    def write(
        text: str, x: float, y: float, size: float, colour: int, weight: float = 1.8
    ) -> None:
        width = max(1, round(weight * factor))
        cv2.putText(
            layer, text, at(x, y), hud.font, size * factor, colour, width, cv2.LINE_AA
        )

    diamond = np.array([at(12, 452), at(18, 460), at(12, 468), at(6, 460)], np.int32)
    cv2.fillPoly(layer, [diamond], ink)
    write(hud.logo, 24, 468, hud.size, ink, hud.weight)
    if hud.full:
        for value, y in zip(hud.readings, (464, 32), strict=True):
            if hud.boxed:
                box(566, y - 20, 66, 26)
            colour = 252 if hud.boxed else ink
            write(f'{value:.1f}', 572, y, 0.65, colour)
        for number in range(hud.icons):
            left = 34 + 34 * number
            if hud.boxed:
                box(left, 13, 28, 21)
            corners = at(left + 7, 19), at(left + 20, 28)
            cv2.rectangle(layer, *corners, 252 if hud.boxed else ink, 1)
        (left, top), (right, bottom) = at(624, 52), at(635, 427)
        right = min(right, layer.shape[1] - 1)
        ramp = np.linspace(255, 1, bottom - top, dtype=np.float32).astype(np.uint8)
        layer[top:bottom, left:right] = ramp[:, None]
        cv2.rectangle(layer, (left, top), (right, bottom), ink, 1)
    if hud.mirrored:
        image[:] = layer[:, ::-1]
    return image


@functools.lru_cache(maxsize=4)  # a run's frames share one overlay
def covered(hud: Hud, shape: tuple[int, int]) -> np.ndarray:
    """Where the overlay hides the picture, (H, W) bool; not to be written to."""
    if not hud.logo:
        return np.zeros(shape, bool)
    black, white = np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)
    return (paint(black, hud, dark=True) > 0) | (paint(white, hud, dark=False) < 255)
