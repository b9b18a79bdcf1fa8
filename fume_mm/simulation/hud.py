"""What the camera writes over the picture: logo, palette bar, read-outs, icons.

Nothing of it depends on the gas or the pH. Places and looks bracket those of published
frames at 640 x 480: bold letters beside a mark, dark rounded boxes behind white figures
and outlined icons, and a gray ramp in a white frame along one side.
"""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from .parameters import CameraParameters

_LOGOS = ('OGI-CAM', 'IRVIEW', 'GASIR', 'THERM-X', 'NOVAIR', 'OPTIGAS', 'GIR', 'LEAK')
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)
_MARKS = ('diamond', 'hollow', 'ring', 'none')
_ICONS = ('battery', 'pin', 'frame')
_WHITE = 252


@dataclass(frozen=True)
class Bar:
    """The palette bar, px at 640 x 480."""

    left: int = 624  #: its left side
    top: int = 52  #: its upper end
    width: int = 11  #: across
    height: int = 375  #: along
    dark_top: bool = False  #: whether the dark end is the upper one (black-hot display)
    frame: int = 1  #: thickness of its white frame; 0 for none
    rounded: bool = False  #: whether the frame's corners are


@dataclass(frozen=True)
class Hud:
    """A run's overlay."""

    logo: str = ''  #: its letters; empty where there is no overlay at all
    mark: str = 'diamond'  #: the figure beside them, one of ``_MARKS``
    font: int = _FONTS[0]  #: OpenCV's font
    size: float = 0.8  #: of the letters, relative
    weight: float = 1.8  #: thickness of the letters, px at 640 x 480
    #: right and down of the usual place, px at 640 x 480
    shift: tuple[int, int] = (0, 0)
    full: bool = False  #: palette bar and two temperatures as well
    #: gray level of the boxes behind figures and icons; None without boxes
    box: int | None = None
    icons: tuple[str, ...] = ()  #: what the icons at the top left show, of ``_ICONS``
    charge: float = 0.5  #: share of the battery, 0 to 1
    #: the lower and the higher temperature
    readings: tuple[float, float] = (20.0, 26.0)
    figures: float = 0.65  #: size of their figures, relative
    bar: Bar = Bar()  #: the palette bar
    clock: str = ''  #: a line of text at the top; empty for none
    reticle: int = 0  #: half the length of a cross in the middle, px; 0 for none
    mirrored: bool = False  #: whether all of it is drawn at the other side


def draw_hud(rng: np.random.Generator, parameters: CameraParameters) -> Hud:
    """Draw a run's overlay, or none."""
    p, draw = parameters, rng.random()
    low = float(rng.uniform(15, 90))
    hour, minute, second = (int(rng.integers(high)) for high in (24, 60, 60))
    clock = f'{hour:02d}:{minute:02d}:{second:02d}'
    hud = Hud(
        logo=str(rng.choice(_LOGOS)),
        mark=str(rng.choice(_MARKS)),
        font=int(rng.choice(_FONTS)),
        size=float(rng.uniform(0.6, 1.1)),
        weight=float(rng.uniform(1.5, 5.0)),
        shift=(int(rng.integers(-4, 9)), int(rng.integers(-10, 3))),
        full=draw < p.overlay_share,
        box=int(rng.integers(8, 48)) if rng.random() < 0.75 else None,
        icons=tuple(rng.choice(_ICONS, size=rng.integers(0, 4)).tolist()),
        charge=float(rng.random()),
        readings=(low, low + float(rng.uniform(3, 12))),
        figures=float(rng.uniform(0.5, 0.95)),
        bar=_draw_bar(rng),
        clock=clock if rng.random() < 0.2 else '',
        reticle=int(rng.integers(8, 30)) if rng.random() < 0.15 else 0,
        mirrored=bool(rng.random() < 0.2),
    )
    return hud if draw < p.overlay_share + p.logo_share else Hud()


def _draw_bar(rng: np.random.Generator) -> Bar:
    width, top = int(rng.integers(6, 18)), int(rng.integers(40, 90))
    return Bar(
        left=640 - width - int(rng.integers(1, 24)),
        top=top,
        width=width,
        height=int(rng.integers(250, 440 - top)),
        dark_top=bool(rng.random() < 0.3),
        frame=int(rng.integers(0, 3)),
        rounded=bool(rng.random() < 0.5),
    )


def paint(image: np.ndarray, hud: Hud, *, dark: bool) -> np.ndarray:
    """Write the overlay onto a frame, uint8 (H, W), in place, and return the frame.

    On a ``dark`` frame letters are bright.
    """
    if not hud.logo:
        return image
    layer = image[:, ::-1].copy() if hud.mirrored else image
    pen = _Pen(layer, hud, ink=_WHITE if dark else 6)
    _logo(pen, hud)
    if hud.full:
        _readings(pen, hud)
        for number, icon in enumerate(hud.icons):
            _icon(pen, icon, 28 + 44 * number, charge=hud.charge)
        _bar(pen, hud.bar)
        if hud.clock:
            pen.write(hud.clock, 270, 26, size=0.55, ink=pen.ink)
        if hud.reticle:
            # A cross that leaves its middle free.
            for x, y in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                inner = pen.at(320 + 5 * x, 240 + 5 * y)
                outer = pen.at(320 + hud.reticle * x, 240 + hud.reticle * y)
                cv2.line(layer, inner, outer, pen.ink, 1)
    if hud.mirrored:
        image[:] = layer[:, ::-1]
    return image


class _Pen:
    """Draws in px at 640 x 480 on a frame of any size."""

    def __init__(self, layer: np.ndarray, hud: Hud, *, ink: int) -> None:
        self.layer, self.hud, self.ink = layer, hud, ink
        self.factor = layer.shape[1] / 640
        # On a dark box figures are white, whatever the frame.
        self.figure_ink = ink if hud.box is None else _WHITE

    def at(self, x: float, y: float) -> tuple[int, int]:
        """A place of the usual overlay, in px of the frame."""
        right, down = self.hud.shift
        return round((x + right) * self.factor), round((y + down) * self.factor)

    def thick(self, weight: float) -> int:
        """A thickness in px of the frame, at least 1."""
        return max(1, round(weight * self.factor))

    def polygon(self, corners: list[tuple[float, float]], ink: int) -> None:
        """A filled polygon."""
        places = np.array([self.at(*corner) for corner in corners], np.int32)
        cv2.fillPoly(self.layer, [places], ink, cv2.LINE_AA)

    def circle(self, x: float, y: float, radius: float, ink: int, width: int) -> None:
        """A circle about a place."""
        size = self.thick(radius)
        cv2.circle(self.layer, self.at(x, y), size, ink, width, cv2.LINE_AA)

    def write(
        self, text: str, x: float, y: float, *, size: float, ink: int, weight: float = 2
    ) -> None:
        """Text that starts at x on the line y."""
        scale, width = size * self.factor, self.thick(weight)
        style = self.hud.font, scale, ink, width, cv2.LINE_AA
        cv2.putText(self.layer, text, self.at(x, y), *style)

    def rounded(self, x: float, y: float, width: float, height: float) -> None:
        """A rounded dark box, where the overlay has boxes."""
        if self.hud.box is not None:
            corners = *self.at(x, y), *self.at(x + width, y + height)
            _rounded_rectangle(self.layer, corners, self.thick(5), self.hud.box)


def _rounded_rectangle(
    layer: np.ndarray, corners: tuple[int, int, int, int], radius: int, gray: int
) -> None:
    left, top, right, bottom = corners
    radius = min(radius, (right - left) // 2, (bottom - top) // 2)
    across = (left + radius, top), (right - radius, bottom)
    along = (left, top + radius), (right, bottom - radius)
    for first, second in (across, along):
        cv2.rectangle(layer, first, second, gray, cv2.FILLED)
    for x in (left + radius, right - radius):
        for y in (top + radius, bottom - radius):
            cv2.circle(layer, (x, y), radius, gray, cv2.FILLED, cv2.LINE_AA)


def _logo(pen: _Pen, hud: Hud) -> None:
    if hud.mark in ('diamond', 'hollow'):
        pen.polygon([(16, 446), (27, 457), (16, 468), (5, 457)], pen.ink)
    if hud.mark == 'hollow':
        hole = 0 if pen.ink == _WHITE else 255
        pen.polygon([(16, 452), (21, 457), (16, 462), (11, 457)], hole)
    if hud.mark == 'ring':
        pen.circle(16, 457, 9, pen.ink, pen.thick(hud.weight))
    x = 8 if hud.mark == 'none' else 31
    pen.write(hud.logo, x, 466, size=hud.size, ink=pen.ink, weight=hud.weight)


def _readings(pen: _Pen, hud: Hud) -> None:
    """The two temperatures, above and below the palette bar."""
    texts = [f'{value:.1f}' for value in hud.readings]
    size = hud.figures * pen.factor
    for text, middle in zip(texts, (454, 22), strict=True):
        (width, height), _ = cv2.getTextSize(text, hud.font, size, pen.thick(2))
        left = 616 - width / pen.factor
        pen.rounded(left - 14, middle - 19, 640 - left - 14, 38)
        line = middle + height / pen.factor / 2
        pen.write(text, left, line, size=hud.figures, ink=pen.figure_ink)


def _icon(pen: _Pen, icon: str, x: float, *, charge: float) -> None:
    pen.rounded(x, 4, 39, 39)
    ink, line = pen.figure_ink, pen.thick(2)

    def outline(left: float, top: float, width: float, height: float) -> None:
        corners = pen.at(x + left, top), pen.at(x + left + width, top + height)
        cv2.rectangle(pen.layer, *corners, ink, line)

    if icon == 'battery':
        outline(6, 16, 25, 14)
        cv2.line(pen.layer, pen.at(x + 33, 20), pen.at(x + 33, 26), ink, line)
        filled = pen.at(x + 9, 19), pen.at(x + 9 + 19 * charge, 27)
        cv2.rectangle(pen.layer, *filled, 165, cv2.FILLED)
    elif icon == 'pin':
        pen.circle(x + 19, 20, 7, ink, line)
        pen.circle(x + 19, 20, 3, ink, 1)
        for side in (-6, 6):
            ends = pen.at(x + 19 + side, 24), pen.at(x + 19, 34)
            cv2.line(pen.layer, *ends, ink, line, cv2.LINE_AA)
    else:
        outline(9, 12, 21, 21)


def _bar(pen: _Pen, bar: Bar) -> None:
    left, top = pen.at(bar.left, bar.top)
    right, bottom = pen.at(bar.left + bar.width, bar.top + bar.height)
    right = min(right, pen.layer.shape[1] - 1)
    left = min(left, right - 3)
    ramp = np.linspace(254, 1, bottom - top, dtype=np.float32).astype(np.uint8)
    if bar.dark_top:
        ramp = ramp[::-1]
    if bar.frame:
        corners = left - 1, top - 2, right, bottom + 1
        radius = pen.thick(4) if bar.rounded else 0
        _rounded_rectangle(pen.layer, corners, radius, _WHITE)
        inset = pen.thick(bar.frame) - 1
        left, right = left + inset, max(right - inset, left + inset + 1)
    pen.layer[top:bottom, left:right] = ramp[:, None]


@functools.lru_cache(maxsize=4)  # a run's frames share one overlay
def covered(hud: Hud, shape: tuple[int, int]) -> np.ndarray:
    """Where the overlay hides the picture, (H, W) bool; not to be written to."""
    # What leaves a black frame black may change a white one, and letters' ink depends
    # on the frame.
    hidden = np.zeros(shape, bool)
    for dark in (True, False):
        for gray in (0, 255):
            blank = np.full(shape, gray, np.uint8)
            hidden |= paint(blank, hud, dark=dark) != gray
    return hidden
