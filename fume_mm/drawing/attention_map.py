"""Attention between two frames as a picture."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from fume_mm.structures import GAS_LABELS, GASES

from .tiles import blank_tile, caption_tile, draw_tile, lay_out, tile_size

#: Colour of what is attended to, and how much of it covers the largest weight.
HEAT, SHARE = (255, 120, 0), 0.8
#: Colours of the points.
MARKS = ((255, 80, 80), (90, 200, 255), (120, 220, 90), (255, 210, 60), (230, 120, 255))


def heat(frame: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A frame, the more coloured the more a place is attended to.

    Args:
        frame: (H, W, 3) uint8.
        weights: (h, w), at least 0; the largest has the most colour.

    Returns:
        (H, W, 3) uint8; each of the h x w positions is a rectangle, since attention
        knows nothing finer.
    """
    share = (weights / max(weights.max(), np.finfo(np.float32).tiny)).astype(np.float32)
    share = cv2.resize(share, frame.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    cover = SHARE * share[:, :, None]
    return np.rint(frame * (1 - cover) + np.array(HEAT) * cover).astype(np.uint8)


def draw_attention(
    frames: Mapping[str, np.ndarray],
    rows: Sequence[tuple[str, Mapping[str, tuple[float, float]], Mapping, str]],
) -> np.ndarray:
    """A row for each gas: its frame with the points, then the other frame for each.

    Args:
        frames: (H, W) uint8 of both gases.
        rows: Gas, points by name as shares of width and height, weights (h, w) by name,
            and words about the gas's attention.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    tiles: list[np.ndarray] = []
    columns = 1 + max(len(points) for _, points, _, _ in rows)
    for gas, points, weights, words in rows:
        other = next(x for x in GASES if x != gas)
        here, there = (
            draw_tile(frames[x], size=tile_size(frames[x].shape, at_most=320))
            for x in (gas, other)
        )
        here = here.copy()
        height, width = here.shape[:2]
        for colour, (left, top) in zip(
            _marks(len(points)), points.values(), strict=True
        ):
            place = round(left * width - 0.5), round(top * height - 0.5)
            cv2.circle(here, place, 7, (0, 0, 0), 4, cv2.LINE_AA)
            cv2.circle(here, place, 7, colour, 2, cv2.LINE_AA)
        tiles.append(caption_tile(here, f'{GAS_LABELS[gas]}: {words}', above=True))
        for colour, name in zip(_marks(len(points)), points, strict=True):
            seen = weights[name]
            times = seen.max() * seen.size
            text = f'from {name}: {GAS_LABELS[other]}, up to {times:.3g} x even'
            tile = caption_tile(heat(there, seen), text, above=True)
            tile[16:18] = colour
            tiles.append(tile)
        left_out = columns - 1 - len(points)
        tiles += [blank_tile(tile_size(frames[gas].shape, at_most=320))] * left_out
    return lay_out(tiles, columns=columns, gap=6)


def _marks(number: int) -> list[tuple[int, int, int]]:
    return [MARKS[i % len(MARKS)] for i in range(number)]
