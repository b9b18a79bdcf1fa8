"""Both gases' frames with masks, areas and health as one picture of a video."""

from collections.abc import Mapping, Sequence

import numpy as np

from fume_mm.structures import GAS_LABELS, GASES
from fume_mm.structures.labels import FUME_LABELS, Labels

from . import panel
from .canvas import BAR, Canvas, draw_letters
from .tiles import blank_tile, draw_tile, tile_size

WIDTHS = (panel.TILE_WIDTH, 640)
TOP = panel.TITLE_HEIGHT + panel.HEADING_HEIGHT


class SideBySide:
    """Draws the pictures of one clip, all of one size.

    A gas in ``sizes`` has a tile of its own, which says so where the gas is absent.

    Args:
        sizes: (width, height) of the frames by gas. Tiles are between 360 and 640
            pixels wide; larger frames are drawn smaller.
        note: Put in a box beside the title, such as ``'training data: simulated'``.
        labels: The model's.

    Attributes:
        size: (width, height) of every picture; even, as video codecs want it.
    """

    def __init__(
        self,
        sizes: Mapping[str, tuple[int, int]],
        *,
        note: str | None = None,
        labels: Labels = FUME_LABELS,
    ) -> None:
        self._note, self._labels = note, labels
        bars = len(labels.health_classes) * panel.SCORE_HEIGHT
        self._bars = bars + 2 * panel.HEALTH_MARGIN
        self._tiles = {
            gas: tile_size(sizes[gas][::-1], at_least=WIDTHS[0], at_most=WIDTHS[1])
            for gas in GASES
            if gas in sizes
        }
        width = sum(width + panel.GAP for width, _ in self._tiles.values()) - panel.GAP
        height = TOP + max(height for _, height in self._tiles.values()) + self._bars
        self.size = width + width % 2, height + height % 2

    def draw(
        self,
        frames: Mapping[str, np.ndarray],
        masks: Mapping[str, np.ndarray],
        health_scores: Sequence[float] | np.ndarray | None,
        *,
        title: str,
        verdict: str = '',
    ) -> np.ndarray:
        """One picture.

        Args:
            frames: (H, W) uint8 by gas that is there.
            masks: (H, W) uint8 class ids by gas that was predicted.
            health_scores: (C,) probabilities; None where there are none.
            title: Headline: the time, or a name.
            verdict: What may be said of the health, beside the headline.

        Returns:
            (h, w, 3) uint8 RGB of :attr:`size`.
        """
        canvas = Canvas(*self.size)
        panel.draw_head(canvas, title, self._note)
        if verdict:
            # apart from the title, which is another one in each picture
            start = panel.MARGIN + draw_letters(title, panel.LARGE, True).shape[1]
            start += 3 * panel.GAP
            width = canvas.width - panel.MARGIN - start
            if self._note:
                width -= draw_letters(self._note, 15, True).shape[1] + 3 * panel.GAP
            place = start, panel.TITLE_HEIGHT // 2 + 2
            canvas.text(place, verdict, bold=True, max_width=max(width, 1))
        left, middle = 0, panel.TITLE_HEIGHT + panel.HEADING_HEIGHT // 2
        for gas, size in self._tiles.items():
            x, label = left + panel.MARGIN, GAS_LABELS[gas]
            x += canvas.text((x, middle), label, panel.LARGE, bold=True)
            mask = masks.get(gas)
            if gas not in frames:
                tile = blank_tile(size, BAR, panel.ABSENT)
            else:
                palette = self._labels.seg_palette
                tile = draw_tile(frames[gas], mask, size=size, palette=palette)
                if mask is not None:
                    place = x + 2 * panel.GAP, middle
                    shares = _shares(mask, self._labels.seg_classes)
                    panel.draw_legend(canvas, place, shares, palette=palette)
            canvas.paste(tile, (left, TOP))
            left += size[0] + panel.GAP
        if health_scores is not None:
            bars = [float(score) for score in health_scores]
            top = canvas.array.shape[0] - self._bars + panel.HEALTH_MARGIN
            right = canvas.width - panel.MARGIN
            panel.draw_scores(canvas, bars, (panel.MARGIN, top), right, self._labels)
        return canvas.array


def _shares(mask: np.ndarray, names: Sequence[str]) -> list[str]:
    """Each class with its share of the frame."""
    percent = 100 / mask.size
    return [
        f'{name} {percent * np.count_nonzero(mask == class_id):.1f} %'
        for class_id, name in enumerate(names)
    ]
