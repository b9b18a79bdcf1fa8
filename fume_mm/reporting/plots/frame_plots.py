"""Figures of frames: the grid of examples and the gallery of errors."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from fume_mm.drawing.overlay import STRIPE, overlay
from fume_mm.structures import (
    BACKGROUND,
    GAS_LABELS,
    IGNORE,
    SEG_CLASSES,
    SEG_PALETTE,
)

from .sheet import (
    EDGE,
    FONT,
    HEAD,
    PAD,
    QUIET,
    SMALL,
    new_sheet,
    rgb,
    shortened,
)

#: Width of a tile in inches and in pixels; larger frames are made smaller.
TILE, PIXELS = 1.35, 270
GAP = 0.05
#: Inches of a line of text above a row of tiles, and of the names of the rows.
CAPTION, ROW_NAME = 0.17, 0.95
LEGEND = 0.3
WORDS = 3.0
COLUMNS = ('input', 'truth', 'prediction')


class Example(NamedTuple):
    """A frame with its masks.

    Attributes:
        caption: Written above it.
        frame: (H, W) uint8.
        truth: (H, W) class ids.
        prediction: Likewise; None of a model without masks.
        words: What is said beside it, in the gallery.
    """

    caption: str
    frame: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray | None = None
    words: Sequence[str] = ()


def draw_grid(
    examples: Mapping[str, Mapping[tuple[str, str], Example]],
    *,
    subtitle: str = '',
    note: str | None = None,
    foot: Sequence[str] = (),
) -> Figure:
    """Input, truth and prediction of chosen frames, a block for each gas.

    Args:
        examples: By gas, and by row's name (health class, choice); a row has the
            examples of all gases that have one.
        subtitle: Which run it is.
        note: See :func:`~fume_mm.reporting.plots.sheet.new_sheet`.
        foot: Lines at the bottom.
    """
    gases = list(examples)
    rows = list(dict.fromkeys(row for of in examples.values() for row in of))
    first = next(of for by_row in examples.values() for of in by_row.values())
    tall = TILE * first.frame.shape[0] / first.frame.shape[1]
    block = len(COLUMNS) * (TILE + GAP)
    step = tall + CAPTION + GAP
    width = ROW_NAME + len(gases) * (block + 3 * GAP) + PAD
    below = LEGEND + 0.17 * len(foot) + PAD
    height = HEAD + 2 * CAPTION + step * len(rows) + below
    sheet = _Sheet(
        new_sheet(
            'Examples by gas and health class',
            (width, height),
            subtitle=subtitle,
            note=note,
            foot=foot,
        )
    )
    for place, gas in enumerate(gases):
        left = ROW_NAME + place * (block + 3 * GAP)
        sheet.write(left, HEAD, f'{GAS_LABELS[gas]} frames', bold=True)
        for column, name in enumerate(COLUMNS):
            middle = left + column * (TILE + GAP) + TILE / 2
            sheet.write(middle, HEAD + CAPTION, name, ha='center', colour=QUIET)
        for number, row in enumerate(rows):
            top = HEAD + 2 * CAPTION + number * step
            example = examples[gas].get(row)
            if example is None:
                sheet.write(left, top + CAPTION, 'no such frame', colour=QUIET)
                continue
            sheet.write(left, top, shortened(example.caption, 76), size=SMALL - 1)
            sheet.tiles(left, top + CAPTION, example, tall)
    for number, (name, choice) in enumerate(rows):
        top = HEAD + 2 * CAPTION + number * step + CAPTION
        new = number == 0 or rows[number - 1][0] != name
        sheet.write(PAD, top, name if new else '', bold=True)
        sheet.write(PAD, top + CAPTION, choice)
    sheet.legend(below - LEGEND)
    return sheet.figure


def draw_gallery(
    examples: Sequence[Example],
    *,
    subtitle: str = '',
    note: str | None = None,
    foot: Sequence[str] = (),
) -> Figure:
    """Frames one below the other, in words beside them what went wrong.

    Args:
        examples: From top to bottom; at least one.
        subtitle: Which run it is.
        note: See :func:`~fume_mm.reporting.plots.sheet.new_sheet`.
        foot: Lines at the bottom.
    """
    assert examples, 'no frame to draw'
    shape = examples[0].frame.shape
    tall = TILE * shape[0] / shape[1]
    columns = COLUMNS[: 3 if any(e.prediction is not None for e in examples) else 2]
    block = len(columns) * (TILE + GAP)
    step = tall + CAPTION + 2 * GAP
    width = PAD + block + WORDS + 2 * PAD
    below = LEGEND + 0.17 * len(foot) + PAD
    sheet = _Sheet(
        new_sheet(
            'Errors, worst frames first',
            (width, HEAD + CAPTION + step * len(examples) + below),
            subtitle=subtitle,
            note=note,
            foot=foot,
        )
    )
    for column, name in enumerate(columns):
        middle = PAD + column * (TILE + GAP) + TILE / 2
        sheet.write(middle, HEAD, name, ha='center', colour=QUIET)
    for number, example in enumerate(examples):
        top = HEAD + CAPTION + number * step
        caption = f'{number + 1}  {example.caption}'
        sheet.write(PAD, top, shortened(caption, 100), size=SMALL)
        sheet.tiles(PAD, top + CAPTION, example, tall)
        lines = [
            line for words in example.words for line in textwrap.wrap(words, width=46)
        ]
        sheet.write(PAD + block + PAD, top + CAPTION, '\n'.join(lines))
    sheet.legend(below - LEGEND)
    return sheet.figure


class _Sheet:
    """A figure with tiles and text at places in inches from the upper left corner."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        # everything has its place; laying out fifty axes would take seconds
        figure.set_layout_engine('none')
        self.width, self.height = figure.get_size_inches()
        self._ignored = False

    def write(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = FONT,
        bold: bool = False,
        ha: str = 'left',
        colour: tuple[float, float, float] = EDGE,
    ) -> None:
        # of one line the base, or letters that reach down would lift their line
        several = '\n' in text
        base = 0 if several else 1.1 * size / 72
        self.figure.text(
            x / self.width,
            1 - (y + base) / self.height,
            text,
            ha=ha,
            va='top' if several else 'baseline',
            fontsize=size,
            color=colour,
            fontweight='bold' if bold else 'normal',
            linespacing=1.25,
            parse_math=False,
        )

    def tiles(self, x: float, y: float, example: Example, tall: float) -> None:
        """Input, truth and prediction from left to right."""
        self._ignored |= bool((example.truth == IGNORE).any())
        pictures = [np.repeat(_small(example.frame)[:, :, None], 3, axis=2)]
        for mask in (example.truth, example.prediction):
            if mask is not None:
                pictures.append(overlay(_small(example.frame), _small_mask(mask)))
        for column, picture in enumerate(pictures):
            axes = self.figure.add_axes(
                (
                    (x + column * (TILE + GAP)) / self.width,
                    1 - (y + tall) / self.height,
                    TILE / self.width,
                    tall / self.height,
                )
            )
            axes.imshow(picture, aspect='auto', interpolation='none')
            axes.set_axis_off()

    def legend(self, bottom: float) -> None:
        """What the colours of the masks mean."""
        handles = [
            Patch(facecolor=rgb(colour), edgecolor=EDGE, label=name)
            for class_id, (name, colour) in enumerate(
                zip(SEG_CLASSES, SEG_PALETTE, strict=True)
            )
            if class_id != BACKGROUND
        ]
        if self._ignored:
            grey = rgb((STRIPE, STRIPE, STRIPE))
            handles.append(
                Patch(facecolor='white', edgecolor=grey, hatch='////', label='ignored')
            )
        self.figure.legend(
            handles=handles,
            loc='lower left',
            bbox_to_anchor=(PAD / self.width, bottom / self.height),
            ncols=len(handles),
            frameon=False,
            fontsize=FONT,
            borderpad=0,
            borderaxespad=0,
        )


def _small(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape
    if width <= PIXELS:
        return frame
    size = (PIXELS, round(PIXELS * height / width))
    return cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _small_mask(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    if width <= PIXELS:
        return mask.astype(np.uint8)
    size = (PIXELS, round(PIXELS * height / width))
    small = cv2.resize(
        mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST_EXACT
    )
    return small.astype(np.uint8)
