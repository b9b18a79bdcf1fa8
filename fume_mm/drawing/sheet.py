"""What figures share: a titled sheet of Matplotlib, colours, the way to a file."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from fume_mm.structures.labels import Labels

from .canvas import GREY, INK, WARNING

if TYPE_CHECKING:
    from typing_extensions import Unpack

Shade = tuple[float, float, float]
#: Keyword arguments of Matplotlib.
Style = dict[str, Any]

FORMATS = ('svg', 'pdf', 'png')
#: Dots per inch of PNG, and of the pictures in PDF and SVG.
DPI = 160
#: Inches of the head's lines, of a line of the foot, and around the sheet.
HEAD, FOOT, PAD = 0.55, 0.17, 0.1
TITLE, FONT, SMALL = 10, 8, 7


def rgb(colour: tuple[int, int, int]) -> Shade:
    """Matplotlib's shade of an RGB colour of 0 to 255."""
    red, green, blue = (value / 255 for value in colour)
    return red, green, blue


def health_shades(labels: Labels) -> dict[str, Shade]:
    """Colours of the health classes by name, in their order."""
    shades = map(rgb, labels.health_palette)
    return dict(zip(labels.health_classes, shades, strict=True))


EDGE, QUIET, ALARM = rgb(INK), rgb(GREY), rgb(WARNING)
#: The gases have no colours of their own.
GAS_SHADES: dict[str, Shade] = {'co2': (0.25,) * 3, 'ch4': (0.72,) * 3}
#: Colours and markers of runs or curves. The colours are those of Okabe and Ito (Color
#: Universal Design, 2008) that are dark enough for a line on white; the marker tells
#: more of them apart.
BLUE, VERMILION, GREEN = rgb((0, 114, 178)), rgb((213, 94, 0)), rgb((0, 158, 115))
PINK, ORANGE, SKY = rgb((204, 121, 167)), rgb((230, 159, 0)), rgb((86, 180, 233))
LINE_SHADES = (BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, EDGE)
MARKERS = ('o', 's', '^', 'D', 'v')


def shade(index: int) -> Shade:
    """Colour of a run."""
    return LINE_SHADES[index % len(LINE_SHADES)]


def marker(index: int) -> str:
    """Marker of a run; colour and marker together repeat after 35."""
    return MARKERS[index % len(MARKERS)]


class SheetOptions(TypedDict, total=False):
    """What every figure takes besides its data.

    Attributes:
        subtitle: Below the title, such as the run; cut to the width of the sheet.
        note: In a box at the right of the head, such as ``'simulated'``.
        foot: Lines at the bottom, in small.
    """

    subtitle: str
    note: str | None
    foot: Sequence[str]


def new_sheet(
    title: str,
    size: tuple[float, float],
    *legend: str,
    **options: 'Unpack[SheetOptions]',
) -> Figure:
    """An empty figure with a head, and lines at its foot.

    Args:
        title: At the left of the head.
        size: (width, height) in inches; the lines of the foot are added to it.
        legend: Lines of the foot that stand before those of the options.
        options: See :class:`SheetOptions`.

    Returns:
        Axes added to it keep clear of head and foot.
    """
    note, foot = options.get('note'), (*legend, *options.get('foot', ()))
    width, height = size
    below = FOOT * len(foot) + (PAD if foot else 0)
    height += below
    layout = ConstrainedLayoutEngine(
        rect=(0.005, below / height, 0.99, 1 - (HEAD + below) / height)
    )
    figure = Figure((width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)

    def write(x: float, y: float, text: str, **style: Any) -> Text:
        style = {'fontsize': FONT, 'color': QUIET, 'va': 'top', **style}
        place = x / width, y / height
        return figure.text(*place, text, in_layout=False, parse_math=False, **style)

    room = width - 2 * PAD
    if note:
        box = write(width - 1.5 * PAD, height - 1.2 * PAD, note, ha='right')
        box.set(color=ALARM, fontweight='bold')
        box.set_bbox({'boxstyle': 'square', 'facecolor': 'white', 'edgecolor': ALARM})
        room -= box.get_window_extent().width / DPI + 2 * PAD
    head = {'fontsize': TITLE, 'color': 'black', 'fontweight': 'bold'}
    _fit(write(PAD, height - PAD, title, **head), room)
    _fit(write(PAD, height - PAD - 0.2, options.get('subtitle', '')), room)
    for index, text in enumerate(foot):
        y = FOOT * (len(foot) - index) + 0.4 * PAD
        _fit(write(PAD, y, text, fontsize=SMALL), width - 2 * PAD)
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


def plain_axes(*several: Axes) -> None:
    """Small ticks, no frame at the top and the right."""
    for axes in several:
        axes.spines[['top', 'right']].set_visible(False)
        axes.tick_params(labelsize=FONT)
        axes.xaxis.label.set_fontsize(FONT)
        axes.yaxis.label.set_fontsize(FONT)
        axes.title.set_fontsize(FONT + 1)


def legend_beside(axes: Axes, **options: Any) -> None:
    """A legend at the right of the axes, without a frame."""
    place: Style = {'loc': 'upper left', 'bbox_to_anchor': (1, 1), 'fontsize': FONT}
    axes.legend(**(place | options), frameon=False)


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
    fonts: Any = {'svg.fonttype': 'path', 'pdf.fonttype': 42}
    target = io.BytesIO()
    with matplotlib.rc_context({'svg.hashsalt': 'fume_mm', **fonts}):
        figure.savefig(target, format=file_format, metadata=dates[file_format])
    return target.getvalue()
