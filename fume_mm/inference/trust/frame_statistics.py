"""A frame and its mask in some thirty numbers, NumPy and OpenCV alone.

They say how bright a frame is, how its contrast is spread over scales and over the
picture, how smooth its smooth parts are, and what the model marked in it. None depends
on the frame's size but by what a smaller frame cannot show.
"""

import cv2
import numpy as np

from fume_mm.structures.labels import Labels

#: (width, height) at which most is measured.
SIZE = (160, 120)
_BANDS = 5
_TILE = 20
_LEAST = 1e-3
_SHARE = 1e-4
#: Pixels of a piece of a mask that counts.
_PIECE = 3

NAMES = (
    *(f'level {q} %' for q in (1, 25, 50, 75, 99)),
    *(f'contrast of scale {k}' for k in range(_BANDS)),
    *(f'peaks of scale {k}' for k in range(_BANDS)),
    *(f'contrast of tiles {q} %' for q in (10, 50, 90)),
    *('contrast of the middle', 'edges', 'edges of the middle', 'edge direction'),
    *('equal neighbours', 'most common level', 'entropy'),
    *('tube', 'gas', 'pieces of tube', 'pieces of gas', 'gas in one piece'),
    *('tube off centre', 'gas off the tube'),
)


def frame_statistics(
    frame: np.ndarray, mask: np.ndarray | None, labels: Labels
) -> np.ndarray:
    """The numbers of :data:`NAMES`.

    Args:
        frame: (H, W) uint8, as read.
        mask: (H, W) uint8 class ids; None for a model without masks.
        labels: What the classes are.

    Returns:
        (len(NAMES),) float64, all finite.
    """
    small = cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    small /= 255
    levels = np.quantile(small, [0.01, 0.25, 0.5, 0.75, 0.99])
    spread, peaks = _bands(small)
    tiles = small.reshape(SIZE[1] // _TILE, _TILE, SIZE[0] // _TILE, _TILE)
    of_tiles = np.quantile(tiles.std(axis=(1, 3)), [0.1, 0.5, 0.9])
    dx, dy = cv2.Sobel(small, -1, 1, 0) / 8, cv2.Sobel(small, -1, 0, 1) / 8
    steep = np.hypot(dx, dy)
    middle = slice(SIZE[1] // 5, -SIZE[1] // 5), slice(SIZE[0] // 8, -SIZE[0] // 8)
    along = np.abs(dx).sum() / max(float(np.abs(dx).sum() + np.abs(dy).sum()), _LEAST)
    counts = np.bincount(frame.ravel(), minlength=256) / frame.size
    found = counts[counts > 0]
    whole = [
        *_logs([small[middle].std()]),
        *_logs([(steep > 0.04).mean(), (steep[middle] > 0.04).mean()]),
        along,
        float((frame[:, 1:] == frame[:, :-1]).mean()),
        float(np.log(counts.max())),
        float(-(found * np.log(found)).sum()),
    ]
    return np.array(
        [*levels, *_logs(spread), *_logs(peaks), *_logs(of_tiles), *whole]
        + _of_mask(mask, labels),
        np.float64,
    )


def _logs(values: list[float] | np.ndarray) -> list[float]:
    return np.log(np.maximum(values, _LEAST)).tolist()


def _bands(small: np.ndarray) -> tuple[list[float], list[float]]:
    """Of each scale from fine to coarse, the typical contrast and the largest."""
    spread, peaks, coarse = [], [], small
    for _ in range(_BANDS):
        smooth = cv2.GaussianBlur(coarse, (5, 5), 1.0)
        band = np.abs(coarse - smooth)
        spread.append(float(np.median(band)) * 4)
        peaks.append(float(np.quantile(band, 0.98)))
        coarse = smooth[::2, ::2]
    return spread, peaks


def _of_mask(mask: np.ndarray | None, labels: Labels) -> list[float]:
    if mask is None:
        return [0.0] * 7
    mask = cv2.resize(mask, SIZE, interpolation=cv2.INTER_NEAREST)
    gas = (mask == labels.gas).astype(np.uint8)
    tube = np.zeros_like(gas)
    if labels.tube is not None:
        tube = (mask == labels.tube).astype(np.uint8)
    pieces, largest, off, apart = [], 1.0, 0.0, 0.0
    for part in (tube, gas):
        number, _, boxes, _ = cv2.connectedComponentsWithStats(part)
        sizes = boxes[1:, cv2.CC_STAT_AREA]
        pieces.append(float(np.log1p((sizes > _PIECE).sum())))
        largest = float(sizes.max() / sizes.sum()) if number > 1 else 1.0
    if tube.any():
        columns = tube.sum(axis=0)
        off = abs(float(columns @ np.arange(SIZE[0]) / columns.sum()) / SIZE[0] - 0.5)
        if gas.any():
            away = cv2.distanceTransform(1 - tube, cv2.DIST_L2, 3)
            apart = float(np.log1p(away[gas > 0].min()))
    shares = np.log(np.maximum([tube.mean(), gas.mean()], _SHARE)).tolist()
    return [*shares, *pieces, largest, off, apart]
