"""A white picture to put boxes, pictures and text on: OpenCV and NumPy.

Letters are those of DejaVu Sans where Pillow and Matplotlib, which brings the font
along, are installed, so that every system draws the same; else OpenCV's, ASCII only.
"""

import importlib.util
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (40, 40, 40)
GREY: Colour = (105, 105, 105)
RULE: Colour = (200, 200, 200)
BAR: Colour = (232, 232, 232)
WARNING: Colour = (178, 60, 0)


class Canvas:
    """A white RGB picture; coordinates are (x, y) in pixels from the upper left corner.

    Args:
        width: In pixels.
        height: In pixels.

    Attributes:
        array: The picture, (height, width, 3) uint8.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.array = np.full((height, width, 3), 255, np.uint8)

    def text(
        self,
        place: tuple[int, int],
        text: str,
        size: int = 15,
        *,
        colour: Colour = INK,
        bold: bool = False,
        align: str = 'left',
        max_width: int | None = None,
    ) -> int:
        """Write one line.

        Args:
            place: Its left end, middle or right end; always half-way up.
            text: The line.
            size: In pixels.
            colour: RGB.
            bold: Whether in bold.
            align: What of the line lies at ``place``: left, middle or right.
            max_width: A longer line is cut and ends with an ellipsis.

        Returns:
            How many pixels wide it became.
        """
        letters = draw_letters(text, size, bold)
        while max_width is not None and letters.shape[1] > max_width and text:
            fits = len(text) * max_width // letters.shape[1]
            text = text[: min(fits + 1, len(text) - 1)]
            letters = draw_letters(f'{text}…', size, bold)
        height, width = letters.shape
        left = place[0] - {'left': 0, 'middle': width // 2, 'right': width}[align]
        left, top = max(left, 0), max(place[1] - height // 2, 0)
        here = self.array[top : top + height, left : left + width]
        share = letters[: here.shape[0], : here.shape[1], None] / np.float32(255)
        here[:] = np.rint(here + share * (np.array(colour, np.float32) - here))
        return width

    def box(
        self,
        corners: tuple[int, int, int, int],
        *,
        fill: Colour,
        outline: Colour | None = None,
    ) -> None:
        """Fill a rectangle (left, top, right, bottom), the last two exclusive."""
        left, top, right, bottom = corners
        inner = 0
        if outline is not None:
            self.array[top:bottom, left:right] = outline
            inner = 1
        here = slice(top + inner, bottom - inner), slice(left + inner, right - inner)
        self.array[here] = fill

    def paste(self, image: np.ndarray, place: tuple[int, int]) -> None:
        """Put an (h, w, 3) uint8 picture with its upper left corner at ``place``."""
        left, top = place
        self.array[top : top + image.shape[0], left : left + image.shape[1]] = image


@lru_cache(1024)
def draw_letters(text: str, size: int, bold: bool) -> np.ndarray:
    """A line of text as coverage, (h, w) uint8; h depends on ``size`` alone."""
    font = _font(size, bold)
    if font is not None:
        from PIL import Image, ImageDraw

        image = Image.new('L', (round(font.getlength(text)), sum(font.getmetrics())))
        ImageDraw.Draw(image).text((0, 0), text, 255, font)
        return np.asarray(image)
    face, scale, weight = cv2.FONT_HERSHEY_SIMPLEX, size / 30, 2 if bold else 1
    text = text.replace('…', '...').encode('ascii', 'replace').decode()
    (width, height), below = cv2.getTextSize(text, face, scale, weight)
    letters = np.zeros((height + 2 * below, width), np.uint8)
    place = (0, height + below // 2)
    cv2.putText(letters, text, place, face, scale, 255, weight, cv2.LINE_AA)
    return letters


@cache
def _font(size: int, bold: bool) -> Any:
    """Pillow's font; None without Pillow or Matplotlib, which is not imported."""
    try:
        from PIL import ImageFont

        found = importlib.util.find_spec('matplotlib')
    except ModuleNotFoundError:
        return None
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / 'mpl-data/fonts/ttf'
    name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
    return ImageFont.truetype(str(folder / name), size)
