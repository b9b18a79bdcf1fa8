"""A white sheet to put text, boxes and pictures on."""

from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (40, 40, 40)
GREY: Colour = (105, 105, 105)
RULE: Colour = (200, 200, 200)
BAR: Colour = (232, 232, 232)
WARNING: Colour = (178, 60, 0)


@cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    # Matplotlib brings this font along, so every system draws the same letters.
    name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
    return ImageFont.truetype(
        str(Path(matplotlib.get_data_path()) / 'fonts/ttf' / name), size
    )


class Canvas:
    """A white RGB image; coordinates are (x, y) in pixels from the upper left corner.

    Args:
        width: In pixels.
        height: In pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self._image = Image.new('RGB', (width, height), WHITE)
        self._draw = ImageDraw.Draw(self._image)

    def text_width(self, text: str, size: int, *, bold: bool = False) -> int:
        """Pixels that ``text`` takes in a line."""
        return round(_font(size, bold).getlength(text))

    def text(
        self,
        place: tuple[int, int],
        text: str,
        size: int = 15,
        *,
        colour: Colour = INK,
        bold: bool = False,
        anchor: str = 'la',
        max_width: int | None = None,
    ) -> None:
        """Write one line.

        Args:
            place: Where its anchor comes to lie.
            text: The line.
            size: In pixels.
            colour: RGB.
            bold: Whether in bold.
            anchor: Pillow's two letters, such as ``'lm'`` for left and middle.
            max_width: A longer line is cut and ends with an ellipsis.
        """
        if max_width is not None and self.text_width(text, size, bold=bold) > max_width:
            while text and self.text_width(f'{text}…', size, bold=bold) > max_width:
                text = text[:-1]
            text = f'{text}…'
        self._draw.text(place, text, colour, _font(size, bold), anchor=anchor)

    def box(
        self,
        corners: tuple[int, int, int, int],
        *,
        fill: Colour,
        outline: Colour | None = None,
    ) -> None:
        """Fill a rectangle (left, top, right, bottom), the last two exclusive."""
        left, top, right, bottom = corners
        self._draw.rectangle((left, top, right - 1, bottom - 1), fill, outline)

    def paste(self, image: np.ndarray, place: tuple[int, int]) -> None:
        """Put an (h, w, 3) uint8 picture with its upper left corner at ``place``."""
        self._image.paste(Image.fromarray(image), place)

    def array(self) -> np.ndarray:
        """The picture, (height, width, 3) uint8."""
        return np.array(self._image)
