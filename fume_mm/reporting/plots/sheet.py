"""What the figures of runs share: a titled sheet, colours, the way to a file."""

import io
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import AbstractPathEffect, Normal, Stroke
from matplotlib.text import Text

from fume_mm.drawing.canvas import GREY, INK, WARNING
from fume_mm.structures import HEALTH_CLASSES, HEALTH_PALETTE

Shade = tuple[float, float, float]

FORMATS = ('svg', 'pdf', 'png')
#: Dots per inch of PNG, and of the pictures in PDF and SVG.
DPI = 160
#: Inches of the head's lines, of a line of the foot, and around the sheet.
HEAD, FOOT, PAD = 0.55, 0.17, 0.1
TITLE, SUBTITLE, SMALL = 10, 8, 7
FONT = 8


def rgb(colour: tuple[int, int, int]) -> Shade:
    """Matplotlib's shade of an RGB colour of 0 to 255."""
    red, green, blue = (value / 255 for value in colour)
    return red, green, blue


EDGE, QUIET, ALARM = rgb(INK), rgb(GREY), rgb(WARNING)
HEALTH_SHADES = dict(zip(HEALTH_CLASSES, map(rgb, HEALTH_PALETTE), strict=True))
#: Colours and markers of runs or curves. The colours are those of Okabe and Ito (Color
#: Universal Design, 2008) that are dark enough for a line on white; the marker tells
#: more of them apart.
LINE_SHADES: tuple[Shade, ...] = (
    rgb((0, 114, 178)),
    rgb((213, 94, 0)),
    rgb((0, 158, 115)),
    rgb((204, 121, 167)),
    rgb((230, 159, 0)),
    rgb((86, 180, 233)),
    rgb((40, 40, 40)),
)
MARKERS = ('o', 's', '^', 'D', 'v')
LINE_STYLES = ('-', '--', '-.', ':')


class Estimate(NamedTuple):
    """A score from 0 to 1 with its 95 % interval; what is unknown is NaN."""

    value: float
    low: float = math.nan
    high: float = math.nan

    def percent(self) -> str:
        """As text in percent, such as ``77.0 [74.1, 79.6]``."""
        if math.isnan(self.value):
            return 'n/a'
        text = f'{100 * self.value:.1f}'
        if math.isnan(self.low):
            return text
        return f'{text} [{100 * self.low:.1f}, {100 * self.high:.1f}]'

    def bars(self) -> tuple[float, float]:
        """How far the interval goes below and above the value; 0 without one."""
        if math.isnan(self.low):
            return 0.0, 0.0
        return max(self.value - self.low, 0.0), max(self.high - self.value, 0.0)


def shade(index: int) -> Shade:
    """Colour of a run."""
    return LINE_SHADES[index % len(LINE_SHADES)]


def marker(index: int) -> str:
    """Marker of a run; colour and marker together repeat after 35."""
    return MARKERS[index % len(MARKERS)]


def cased(width: float) -> list[AbstractPathEffect]:
    """A dark casing, so that a line in a light colour shows on white."""
    return [Stroke(linewidth=width + 1.4, foreground=EDGE), Normal()]


def new_sheet(
    title: str,
    size: tuple[float, float],
    *,
    subtitle: str = '',
    note: str | None = None,
    foot: Sequence[str] = (),
) -> Figure:
    """An empty figure with a head, and lines at its foot.

    Args:
        title: At the left of the head.
        size: (width, height) in inches.
        subtitle: Below it, cut to the width of the sheet.
        note: In a box at the right of the head, such as ``'simulated'``.
        foot: Lines at the bottom, in small.

    Returns:
        Axes added to it keep clear of head and foot.
    """
    width, height = size
    below = FOOT * len(foot) + (PAD if foot else 0)
    layout = ConstrainedLayoutEngine(
        rect=(0.005, below / height, 0.99, 1 - (HEAD + below) / height)
    )
    figure = Figure(size, dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)

    def write(x: float, y: float, text: str, *, size: float = SMALL) -> Text:
        return figure.text(
            x / width,
            y / height,
            text,
            va='top',
            fontsize=size,
            in_layout=False,
            parse_math=False,
        )

    head = write(PAD, height - PAD, title, size=TITLE)
    head.set_fontweight('bold')
    room = width - 2 * PAD
    if note:
        box = write(width - 1.5 * PAD, height - 1.2 * PAD, note, size=SUBTITLE)
        box.set(ha='right', color=ALARM, fontweight='bold')
        box.set_bbox({'boxstyle': 'square', 'facecolor': 'white', 'edgecolor': ALARM})
        room -= box.get_window_extent().width / DPI + 2 * PAD
    _fit(head, room)
    if subtitle:
        line = write(PAD, height - PAD - 0.2, subtitle, size=SUBTITLE)
        line.set_color(QUIET)
        _fit(line, width - 2 * PAD if not note else room)
    for index, text in enumerate(foot):
        line = write(PAD, FOOT * (len(foot) - index) + 0.4 * PAD, text)
        line.set_color(QUIET)
        _fit(line, width - 2 * PAD)
    return figure


def shortened(text: str, most: int) -> str:
    """``text`` with its middle left out if it is longer than ``most`` signs."""
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f'{text[:head]}…{text[len(text) - (most - 1 - head) :]}'


def label_of(name: str, most: int) -> str:
    """A run's name as a label: shortened, and a dollar sign is one, no formula."""
    return shortened(name, most).replace('$', r'\$')


def _fit(line: Text, room: float) -> None:
    """Leave out of a line's middle what does not fit into ``room`` inches."""
    whole = line.get_text()
    signs = len(whole)
    while line.get_window_extent().width > room * DPI and signs > 2:
        signs -= max(1, signs // 20)
        line.set_text(shortened(whole, signs))


def plain_axes(axes: Axes) -> None:
    """Small ticks, no frame at the top and the right."""
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(labelsize=FONT)
    axes.xaxis.label.set_fontsize(FONT)
    axes.yaxis.label.set_fontsize(FONT)
    axes.title.set_fontsize(FONT + 1)


def figure_bytes(figure: Figure, file_format: str) -> bytes:
    """A figure as a file's content, the same for the same figure.

    Args:
        figure: The figure.
        file_format: One of :data:`FORMATS`. Letters are outlines in SVG and embedded
            fonts in PDF, so that it looks the same everywhere.
    """
    assert file_format in FORMATS, file_format
    # without them the file would hold the time of the day
    dates = {'svg': {'Date': None}, 'pdf': {'CreationDate': None}, 'png': {}}
    settings: Any = {
        'svg.hashsalt': 'fume_mm',
        'svg.fonttype': 'path',
        'pdf.fonttype': 42,
    }
    target = io.BytesIO()
    with matplotlib.rc_context(settings):
        figure.savefig(target, format=file_format, metadata=dates[file_format])
    return target.getvalue()
