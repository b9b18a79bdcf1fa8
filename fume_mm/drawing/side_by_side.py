"""Both gases' frames with masks, areas and health as one picture of a video.

OpenCV and NumPy only, and quick: what does not change is drawn once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from fume_mm.structures import (
    BACKGROUND,
    GAS_LABELS,
    GASES,
    HEALTH_CLASSES,
    HEALTH_PALETTE,
    SEG_CLASSES,
    SEG_PALETTE,
)

from .overlay import overlay

WIDTHS = (320, 640)
HEAD, FOOT = 30, 96
GAP = 4
BAR_LEFT, BAR_RIGHT, BAR_HEIGHT, BAR_STEP = 110, 62, 12, 20
PAPER, INK, GREY, ABSENT, WARNING = (
    (255, 255, 255),
    (40, 40, 40),
    (105, 105, 105),
    (214, 214, 214),
    (178, 60, 0),
)
FONT = cv2.FONT_HERSHEY_SIMPLEX


class SideBySide:
    """Draws the pictures of one clip, all of one size.

    A gas in ``sizes`` has a tile of its own, which says so where the gas is absent.

    Args:
        sizes: (width, height) of the frames by gas. Tiles are between 320 and 640
            pixels wide; larger frames are drawn smaller.
        note: Put into the footer, such as ``'training data: simulated'``.
    """

    def __init__(
        self, sizes: Mapping[str, tuple[int, int]], *, note: str | None = None
    ) -> None:
        self._tiles: dict[str, tuple[int, int, int]] = {}  # left, width, height
        left = 0
        for gas in (gas for gas in GASES if gas in sizes):
            width, height = sizes[gas]
            shown = min(max(width, WIDTHS[0]), WIDTHS[1]) // 2 * 2
            self._tiles[gas] = left, shown, max(round(height * shown / width), 1)
            left += shown + GAP
        width = left - GAP
        self._tile_height = max(height for _, _, height in self._tiles.values())
        height = HEAD + self._tile_height + FOOT
        #: (width, height) of every picture; even, as video codecs want it.
        self.size = width + width % 2, height + height % 2
        self._blank = np.full((self.size[1], self.size[0], 3), PAPER, np.uint8)
        self._draw_fixed(note)

    def draw(
        self,
        frames: Mapping[str, np.ndarray],
        masks: Mapping[str, np.ndarray],
        health_scores: Sequence[float] | np.ndarray | None,
        *,
        title: str,
        areas: Mapping[str, Mapping[str, int]] | None = None,
    ) -> np.ndarray:
        """One picture.

        Args:
            frames: (H, W) uint8 by gas that is there.
            masks: (H, W) uint8 class ids by gas that was predicted.
            health_scores: (3,) probabilities; None where there are none.
            title: Put into the footer: the time, or a name.
            areas: Pixels of each class by gas, where they are known already.

        Returns:
            (h, w, 3) uint8 RGB of :attr:`size`.
        """
        image = self._blank.copy()
        for gas, (left, width, height) in self._tiles.items():
            if gas not in frames:
                self._draw_absent(image, left, width)
                continue
            frame, mask = frames[gas], masks.get(gas)
            tile = _tile(frame, mask, (width, height))
            image[HEAD : HEAD + height, left : left + width] = tile
            if mask is not None:
                known = None if areas is None else areas.get(gas)
                self._draw_areas(image, left, width, mask, known)
        _write(image, title, (10, HEAD + self._tile_height + 26), 0.6)
        if health_scores is not None:
            self._draw_health(image, [float(score) for score in health_scores])
        return image

    def _draw_fixed(self, note: str | None) -> None:
        for gas, (left, _, _) in self._tiles.items():
            _write(self._blank, GAS_LABELS[gas], (left + 10, 21), 0.6, weight=2)
        if note:
            place = (10, HEAD + self._tile_height + FOOT - 10)
            _write(self._blank, note, place, 0.45, colour=WARNING)

    def _draw_absent(self, image: np.ndarray, left: int, width: int) -> None:
        bottom = HEAD + self._tile_height
        image[HEAD:bottom, left : left + width] = ABSENT
        place = (left + width // 2 - 62, (HEAD + bottom) // 2)
        _write(image, 'not recorded', place, 0.6, colour=GREY)

    def _draw_areas(
        self,
        image: np.ndarray,
        left: int,
        width: int,
        mask: np.ndarray,
        known: Mapping[str, int] | None,
    ) -> None:
        right = left + width
        for class_id in reversed(range(len(SEG_CLASSES))):
            if class_id == BACKGROUND:
                continue
            name = SEG_CLASSES[class_id]
            count = np.count_nonzero(mask == class_id) if known is None else known[name]
            right -= 124
            cv2.rectangle(
                image, (right, 9), (right + 11, 20), SEG_PALETTE[class_id], cv2.FILLED
            )
            text = f'{name} {100 * count / mask.size:.1f} %'
            _write(image, text, (right + 17, 20), 0.45)

    def _draw_health(self, image: np.ndarray, scores: list[float]) -> None:
        top = HEAD + self._tile_height + 14
        left = self.size[0] // 2 - 60
        start = left + BAR_LEFT
        length = self.size[0] - BAR_RIGHT - start
        best = int(np.argmax(scores))
        for class_id, score in enumerate(scores):
            y = top + class_id * (BAR_STEP + 4)
            weight = 2 if class_id == best else 1
            _write(image, HEALTH_CLASSES[class_id], (left, y + 10), 0.45, weight=weight)
            corner = (start + length, y + BAR_HEIGHT)
            cv2.rectangle(image, (start, y), corner, ABSENT, cv2.FILLED)
            end = (start + round(length * score), y + BAR_HEIGHT)
            cv2.rectangle(image, (start, y), end, HEALTH_PALETTE[class_id], cv2.FILLED)
            text = f'{100 * score:5.1f} %'
            _write(image, text, (start + length + 6, y + 10), 0.4)


def _tile(frame: np.ndarray, mask: np.ndarray | None, size: tuple[int, int]) -> Any:
    if frame.shape[::-1] != size:
        way = cv2.INTER_AREA if frame.shape[1] > size[0] else cv2.INTER_LINEAR
        frame = cv2.resize(frame, size, interpolation=way)
    if mask is None:
        return frame[:, :, None]
    if mask.shape[::-1] != size:
        mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return overlay(frame, mask)


def _write(
    image: np.ndarray,
    text: str,
    place: tuple[int, int],
    scale: float,
    *,
    colour: tuple[int, int, int] = INK,
    weight: int = 1,
) -> None:
    # these letters are ASCII only
    shown = text.encode('ascii', 'replace').decode()
    cv2.putText(image, shown, place, FONT, scale, colour, weight, cv2.LINE_AA)
