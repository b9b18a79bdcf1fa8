"""A confusion matrix as a small picture."""

from collections.abc import Sequence

import numpy as np

from .canvas import GREY, INK, WHITE, Canvas

#: Side of a cell, and room for the names beside and above, in pixels.
CELL, LEFT, ABOVE = 96, 130, 56
#: Of a cell that holds all of its row.
FULL = np.array((8, 81, 156))


def draw_matrix(counts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Counts in cells that are the darker, the larger their share of the row.

    Args:
        counts: (C, C), rows truth, columns prediction.
        names: Of the C classes.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    size = len(names)
    canvas = Canvas(LEFT + size * CELL + 8, ABOVE + size * CELL + 8)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    canvas.text((8, 14), 'true \\ predicted', 13, colour=GREY)
    for i, name in enumerate(names):
        middle = i * CELL + CELL // 2
        canvas.text((LEFT - 8, ABOVE + middle), name, align='right', max_width=LEFT - 8)
        place = LEFT + middle, ABOVE - 14
        canvas.text(place, name, align='middle', max_width=CELL - 4)
        for j in range(size):
            left, top, share = LEFT + j * CELL, ABOVE + i * CELL, shares[i, j]
            fill = np.rint(255 + share * (FULL - 255)).astype(int)
            corners = left, top, left + CELL, top + CELL
            canvas.box(corners, fill=tuple(fill), outline=GREY)
            ink = WHITE if share > 0.5 else INK
            place = left + CELL // 2, top + CELL // 2
            canvas.text(place, str(counts[i, j]), 20, colour=ink, align='middle')
            below = place[0], place[1] + 24
            canvas.text(below, f'{share:.0%}', 13, colour=ink, align='middle')
    return canvas.array
