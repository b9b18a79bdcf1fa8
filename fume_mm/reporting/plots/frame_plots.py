"""Figures of frames: the grid of examples and the gallery of errors.

Every figure takes :class:`~fume_mm.drawing.sheet.SheetOptions`.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fume_mm.drawing.overlay import STRIPE
from fume_mm.drawing.sheet import (
    EDGE,
    FONT,
    HEAD,
    PAD,
    QUIET,
    SMALL,
    SheetOptions,
    Style,
    new_sheet,
    rgb,
    shortened,
)
from fume_mm.drawing.tiles import draw_tile, tile_size
from fume_mm.structures import (
    BACKGROUND,
    GAS_LABELS,
    IGNORE,
    SEG_CLASSES,
    SEG_PALETTE,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

#: Width of a tile in inches and in pixels; larger frames are made smaller.
TILE, PIXELS = 1.35, 270
GAP = 0.05
#: Inches of a line of text above a row of tiles, and of the names of the rows.
CAPTION, ROW_NAME = 0.17, 0.95
LEGEND = 0.3
#: Inches, and signs of a line, of the words beside a row.
WORDS, SIGNS = 3.0, 46
COLUMNS = ('input', 'truth', 'prediction')


class Example(NamedTuple):
    """A frame with its masks.

    Attributes:
        caption: Written above it.
        frame: (H, W) uint8.
        truth: (H, W) class ids.
        prediction: Likewise; None of a model without masks.
        words: What is written beside it, in the gallery.
    """

    caption: str
    frame: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray | None = None
    words: Sequence[str] = ()


def draw_grid(
    examples: Mapping[str, Mapping[tuple[str, str], Example]],
    **options: 'Unpack[SheetOptions]',
) -> Figure:
    """Input, truth and prediction of chosen frames, a block for each gas.

    Args:
        examples: By gas, and by row's name (health class, choice); a row has the
            examples of all gases that have one.
        options: See the module.
    """
    names = list(dict.fromkeys(row for of in examples.values() for row in of))
    # a class that the first gas lacks a choice of keeps its rows together
    classes = list(dict.fromkeys(name for name, _ in names))
    names.sort(key=lambda row: classes.index(row[0]))
    first = next(of for by_row in examples.values() for of in by_row.values())
    sheet = _Sheet(
        'Examples by gas and health class',
        tall=TILE * first.frame.shape[0] / first.frame.shape[1],
        rows=len(names),
        blocks=[f'{GAS_LABELS[gas]} frames' for gas in examples],
        left=ROW_NAME,
        options=options,
    )
    for number, (name, choice) in enumerate(names):
        top = sheet.row_top(number) + CAPTION
        new = number == 0 or names[number - 1][0] != name
        sheet.write(PAD, top, name if new else '', fontweight='bold')
        sheet.write(PAD, top + CAPTION, choice)
    for place, by_row in enumerate(examples.values()):
        for number, row in enumerate(names):
            sheet.draw_example(place, number, by_row.get(row))
    sheet.draw_legend()
    return sheet.figure


def draw_gallery(
    examples: Sequence[Example], **options: 'Unpack[SheetOptions]'
) -> Figure:
    """Frames one below the other, in words beside them what went wrong.

    Args:
        examples: From top to bottom; at least one.
        options: See the module.
    """
    assert examples, 'no frame to draw'
    shape = examples[0].frame.shape
    masks = any(example.prediction is not None for example in examples)
    sheet = _Sheet(
        'Errors, worst frames first',
        tall=TILE * shape[0] / shape[1],
        rows=len(examples),
        columns=COLUMNS if masks else COLUMNS[:2],
        right=WORDS,
        options=options,
    )
    for number, example in enumerate(examples):
        caption = f'{number + 1}  {example.caption}'
        sheet.draw_example(0, number, example._replace(caption=caption))
        lines = [line for said in example.words for line in textwrap.wrap(said, SIGNS)]
        place = sheet.block_left(1), sheet.row_top(number) + CAPTION
        sheet.write(*place, '\n'.join(lines))
    sheet.draw_legend()
    return sheet.figure


class _Sheet:
    """Rows of examples; places are in inches from the upper left corner.

    Args:
        title: Headline.
        tall: Inches of a tile's height.
        rows: How many.
        columns: What the tiles of an example are called.
        blocks: Headings of the examples of a row; '' for none.
        left: Inches that are free beside the rows.
        right: Likewise.
        options: Of the sheet.
    """

    def __init__(
        self,
        title: str,
        *,
        tall: float,
        rows: int,
        columns: Sequence[str] = COLUMNS,
        blocks: Sequence[str] = ('',),
        left: float = PAD,
        right: float = 0.0,
        options: SheetOptions,
    ) -> None:
        self.tall, self._left, self._columns = tall, left, len(columns)
        # a caption may reach over the words beside its row
        self._signs = 100 if right else 76
        # between the rows of a gallery, whose blocks have no heading, is more room
        self._step = tall + CAPTION + (GAP if any(blocks) else 2 * GAP)
        self._top = HEAD + CAPTION * (2 if any(blocks) else 1)
        self._below = LEGEND + PAD
        self.width = self.block_left(len(blocks)) + right + PAD
        height = self._top + self._step * rows + self._below
        self.figure = new_sheet(title, (self.width, height), **options)
        # everything has its place; laying out fifty axes would take seconds
        self.figure.set_layout_engine('none')
        self.height = self.figure.get_size_inches()[1]
        self._foot = self.height - height
        self._ignored = False
        for place, block in enumerate(blocks):
            start = self.block_left(place)
            self.write(start, HEAD, block, fontweight='bold')
            for column, name in enumerate(columns):
                middle = start + column * (TILE + GAP) + TILE / 2
                above = self._top - CAPTION
                self.write(middle, above, name, ha='center', color=QUIET)

    def block_left(self, place: int) -> float:
        """Where the examples of a column of them begin."""
        return self._left + place * (self._columns * (TILE + GAP) + 3 * GAP)

    def row_top(self, number: int) -> float:
        """Where the captions of a row are."""
        return self._top + number * self._step

    def write(self, x: float, y: float, text: str, **style: Any) -> None:
        """Text whose upper left corner is at (x, y)."""
        style = {'fontsize': FONT, 'color': EDGE, 'linespacing': 1.25, **style}
        # of one line the base, or letters that reach down would lift their line
        several = '\n' in text
        base = 0 if several else 1.1 * style['fontsize'] / 72
        place = x / self.width, 1 - (y + base) / self.height
        aligned = 'top' if several else 'baseline'
        self.figure.text(*place, text, va=aligned, parse_math=False, **style)

    def draw_example(self, place: int, number: int, example: Example | None) -> None:
        """Caption, input, truth and prediction, in a block of a row."""
        x, y = self.block_left(place), self.row_top(number)
        if example is None:
            self.write(x, y + CAPTION, 'no such frame', color=QUIET)
            return
        caption = shortened(example.caption, self._signs)
        self.write(x, y, caption, fontsize=SMALL - 1)
        self._ignored |= bool((example.truth == IGNORE).any())
        size = tile_size(example.frame.shape, at_most=PIXELS)
        given = [example.truth, example.prediction]
        masks = [None, *(mask for mask in given if mask is not None)]
        for column, mask in enumerate(masks):
            corner = (
                (x + column * (TILE + GAP)) / self.width,
                1 - (y + CAPTION + self.tall) / self.height,
            )
            extent = TILE / self.width, self.tall / self.height
            axes = self.figure.add_axes((*corner, *extent))
            tile = draw_tile(example.frame, mask, size=size)
            axes.imshow(tile, aspect='auto', interpolation='none')
            axes.set_axis_off()

    def draw_legend(self) -> None:
        """What the colours of the masks mean, above the foot."""
        handles = [
            Patch(facecolor=rgb(colour), edgecolor=EDGE, label=name)
            for class_id, (name, colour) in enumerate(
                zip(SEG_CLASSES, SEG_PALETTE, strict=True)
            )
            if class_id != BACKGROUND
        ]
        if self._ignored:
            grey = rgb((STRIPE, STRIPE, STRIPE))
            style: Style = {'facecolor': 'white', 'edgecolor': grey}
            handles.append(Patch(hatch='////', label='ignored', **style))
        place = PAD / self.width, (self._foot + self._below - LEGEND) / self.height
        self.figure.legend(
            handles=handles,
            loc='lower left',
            bbox_to_anchor=place,
            ncols=len(handles),
            frameon=False,
            fontsize=FONT,
            borderpad=0,
            borderaxespad=0,
        )
