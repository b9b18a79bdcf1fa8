"""Figures of frames: the grid of examples and the gallery of errors.

Every figure takes :class:`~fume_mm.drawing.sheet.SheetOptions`.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from typing_extensions import Unpack

from fume_mm.drawing import sheet, tiles
from fume_mm.drawing.canvas import GREY, Canvas
from fume_mm.drawing.panel import LEGEND_HEIGHT, draw_legend
from fume_mm.structures import GAS_LABELS, IGNORE
from fume_mm.structures.labels import FUME_LABELS, Labels

#: Pixels of a tile's width, between tiles, of a line, and of the text beside a row.
TILE, GAP, LINE = 270, 10, 22
NAMES, WORDS = 130, 440
#: Signs of a line of the words beside a row.
SIGNS = 46
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
    *,
    labels: Labels = FUME_LABELS,
    **options: Unpack[sheet.SheetOptions],
) -> Figure:
    """Input, truth and prediction of chosen frames, a block for each gas.

    Args:
        examples: By gas, and by row's name (health class, choice); a row has the
            examples of all gases that have one.
        labels: What the values of the masks are.
        options: See the module.
    """
    # by class, so that one that the first gas lacks a choice of has its rows together
    choices: dict[str, dict[str, None]] = {}
    for name, choice in (row for by_row in examples.values() for row in by_row):
        choices.setdefault(name, {})[choice] = None
    headings = [_heading(f'{GAS_LABELS[gas]} frames') for gas in examples]
    rows = [[_text([], NAMES), *headings]]
    for name, of_class in choices.items():
        for number, choice in enumerate(of_class):
            blocks = [by_row.get((name, choice)) for by_row in examples.values()]
            label = _text(['', '' if number else name, choice], NAMES, bold=1)
            rows.append([label, *(_block(block, labels) for block in blocks)])
    shown = [example for of in examples.values() for example in of.values()]
    title = 'Examples by gas and health class'
    return _figure(title, rows, shown, labels, options)


def draw_gallery(
    examples: Sequence[Example],
    *,
    labels: Labels = FUME_LABELS,
    **options: Unpack[sheet.SheetOptions],
) -> Figure:
    """Frames one below the other, in words beside them what went wrong.

    Args:
        examples: From top to bottom; at least one.
        labels: What the values of the masks are.
        options: See the module.
    """
    assert examples, 'no frame to draw'
    masks = any(example.prediction is not None for example in examples)
    columns = COLUMNS if masks else COLUMNS[:2]
    rows = [[_heading('', columns), _text([], WORDS)]]
    for number, example in enumerate(examples, start=1):
        caption = f'{number}  {example.caption}'
        lines = [line for text in example.words for line in textwrap.wrap(text, SIGNS)]
        block = _block(example._replace(caption=caption), labels, columns)
        rows.append([block, _text(['', *lines], WORDS)])
    return _figure('Errors, worst frames first', rows, examples, labels, options)


def _heading(title: str, columns: Sequence[str] = COLUMNS) -> np.ndarray:
    """What the tiles of a block are called, and the block."""
    canvas = Canvas(len(columns) * (TILE + GAP) - GAP, LINE * (2 if title else 1))
    if title:
        canvas.text((0, LINE // 2), title, bold=True)
    for column, name in enumerate(columns):
        middle = column * (TILE + GAP) + TILE // 2, len(canvas.array) - LINE // 2
        canvas.text(middle, name, colour=GREY, align='middle')
    return canvas.array


def _block(
    example: Example | None, labels: Labels, columns: Sequence[str] = COLUMNS
) -> np.ndarray:
    """An example's tiles side by side below its caption."""
    if example is None:
        return _text(['', 'no such frame'], TILE)
    size = tiles.tile_size(example.frame.shape, at_least=TILE, at_most=TILE)
    masks = [None, example.truth, example.prediction]
    shown = masks[:2] if example.prediction is None else masks
    palette = labels.seg_palette
    drawn = [
        tiles.draw_tile(example.frame, mask, size=size, palette=palette)
        for mask in shown
    ]
    strip = tiles.lay_out(drawn, columns=len(columns), gap=GAP)
    return tiles.caption_tile(strip, example.caption, height=LINE, above=True)


def _text(lines: Sequence[str], width: int, *, bold: int | None = None) -> np.ndarray:
    """Lines of text below each other; ``bold`` is the one in bold."""
    canvas = Canvas(width, LINE * max(len(lines), 1))
    for number, line in enumerate(lines):
        place = 0, number * LINE + LINE // 2
        canvas.text(place, line, bold=number == bold, max_width=width)
    return canvas.array


def _figure(
    title: str,
    rows: list[list[np.ndarray]],
    shown: Sequence[Example],
    labels: Labels,
    options: sheet.SheetOptions,
) -> Figure:
    """A sheet with one picture: the rows, and what the colours mean."""
    ignored = any((example.truth == IGNORE).any() for example in shown)
    legend = Canvas(WORDS, LEGEND_HEIGHT)
    draw_legend(
        legend,
        (0, LEGEND_HEIGHT // 2),
        labels.seg_classes,
        ignored=ignored,
        palette=labels.seg_palette,
    )
    blocks = [block for row in rows for block in row]
    table = tiles.lay_out(blocks, columns=len(rows[0]), gap=GAP)
    picture = tiles.lay_out([table, legend.array], columns=1)
    # a pixel of the picture is one of the PNG
    tall, wide = (pixels / sheet.DPI for pixels in picture.shape[:2])
    size = wide + 2 * sheet.PAD, sheet.HEAD + tall
    figure = sheet.new_sheet(title, size, **options)
    figure.set_layout_engine('none')
    width, height = figure.get_size_inches()
    bottom = 1 - (sheet.HEAD + tall) / height
    axes = figure.add_axes((sheet.PAD / width, bottom, wide / width, tall / height))
    axes.imshow(picture, aspect='auto', interpolation='none')
    axes.set_axis_off()
    return figure
