"""A sample as one picture: frames, masks, health. Pure functions of arrays."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fume_mm.errors import UserError
from fume_mm.structures import (
    BACKGROUND,
    GAS_LABELS,
    GASES,
    IGNORE,
)
from fume_mm.structures.labels import FUME_LABELS, Labels

from .canvas import BAR, GREY, INK, RULE, WARNING, WHITE, Canvas, draw_letters
from .overlay import STRIPE, stripes
from .tiles import blank_tile, draw_tile, lay_out, tile_size

if TYPE_CHECKING:
    from fume_mm.structures import DualGasDataSample

TILE_WIDTH = 360
MARGIN = 14
GAP = 10
LABEL_WIDTH = 52
TITLE_HEIGHT = 44
HEADING_HEIGHT = 26
ABSENT_HEIGHT = 34
LEGEND_HEIGHT = 34
CLASS_HEIGHT, SCORE_HEIGHT = 32, 25
HEALTH_MARGIN = 12
#: Of a verdict's lines, and pixels of a letter in them on average.
VERDICT_HEIGHT, NOTE_HEIGHT, LETTER = 30, 21, 7.8
CLASSES_WIDTH, SCORES_WIDTH, NAME_WIDTH = 330, 720, 104
LARGE = 18
ABSENT = 'not recorded'

COLUMNS = {'gt_sem_seg': 'truth', 'pred_sem_seg': 'prediction'}


def draw_panel(
    frames: dict[str, np.ndarray],
    sample: 'DualGasDataSample',
    *,
    title: str | None = None,
    note: str | None = None,
    labels: Labels = FUME_LABELS,
) -> np.ndarray:
    """Draw what a sample shows, what is true and what a model says.

    One row per gas with the columns frame, truth and prediction (those that the sample
    has); a gas that was not recorded has a slim row that says so. Below, the true and
    the predicted health class with the class probabilities.

    Args:
        frames: (H, W) uint8 by gas, exactly the gases that the sample has.
        sample: Its masks, if any, have the sizes of the frames.
        title: Headline; the sample's id unless given.
        note: Put beside the headline in a box, such as ``'simulated'``.
        labels: What the classes are.

    Returns:
        (h, w, 3) uint8 RGB; tiles are 360 pixels wide whatever the frames' size.

    Raises:
        UserError: If frames or masks do not fit the sample.
    """
    scores = sample.get('health_scores')
    return _draw(
        frames,
        _masks(frames, sample),
        lines=_class_lines(sample),
        bars=[] if scores is None else scores.float().tolist(),
        title=title or str(sample.get('sample_id', '')),
        note=note,
        labels=labels,
    )


def draw_result(
    frames: dict[str, np.ndarray],
    masks: dict[str, np.ndarray],
    health_scores: Sequence[float] | np.ndarray | None,
    *,
    title: str,
    note: str | None = None,
    labels: Labels = FUME_LABELS,
    verdict: Sequence[str] = (),
) -> np.ndarray:
    """:func:`draw_panel` of what a model says, without torch.

    Args:
        frames: (H, W) uint8 by gas that was given.
        masks: (H, W) uint8 class ids by gas that was predicted.
        health_scores: (C,) probabilities; None for a model without health.
        title: Headline.
        note: Put beside the headline in a box.
        labels: What the classes are.
        verdict: What may be said of the health, and in further lines how sure that is.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    bars = [] if health_scores is None else [float(score) for score in health_scores]
    lines = [('prediction', int(np.argmax(bars)), '')] if bars and not verdict else []
    predicted = {
        gas: {'pred_sem_seg': masks[gas]} if gas in masks else {} for gas in frames
    }
    return _draw(
        frames,
        predicted,
        lines=lines,
        bars=bars,
        title=title,
        note=note,
        labels=labels,
        verdict=verdict,
    )


def _draw(
    frames: dict[str, np.ndarray],
    masks: dict[str, dict[str, np.ndarray]],
    *,
    lines: list[tuple[str, int, str]],
    bars: list[float],
    title: str,
    note: str | None,
    labels: Labels,
    verdict: Sequence[str] = (),
) -> np.ndarray:
    columns = [key for key in COLUMNS if any(key in part for part in masks.values())]
    left = MARGIN + LABEL_WIDTH
    right = left + (1 + len(columns)) * (TILE_WIDTH + GAP) - GAP
    bands = []

    def band(height: int) -> Canvas:
        canvas = Canvas(right + MARGIN, height)
        bands.append(canvas.array)
        return canvas

    draw_head(band(TITLE_HEIGHT), title, note)
    canvas = band(HEADING_HEIGHT)
    for index, heading in enumerate(['frame', *(COLUMNS[key] for key in columns)]):
        middle = left + index * (TILE_WIDTH + GAP) + TILE_WIDTH // 2
        place = middle, HEADING_HEIGHT // 2
        canvas.text(place, heading, colour=GREY, align='middle')
    for gas in GASES:
        if gas in frames:
            row = _row(frames[gas], masks[gas], columns, labels)
        else:
            row = blank_tile((right - left, ABSENT_HEIGHT), BAR, ABSENT)
        canvas = band(row.shape[0] + GAP)
        place = MARGIN, row.shape[0] // 2
        canvas.text(place, GAS_LABELS[gas], LARGE, bold=True)
        canvas.paste(row, (left, 0))
    if columns:
        truths = [part['gt_sem_seg'] for part in masks.values() if 'gt_sem_seg' in part]
        ignored = any((truth == IGNORE).any() for truth in truths)
        place = left, LEGEND_HEIGHT // 2 - 4
        names, palette = labels.seg_classes, labels.seg_palette
        legend = band(LEGEND_HEIGHT)
        draw_legend(legend, place, names, ignored=ignored, palette=palette)
    if verdict:
        said, *notes = verdict
        wrapped = [
            part
            for text in notes
            for part in textwrap.wrap(text, int((right - MARGIN) / LETTER))
        ]
        height = HEALTH_MARGIN + VERDICT_HEIGHT + NOTE_HEIGHT * len(wrapped)
        canvas = band(height + HEALTH_MARGIN // 2)
        canvas.box((MARGIN, 0, right, 1), fill=RULE)
        place = MARGIN, HEALTH_MARGIN + VERDICT_HEIGHT // 2
        canvas.text(place, said, LARGE, bold=True, max_width=right - MARGIN)
        for index, text in enumerate(wrapped):
            y = height - NOTE_HEIGHT * (len(wrapped) - index) + NOTE_HEIGHT // 2
            canvas.text((MARGIN, y), text, colour=GREY, max_width=right - MARGIN)
    if lines or bars:
        parts = CLASS_HEIGHT * len(lines), SCORE_HEIGHT * len(bars)
        # A single column is too narrow for classes and bars side by side.
        height = max(parts) if columns else sum(parts)
        canvas = band(height + 2 * HEALTH_MARGIN)
        canvas.box((MARGIN, 0, right, 1), fill=RULE)
        start, tops = MARGIN, [0, parts[0]]
        if columns:  # each in the middle
            start = max(MARGIN + CLASSES_WIDTH, right - SCORES_WIDTH)
            tops = [(height - part) // 2 for part in parts]
        _draw_classes(canvas, lines, HEALTH_MARGIN + tops[0], labels)
        draw_scores(canvas, bars, (start, HEALTH_MARGIN + tops[1]), right, labels)
    return np.concatenate(bands)


def _masks(
    frames: dict[str, np.ndarray], sample: 'DualGasDataSample'
) -> dict[str, dict[str, np.ndarray]]:
    """The (H, W) masks that there are, by gas and field."""
    name = f"sample '{sample.get('sample_id')}'"
    present = [gas for gas, here in sample.present.items() if here]
    if set(frames) != set(present):
        raise UserError(
            f'{name} has {present}, but the frames are of {sorted(frames)}; give '
            'a frame of each gas that the sample has, and of no other.'
        )
    masks: dict[str, dict[str, np.ndarray]] = {gas: {} for gas in present}
    for gas in present:
        for key, what in COLUMNS.items():
            if key in sample.get(gas):
                mask = sample.get(gas).get(key).data[0].cpu().numpy()
                if mask.shape != frames[gas].shape:
                    raise UserError(
                        f'{name}: its {GAS_LABELS[gas]} frame has the shape '
                        f'{frames[gas].shape}, the {what} {mask.shape}; give masks of '
                        "the frame's size."
                    )
                masks[gas][key] = mask
    return masks


def _row(
    frame: np.ndarray,
    masks: dict[str, np.ndarray],
    columns: list[str],
    labels: Labels,
) -> np.ndarray:
    """The tiles of a gas side by side; gray where a mask is missing."""
    size = tile_size(frame.shape, at_least=TILE_WIDTH, at_most=TILE_WIDTH)
    tiles = [draw_tile(frame, size=size)]
    colours = labels.seg_palette
    for mask in map(masks.get, columns):
        drawn = mask is not None
        tiles.append(
            draw_tile(frame, mask, size=size, palette=colours)
            if drawn
            else blank_tile(size, BAR)
        )
    return lay_out(tiles, columns=len(tiles), gap=GAP)


def draw_head(canvas: Canvas, title: str, note: str | None) -> None:
    """The title at the left, and a note in a box at the right."""
    middle = TITLE_HEIGHT // 2 + 2
    right = canvas.width - MARGIN
    if note:
        width = draw_letters(note, 15, True).shape[1] + 20
        box = (right - width, middle - 13, right, middle + 13)
        canvas.box(box, fill=WHITE, outline=WARNING)
        place = right - width // 2, middle
        canvas.text(place, note, colour=WARNING, bold=True, align='middle')
        right -= width + GAP
    width = right - MARGIN
    canvas.text((MARGIN, middle), title, LARGE, bold=True, max_width=width)


def draw_legend(
    canvas: Canvas,
    place: tuple[int, int],
    names: Sequence[str],
    *,
    ignored: bool = False,
    palette: Sequence[tuple[int, int, int]] = FUME_LABELS.seg_palette,
) -> None:
    """The colours of a mask from ``place``, half-way up, to the right.

    Args:
        canvas: To draw on.
        place: (x, y).
        names: What is written beside each colour, by class id.
        ignored: Whether pixels are hatched.
        palette: RGB by class id.
    """
    left, middle = place
    for class_id, name in enumerate(names):
        if class_id != BACKGROUND:
            box = (left, middle - 7, left + 14, middle + 7)
            canvas.box(box, fill=palette[class_id])
            left += 42 + canvas.text((left + 20, middle), name)
    if ignored:
        swatch = np.where(stripes((14, 14)), STRIPE, 255).astype(np.uint8)
        canvas.paste(np.repeat(swatch[:, :, None], 3, axis=2), (left, middle - 7))
        canvas.text((left + 20, middle), 'ignored')


def _class_lines(sample: 'DualGasDataSample') -> list[tuple[str, int, str]]:
    """What to write about the health class: whose, class id, remark."""
    truth, predicted = sample.get('gt_health'), sample.get('pred_health')
    lines, verdict = [], ''
    if truth is not None:
        ph = sample.get('ph_value')
        known = ph is not None and not math.isnan(float(ph))
        remark = f'(pH {round(float(ph), 2):g})' if known else ''
        lines.append(('truth', int(truth), remark))
        verdict = '(correct)' if truth == predicted else '(wrong)'
    if predicted is not None:
        lines.append(('prediction', int(predicted), verdict))
    return lines


def _draw_classes(
    canvas: Canvas, lines: list[tuple[str, int, str]], top: int, labels: Labels
) -> None:
    for index, (whose, class_id, remark) in enumerate(lines):
        x, y = MARGIN + 96, top + CLASS_HEIGHT * index + CLASS_HEIGHT // 2
        canvas.text((MARGIN, y), whose, colour=GREY)
        box = (x, y - 8, x + 16, y + 8)
        canvas.box(box, fill=labels.health_palette[class_id], outline=INK)
        x += 24
        x += 8 + canvas.text((x, y), labels.health_classes[class_id], bold=True)
        canvas.text((x, y), remark)


def draw_scores(
    canvas: Canvas,
    scores: Sequence[float],
    place: tuple[int, int],
    right: int,
    labels: Labels = FUME_LABELS,
) -> None:
    """Probabilities of the health classes as bars, from ``place`` to ``right``."""
    x, top = place
    left, length = x + 108, right - 72 - x - 108
    for index, score in enumerate(scores):
        y = top + SCORE_HEIGHT * index + SCORE_HEIGHT // 2
        canvas.text((x, y), labels.health_classes[index], max_width=NAME_WIDTH)
        canvas.box((left, y - 8, left + length, y + 8), fill=BAR)
        box = (left, y - 8, left + round(length * score), y + 8)
        canvas.box(box, fill=labels.health_palette[index], outline=INK)
        canvas.text((right, y), f'{100 * score:.1f} %', align='right')
