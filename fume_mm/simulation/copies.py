"""Offline copies of a frame, as the owners' dataset holds 21 of each original.

Geometry is the same for both gases of a sample: flip, shift, scale, rotation, a
gentle elastic bend, filled with black that is labelled background. Brightness,
contrast, gamma, blur and noise are each frame's own.
"""

import cv2
import numpy as np

from .seeding import choose

_SHIFT, _SCALE, _DEGREES = 0.10, 0.10, 15.0


def augment(
    image: np.ndarray,
    mask: np.ndarray,
    *,
    geometry: np.random.Generator,
    photometry: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A copy of a frame and its mask, uint8 (H, W) each."""
    image, mask = _move(image, mask, geometry)
    # Black corners have no light to change.
    lit = cv2.LUT(image, _tone(photometry))
    lit[image == 0] = 0
    draw = photometry.random()
    if draw < 0.15:
        lit = cv2.GaussianBlur(lit, (0, 0), choose(photometry, (0.5, 1.5)))
    elif draw < 0.30:
        noise = photometry.standard_normal(lit.shape, dtype=np.float32)
        noisy = lit + np.float32(choose(photometry, (1.0, 4.0))) * noise
        lit = np.where(image > 0, cv2.convertScaleAbs(np.maximum(noisy, 0)), 0)
        lit = lit.astype(np.uint8)
    return lit, mask


def _move(
    image: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    height, width = image.shape
    draws = rng.random(4)
    if draws[0] < 0.5:
        image, mask = cv2.flip(image, 1), cv2.flip(mask, 1)
    angle = choose(rng, (-_DEGREES, _DEGREES))
    scale = 1 + choose(rng, (-_SCALE, _SCALE))
    shift = [choose(rng, (-_SHIFT, _SHIFT)) * side for side in (width, height)]
    bend = choose(rng, (0.0, 0.012)) * width if draws[2] < 0.3 else 0.0
    nodes = rng.standard_normal((2, 4, 5), dtype=np.float32)
    # What comes in from outside is black, and BACKGROUND, which both are 0.
    if draws[1] < 0.7:
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
        matrix[:, 2] += shift
        size, nearest = (width, height), cv2.INTER_NEAREST
        image = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR)
        mask = cv2.warpAffine(mask, matrix, size, flags=nearest)
    if bend:
        y, x = np.indices((height, width), np.float32)
        for axis, field in zip((x, y), nodes, strict=True):
            axis += np.float32(bend) * cv2.resize(
                field, (width, height), interpolation=cv2.INTER_CUBIC
            )
        image = cv2.remap(image, x, y, cv2.INTER_LINEAR)
        mask = cv2.remap(mask, x, y, cv2.INTER_NEAREST)
    return image, mask


def _tone(rng: np.random.Generator) -> np.ndarray:
    """A table of 256 gray levels; no level but 0 becomes 0."""
    levels = np.linspace(0, 1, 256)
    contrast, brightness = 1 + choose(rng, (-0.2, 0.2)), choose(rng, (-0.2, 0.2))
    gamma = choose(rng, (0.8, 1.2))
    levels = levels**gamma * contrast + 0.5 * brightness
    return np.round(255 * np.clip(levels, 1 / 255, 1)).astype(np.uint8)
