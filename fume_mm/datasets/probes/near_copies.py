"""Frames of two splits that are nearly the same picture.

Three steps, all on thumbnails of 64x48:

1. The *texture*: gray levels less their surroundings, divided by the local contrast.
   Brightness, contrast and gamma leave it as it is, black corners of a rotated copy
   are left out, and a camera's bright logo counts no more than the wall beside it.
2. A *signature* finds candidates: the texture's amplitude spectrum in polar coordinates
   (which a shift does not change), summed over mirror images and projected on the
   directions in which the campaign's frames differ while warped versions of the same
   frame do not (Fisher's discriminant, fitted on random warps of some frames).
3. The candidates are aligned (mirror, rotation and scale from the spectra, shift by
   cross-correlation, then ECC) and their textures correlated.

Alignment after Reddy and Chatterji (1996); ECC after Evangelidis and Psarakis (2008).
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from scipy import fft
from scipy.linalg import eigh

WIDTH, HEIGHT = 64, 48
#: Correlation from which two frames are one picture: as they lie or mirrored, and
#: aligned, which finds the best of many fits. docs/datasets.md has the measurement.
SAME_PICTURE, SAME_ALIGNED = 0.9, 0.85
#: Correlation as they lie from which two frames show the same scene.
SAME_SCENE = 0.7
#: Most candidates of a frame, and the least likeness of signatures to align them.
_CANDIDATES, _ALIKE = 3, 0.45
#: In place of the likeness of frames that are not to be compared.
_APART = np.float32(-2)
_DIMENSIONS = 32
#: Frames the signature is fitted on, and warps of each.
_FITTED, _WARPS = 250, 5
#: Gray levels of contrast that are noise; blurs in pixels of the thumbnail.
_FLOOR, _SURROUNDINGS, _SMOOTH = 1.5, 4.0, 0.7
#: The spectrum in polar coordinates: cycles across the padded thumbnail, and bins.
_PADDED, _LOW, _HIGH, _RADII, _ANGLES = 64, 1.5, 20.0, 20, 36
_STEP = np.log(_HIGH / _LOW) / (_RADII - 1)
#: Rotations (bins of 5 degrees) and scales (bins of 15 %) between two copies.
_TURNS = [(turn, zoom) for turn in range(-7, 8) for zoom in (-1, 0, 1)]
#: Fits that are tried, the least that ECC starts from, the least common area.
_FITS, _REFINED, _OVERLAP = 4, 0.5, 0.35
_SHIFT = (16, 20)
_SHAPE = (HEIGHT + _SHIFT[0], WIDTH + _SHIFT[1])
_BLOCK = 512


@dataclass(frozen=True)
class NearCopy:
    """Two frames that are alike.

    Attributes:
        frame: Row of the one.
        other: Row of the other, of another split.
        correlation: Of their textures, up to 1.
        same_picture: Nearly the same picture; False if the scene alone is the same.
    """

    frame: int
    other: int
    correlation: float
    same_picture: bool


@dataclass(frozen=True)
class Look:
    """What two thumbnails are compared by.

    Attributes:
        texture: (48, 64) float32, about -2 to 2.
        counts: (48, 64) float32, 0 in filled corners, else 1.
    """

    texture: np.ndarray
    counts: np.ndarray

    @cached_property
    def polar(self) -> np.ndarray:
        """:func:`polar_spectrum` of the texture: signature and alignment need it."""
        return polar_spectrum(self.texture)

    def warp(self, matrix: np.ndarray, flags: int = cv2.INTER_LINEAR) -> 'Look':
        """Moved by an affine matrix (2, 3)."""
        size = (WIDTH, HEIGHT)
        parts = (self.texture, self.counts)
        return Look(
            *(cv2.warpAffine(part, matrix, size, flags=flags) for part in parts)
        )

    def mirror(self) -> 'Look':
        """Left and right swapped."""
        return Look(cv2.flip(self.texture, 1), cv2.flip(self.counts, 1))


def thumbnail(gray: np.ndarray) -> np.ndarray:
    """(48, 64) uint8 of a frame (H, W) uint8."""
    return cv2.resize(gray, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def look_at(thumb: np.ndarray) -> Look:
    """The texture of a thumbnail (48, 64) of gray levels, of which 0 is filled."""

    def blur(values: np.ndarray, sigma: float) -> np.ndarray:
        return cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)

    gray = thumb.astype(np.float32)
    counts = cv2.erode((gray > 0).astype(np.float32), np.ones((3, 3)))
    around = blur(counts, _SURROUNDINGS) + 1e-3
    less = (gray - blur(gray * counts, _SURROUNDINGS) / around) * counts
    less = blur(less, _SMOOTH)
    contrast = np.sqrt(blur(less * less, _SURROUNDINGS) / around)
    return Look(less / (contrast + _FLOOR) * counts, counts)


def correlation(first: Look, second: Look) -> float:
    """Of two textures where both count; -1 where that is too little."""
    weight = first.counts * second.counts
    area = weight.sum()
    if area < _OVERLAP * weight.size:
        return -1.0
    a, b = first.texture, second.texture
    a = (a - (a * weight).sum() / area) * weight
    b = (b - (b * weight).sum() / area) * weight
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))


def polar_spectrum(texture: np.ndarray) -> np.ndarray:
    """Log amplitudes of a texture (48, 64) by radius and angle, (20, 36) float32."""
    padded = np.zeros((_PADDED, _PADDED), np.float32)
    padded[:HEIGHT, :WIDTH] = texture * _WINDOW
    amplitudes = np.log1p(np.abs(fft.fft2(padded)))
    wrapped = cv2.copyMakeBorder(amplitudes, 0, 1, 0, 1, cv2.BORDER_WRAP)
    return cv2.remap(wrapped, *_POLAR, cv2.INTER_LINEAR)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    angles = np.pi * np.arange(_ANGLES) / _ANGLES
    radii = (_LOW * np.exp(_STEP * np.arange(_RADII)))[:, None]
    x, y = radii * np.cos(angles) % _PADDED, radii * np.sin(angles) % _PADDED
    return x.astype(np.float32), y.astype(np.float32)


_POLAR = _grid()
#: Where, in a polar spectrum, each turn finds the radii of another (but the outermost).
_TURNED = np.stack(
    [
        np.roll(np.arange(_RADII * _ANGLES).reshape(_RADII, _ANGLES), turn, axis=1)[
            1 + zoom : _RADII - 1 + zoom
        ].ravel()
        for turn, zoom in _TURNS
    ]
)
_WINDOW = np.sqrt(
    np.outer(np.hanning(HEIGHT + 2)[1:-1], np.hanning(WIDTH + 2)[1:-1])
).astype(np.float32)


def _mirrored(polar: np.ndarray) -> np.ndarray:
    """The polar spectrum of the mirror image: angle a becomes 180 degrees - a."""
    return np.roll(polar[:, ::-1], 1, axis=1)


def _features(polar: np.ndarray) -> np.ndarray:
    """A polar spectrum without what a mirror image changes, (380,)."""
    both = polar + _mirrored(polar)
    wrapped = cv2.copyMakeBorder(both, 0, 0, 4, 4, cv2.BORDER_WRAP)
    # of the angles, the second half repeats the first
    return cv2.GaussianBlur(wrapped, (0, 0), 1.0)[:, 4 : 5 + _ANGLES // 2].ravel()


def _warped(thumb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A thumbnail as the owners' augmentations change a frame, and then some."""
    if rng.random() < 0.5:
        thumb = cv2.flip(thumb, 1)
    matrix = _turn(rng.uniform(-15, 15), 1 + rng.uniform(-0.1, 0.1))
    matrix[:, 2] += rng.uniform(-0.1, 0.1, 2) * (WIDTH, HEIGHT)
    turned = cv2.warpAffine(thumb.astype(np.float32), matrix, (WIDTH, HEIGHT))
    light = (turned / 255) ** rng.uniform(0.8, 1.2) * (1 + rng.uniform(-0.2, 0.2))
    light = 255 * np.clip(light + rng.uniform(-0.1, 0.1), 1 / 255, 1)
    return np.where(turned > 0, light, 0)


def _turn(degrees: float, scale: float) -> np.ndarray:
    return cv2.getRotationMatrix2D(((WIDTH - 1) / 2, (HEIGHT - 1) / 2), degrees, scale)


def _projection(
    thumbs: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the features and the directions that tell frames apart."""
    some = rng.permutation(len(thumbs))[:_FITTED]
    features = np.array(
        [
            [_features(look_at(_warped(thumbs[row], rng)).polar) for _ in range(_WARPS)]
            for row in some
        ]
    )
    of_frame = features.mean(axis=1)
    mean = of_frame.mean(axis=0)
    within = (features - of_frame[:, None]).reshape(-1, len(mean))
    scatter = within.T @ within / len(within)
    scatter += 0.1 * np.trace(scatter) / len(scatter) * np.eye(len(scatter))
    between = (of_frame - mean).T @ (of_frame - mean) / len(of_frame)
    last = len(mean) - 1
    _, directions = eigh(between, scatter, subset_by_index=(last - _DIMENSIONS, last))
    return mean, directions


def aligned_correlation(first: Look, second: Look) -> float:
    """Correlation of two textures, the first moved to lie on the second."""
    polar = first.polar - first.polar.mean(axis=1, keepdims=True)
    known = second.polar[1:-1]
    known = (known - known.mean(axis=1, keepdims=True)).ravel()
    turned = np.concatenate([of.ravel()[_TURNED] for of in (polar, _mirrored(polar))])
    alike = turned @ known / (np.linalg.norm(turned, axis=1) + 1e-9)
    target = fft.rfft2(second.texture, _SHAPE)
    best, how = -1.0, None
    for number in np.argsort(-alike)[:_FITS]:
        moved = first.mirror() if number >= len(_TURNS) else first
        turn, zoom = _TURNS[number % len(_TURNS)]
        matrix = _turn(-180 / _ANGLES * turn, np.exp(zoom * _STEP))
        spectrum = fft.rfft2(moved.warp(matrix).texture, _SHAPE)
        surface = fft.irfft2(target * np.conj(spectrum), _SHAPE)
        surface = np.roll(surface, _SHIFT, axis=(0, 1))
        surface = surface[: 2 * _SHIFT[0] + 1, : 2 * _SHIFT[1] + 1]
        y, x = np.unravel_index(surface.argmax(), surface.shape)
        matrix[:, 2] += (x - _SHIFT[1], y - _SHIFT[0])
        found = correlation(moved.warp(matrix), second)
        if found > best:
            best, how = found, (moved, cv2.invertAffineTransform(matrix))
    if how is None or best < _REFINED:
        return best
    moved, back = how
    try:
        _, back = cv2.findTransformECC(
            second.texture,
            moved.texture,
            back.astype(np.float32),
            cv2.MOTION_AFFINE,
            (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-4),
            moved.counts.astype(np.uint8),
            3,
        )
    except cv2.error:  # it found no better fit
        return best
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return max(best, correlation(moved.warp(back, flags), second))


def find_near_copies(
    thumbs: np.ndarray,
    splits: np.ndarray,
    digests: np.ndarray,
    *,
    seed: int = 0,
) -> list[NearCopy]:
    """The frames that are nearly one of another split.

    Each frame of all but the largest split is held against the frames of the other
    splits that have the most similar signatures. Work grows with the frames, but for
    products of matrices that grow with their square: 1,600 multiplications a pair.

    Args:
        thumbs: (N, 48, 64) uint8.
        splits: (N,), the split of each.
        digests: (N,), equal where the pixels are; such pairs are left out.
        seed: Of the frames and warps that the signature is fitted on.

    Returns:
        For each frame that has any, its likest other.
    """
    names, firsts, numbers, sizes = np.unique(
        splits, return_index=True, return_inverse=True, return_counts=True
    )
    if len(names) < 2:
        return []
    same = np.unique(digests, return_inverse=True)[1]
    looks = [look_at(thumb) for thumb in thumbs]
    mean, directions = _projection(thumbs, np.random.default_rng(seed))
    features = np.array([_features(look.polar) for look in looks])
    signatures = ((features - mean) @ directions).astype(np.float32)
    signatures /= np.linalg.norm(signatures, axis=1, keepdims=True) + 1e-9
    coarse = _coarse(looks)
    mirrored = _coarse([look.mirror() for look in looks])
    largest = np.lexsort((firsts, -sizes))[0]  # the first of several
    queries = np.flatnonzero(numbers != largest)
    found = []
    for start in range(0, len(queries), _BLOCK):
        rows = queries[start : start + _BLOCK]
        apart = numbers[rows][:, None] == numbers
        apart |= same[rows][:, None] == same
        alike = np.where(apart, _APART, signatures[rows] @ signatures.T)
        lying = np.maximum(coarse[rows] @ coarse.T, mirrored[rows] @ coarse.T)
        likest = np.where(apart, _APART, lying).argmax(axis=1)
        most = min(_CANDIDATES, alike.shape[1] - 1)
        nearest = np.argpartition(-alike, most, axis=1)[:, :most]
        for number, row in enumerate(rows.tolist()):
            likeness = {int(k): float(alike[number, k]) for k in nearest[number]}
            order = sorted(likeness, key=likeness.__getitem__, reverse=True)
            likely = [k for k in order if likeness[k] >= _ALIKE]
            first = [int(likest[number])] * (not apart[number].all())
            if copy := _compare(looks, row, first + likely, likely):
                found.append(copy)
    return found


def _coarse(looks: list[Look]) -> np.ndarray:
    """Textures at half their size as unit vectors, (N, 768) float32."""
    size = (WIDTH // 2, HEIGHT // 2)
    flat = np.array(
        [cv2.resize(x.texture, size, interpolation=cv2.INTER_AREA) for x in looks]
    ).reshape(len(looks), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9)


def _compare(
    looks: list[Look], row: int, others: list[int], likely: list[int]
) -> NearCopy | None:
    """The frame's copy among the others, else one of its scene, else None.

    Only those that are ``likely`` copies are aligned, which takes milliseconds.
    """
    if not others:
        return None
    own = looks[row]
    poses = (own, own.mirror())
    plain = [max(correlation(pose, looks[k]) for pose in poses) for k in others]
    best = int(np.argmax(plain))
    if plain[best] >= SAME_PICTURE:
        return NearCopy(row, others[best], plain[best], same_picture=True)
    for other in likely:
        if (aligned := aligned_correlation(own, looks[other])) >= SAME_ALIGNED:
            return NearCopy(row, other, aligned, same_picture=True)
    if plain[best] >= SAME_SCENE:
        return NearCopy(row, others[best], plain[best], same_picture=False)
    return None
