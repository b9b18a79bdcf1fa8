"""Geometry of frames and masks as one resampling: an affine map and an elastic field.

A pixel p of the result is taken from matrix · (p + displacement(p)). The displacement
is smooth, so it is drawn on a coarse grid and enlarged.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import cv2
import numpy as np

_EULER = 0.5772  # the mean of the standard Gumbel distribution


class ElasticField(NamedTuple):
    """A displacement of the pixels of an image, and where it is known."""

    #: (h, w, 2) pixels in x and y, at the centres of cells; a cell beyond each edge.
    shift: np.ndarray
    #: Pixels of a cell in each direction.
    cell: int


def elastic_field(
    shape: tuple[int, int], *, alpha: float, sigma: float, rng: np.random.Generator
) -> ElasticField:
    """A displacement distributed as that of ``albumentations.ElasticTransform``.

    There each pixel and direction gets a normal number; they are divided by the largest
    of them, blurred by a Gaussian of ``sigma`` and multiplied by ``alpha``. Hence a
    standard deviation of alpha / (2 √π sigma m), m being the largest of 2HW numbers,
    and a correlation of exp(-d² / 4 sigma²) between pixels d apart. Both hold here, of
    m its expectation.

    Args:
        shape: (H, W) of the image.
        alpha: In pixels.
        sigma: In pixels.
        rng: What the numbers are drawn from.
    """
    cell = max(int(sigma / 1.5), 1)
    size = [-(-side // cell) + 2 for side in shape]
    numbers = rng.standard_normal((*size, 2), np.float32)
    blur = sigma / cell
    shift = cv2.GaussianBlur(numbers, (0, 0), blur, borderType=cv2.BORDER_REPLICATE)
    # A cell's number is the mean of cell² ones. The enlargement interpolates, which
    # leaves (2 + correlation of neighbours) / 3 of the variance in each direction.
    kept = 1.0 if cell == 1 else (2 + math.exp(-1 / (4 * blur**2))) / 3
    strength = alpha / (_largest(2 * math.prod(shape)) * cell * kept)
    return ElasticField(shift * strength, cell)


class Warp:
    """A resampling that all images of a sample share.

    Args:
        shape: (H, W) of the images.
        matrix: (3, 3) from pixels (x, y, 1) of the result to those of the image.
        field: Displaces pixels of the result before; None for a plain affine map.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        matrix: np.ndarray,
        field: ElasticField | None = None,
    ) -> None:
        self.matrix = matrix
        self.maps = None if field is None else _maps(shape, matrix, field)
        mirror = [[-1, 0, shape[1] - 1], [0, 1, 0], [0, 0, 1]]
        self._is_mirror = np.array_equal(matrix, mirror)
        self._is_identity = np.array_equal(matrix, np.eye(3))

    def __call__(self, image: np.ndarray, interpolation: int) -> np.ndarray:
        """The image, (H, W) uint8, resampled; 0 comes in from outside.

        Args:
            image: (H, W) uint8.
            interpolation: OpenCV's, linear or nearest.
        """
        if self.maps is not None:
            return cv2.remap(image, self.maps[0], self.maps[1], interpolation)
        if self._is_identity:
            return image
        if self._is_mirror:
            return cv2.flip(image, 1)
        flags = interpolation | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, self.matrix[:2], image.shape[::-1], flags=flags)


def _maps(
    shape: tuple[int, int], matrix: np.ndarray, field: ElasticField
) -> list[np.ndarray]:
    """Where to take each pixel from, x and y, (H, W) float32 each."""
    cell = field.cell
    rows, columns = (
        np.arange(n) * cell - (cell + 1) / 2 for n in field.shift.shape[:2]
    )
    sources = field.shift + np.stack(np.meshgrid(columns, rows), axis=-1)
    sources = cv2.transform(sources.astype(np.float32), matrix[:2])
    # Linear interpolation keeps the affine part as it is.
    (height, width), inside = shape, slice(cell, None)
    size = sources.shape[1] * cell, sources.shape[0] * cell
    return [
        cv2.resize(part, size)[inside, inside][:height, :width]
        for part in cv2.split(sources)
    ]


def _largest(count: int) -> float:
    """The expected largest magnitude of ``count`` standard normal numbers."""
    tail = NormalDist().inv_cdf(1 - 1 / (2 * count))
    return tail + _EULER / tail
