"""What the original FUME's augmentation does and no library still has."""

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from fume_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomTriangleAffine(BaseTransform):
    """The affine map that moves three points of the frame by random amounts.

    FUME's elastic deformation (albumentations 1.3.1, ``alpha=1, sigma=50,
    alpha_affine=50``) is this: its elastic part moves pixels by 0.02 of one. The points
    lie a third of the frame's shorter side from half its height along x and half its
    width along y, as there, which for a frame that is not square is not its centre.
    What comes from outside the frame is black in frames and background in masks. Draws
    from NumPy's global generator.

    Args:
        shift: Each coordinate moves by up to so many pixels.
        prob: Probability.
    """

    def __init__(self, *, shift: float = 50.0, prob: float = 0.3) -> None:
        self.shift = shift
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Move ``frames`` and ``masks`` alike."""
        if np.random.rand() >= self.prob:  # noqa: NPY002
            return results
        frames, masks = results['frames'], results['masks']
        height, width = next(iter(frames.values())).shape
        x, y, side = height // 2, width // 2, min(height, width) // 3
        points = [[x + side, y + side], [x + side, y - side], [x - side, y - side]]
        before = np.array(points, np.float32)
        moves = np.random.uniform(-self.shift, self.shift, (3, 2))  # noqa: NPY002
        matrix = cv2.getAffineTransform(before, before + moves.astype(np.float32))
        for gas in frames:
            for maps, how in ((frames, cv2.INTER_LINEAR), (masks, cv2.INTER_NEAREST)):
                moved = cv2.warpAffine(maps[gas], matrix, (width, height), flags=how)
                maps[gas] = moved
        return results
