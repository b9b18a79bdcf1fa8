"""What a camera sees without gas: background, warm band, reflection, tube.

All of it is drawn with the tube at the left edge and mirrored with the gas for a tube
at the right one. Levels are gray levels of the displayed frame; the camera turns them
into apparent temperatures.
"""

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np

from .parameters import DETECTOR_SHAPE, SceneParameters
from .seeding import choose

HEIGHT, WIDTH = DETECTOR_SHAPE


@dataclass(frozen=True)
class Pose:
    """Where the tube is."""

    tip: tuple[float, float]  #: x and y of the tube's tip, px
    angle: float  #: its direction, radians, positive downwards
    height: float  #: its outer diameter, px
    visible: bool  #: False where the tube ends outside the view
    mirrored: bool  #: True for a tube at the right edge
    collar: float = 0.0  #: length of a wider part at the edge of the view, px


@dataclass(frozen=True)
class Scene:
    """A run's scene before one camera."""

    style: str  #: key of ``SceneParameters.levels``
    background: np.ndarray  #: gray levels without gas and tube, float32 (240, 320)
    pose: Pose  #: where the tube is
    #: signed distance to the tube's outline, px, negative inside
    tube_distance: np.ndarray
    #: how much the tube differs from its background, gray levels, over the tube (240,
    #: 320), without sign
    tube_gray: np.ndarray


def draw_scene(
    rng: np.random.Generator, *, parameters: SceneParameters, scale: float
) -> Scene:
    """Draw a run's scene; ``scale`` is the magnification of the run."""
    names = list(parameters.levels)
    shares = [parameters.levels[name][0] for name in names]
    style = names[int(rng.choice(len(names), p=np.asarray(shares) / sum(shares)))]
    background = _background(rng, parameters, style)
    pose = _pose(rng, parameters, scale)
    distance = _tube_distance(pose)
    black = style == 'near_black'
    tube_gray = _tube_gray(rng, parameters, distance, black=black)
    return Scene(
        style=style,
        background=_clutter(rng, parameters, background, black=black),
        pose=pose,
        tube_distance=distance,
        tube_gray=tube_gray,
    )


def smooth_noise(
    rng: np.random.Generator, *, patch: float, shape: tuple[int, int] = DETECTOR_SHAPE
) -> np.ndarray:
    """Noise of std about 1 with patches of about ``patch`` px, float32 ``shape``."""
    rows, columns = (math.ceil(side / patch) + 3 for side in shape)
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    # Bicubic weights between nodes average to a variance of 0.6.
    fine = cv2.resize(
        coarse * np.float32(1.28),
        (int(columns * patch) + 1, int(rows * patch) + 1),
        interpolation=cv2.INTER_CUBIC,
    )
    top, left = (int(value * patch) for value in rng.random(2))
    return fine[top : top + shape[0], left : left + shape[1]]


@functools.cache
def unit_axes() -> tuple[np.ndarray, np.ndarray]:
    """Coordinates from -0.5 to 0.5, float32: x of (1, 320), y of (240, 1)."""
    x = np.linspace(-0.5, 0.5, WIDTH, dtype=np.float32)[None]
    return x, np.linspace(-0.5, 0.5, HEIGHT, dtype=np.float32)[:, None]


def _background(rng: np.random.Generator, p: SceneParameters, style: str) -> np.ndarray:
    x, y = unit_axes()
    level = choose(rng, p.levels[style][1])
    # Near black, a gradient of tens of gray levels would clip.
    depth = min(1.0, level / 60)
    tilt_x = choose(rng, p.gradient_x) * depth
    tilt_y = choose(rng, p.gradient_y) * depth
    bowl = float(rng.normal(0, 6)) * depth
    image = level + tilt_x * x + tilt_y * y + bowl * (4 * (x**2 + y**2) - 0.67)

    width, warm = choose(rng, p.band_width), choose(rng, p.band_gray)
    edge = float(rng.uniform(0.25, 0.6)) * width
    lean = float(rng.normal(0, 0.12))
    if rng.random() < p.band_share:
        position = (x + 0.5) * WIDTH + lean * y * HEIGHT
        beyond = np.minimum((position - width) / edge * 2, 80.0)  # exp would overflow
        image = image + warm * depth / (1 + np.exp(beyond))
    reach, glow = choose(rng, p.glow_width), choose(rng, p.glow_gray)
    if rng.random() < p.glow_share and style == 'near_black':
        image = image + glow * np.exp(-(((x + 0.5) * WIDTH / reach) ** 2))

    blotch = choose(rng, p.blotch_gray) * max(depth, 0.4)
    large = smooth_noise(rng, patch=float(rng.uniform(28, 50)))
    small = smooth_noise(rng, patch=float(rng.uniform(12, 22)))
    image = image + blotch * (0.85 * large + 0.5 * small)
    streaks = smooth_noise(rng, patch=7.0, shape=(1, WIDTH))
    image = image + choose(rng, p.streak_gray) * streaks

    radius, bright = choose(rng, p.reflection_radius), choose(rng, p.reflection_gray)
    spot = rng.random(2)
    if rng.random() < p.reflection_share:
        rx = x * WIDTH - (spot[0] - 0.5) * 0.8 * WIDTH
        ry = y * HEIGHT - (spot[1] - 0.5) * 0.8 * HEIGHT
        ring = np.sqrt(rx**2 + ry**2) - radius
        image = image + bright * depth / (1 + np.exp(ring / 2.5))
    return image.astype(np.float32)


def _clutter(
    rng: np.random.Generator, p: SceneParameters, background: np.ndarray, *, black: bool
) -> np.ndarray:
    """Perhaps another object that stands into the view from above or below."""
    draws = rng.random(6)
    gray = choose(rng, p.clutter_black_gray if black else p.clutter_gray)
    if draws[0] >= p.clutter_share:
        return background
    x = 0.95 * draws[1] * WIDTH
    half_width = (0.02 + 0.06 * draws[2]) * WIDTH
    depth = (0.05 + 0.17 * draws[3]) * HEIGHT
    lean = 0.6 * (draws[4] - 0.5) * depth
    corners = [
        (x - half_width, -5),
        (x + half_width, -5),
        (x + 0.8 * half_width + lean, depth),
        (x - 0.8 * half_width + lean, depth),
    ]
    shape = np.zeros(DETECTOR_SHAPE, np.float32)
    cv2.fillPoly(shape, [np.round(corners).astype(np.int32)], 1.0)
    if draws[5] < 0.6:
        shape = shape[::-1].copy()
    return background + np.float32(gray) * cv2.GaussianBlur(shape, (0, 0), 1.5)


def _pose(rng: np.random.Generator, p: SceneParameters, scale: float) -> Pose:
    length = choose(rng, p.tube_length) * scale
    length = min(max(length, 7.5), 1.06 * p.tube_length[1])
    height = min(max(choose(rng, p.tube_height) * scale, 6.0), 21.0)
    angle = math.radians(choose(rng, p.tube_slope))
    tip_y = choose(rng, p.tube_y) * HEIGHT
    mirrored = bool(rng.random() < 0.5)
    visible = bool(rng.random() >= p.no_tube_share)
    if not visible:
        length = -height
    collar = choose(rng, (0.2, 0.6)) * length
    if rng.random() >= p.collar_share or not visible:
        collar = 0.0
    tip = (length * math.cos(angle), tip_y)
    return Pose(tip, angle, height, visible, mirrored, collar)


def _tube_distance(pose: Pose) -> np.ndarray:
    """Signed distance to the stub from beyond the left edge to the tip."""
    if not pose.visible:
        return np.full(DETECTOR_SHAPE, 1e3, np.float32)
    x, y = unit_axes()
    dx = x * (WIDTH - 1) + (WIDTH - 1) / 2 - pose.tip[0]
    dy = y * (HEIGHT - 1) + (HEIGHT - 1) / 2 - pose.tip[1]
    cos, sin = math.cos(pose.angle), math.sin(pose.angle)
    along, across = dx * cos + dy * sin, np.abs(dy * cos - dx * sin)
    distance = _rounded(along, across, height=pose.height)
    if pose.collar:
        length = pose.tip[0] / cos
        behind = along + (length - pose.collar)
        collar = _rounded(behind, across, height=1.5 * pose.height)
        distance = np.minimum(distance, collar)
    return distance.astype(np.float32)


def _rounded(along: np.ndarray, across: np.ndarray, *, height: float) -> np.ndarray:
    """Signed distance to a bar that ends, rounded, where ``along`` is 0."""
    radius = 0.2 * height
    outside_along = along + radius
    outside_across = across - (height / 2 - radius)
    corner = np.hypot(np.maximum(outside_along, 0), np.maximum(outside_across, 0))
    inside = np.minimum(np.maximum(outside_along, outside_across), 0)
    return corner + inside - radius


def _tube_gray(
    rng: np.random.Generator, p: SceneParameters, distance: np.ndarray, *, black: bool
) -> np.ndarray:
    gray = choose(rng, p.tube_black_gray if black else p.tube_gray)
    ribbed, phase = rng.random() < p.rib_share, rng.random()
    period, depth = rng.uniform(4, 7), choose(rng, p.rib_depth)
    cover = np.clip(0.5 - distance, 0, 1)
    strength, reach = choose(rng, p.tube_halo), choose(rng, p.halo_reach)
    halo = strength * np.exp(-np.maximum(distance, 0) / reach)
    patches = smooth_noise(rng, patch=4.0)
    if ribbed:
        x, _ = unit_axes()
        wave = np.sin(math.tau * (x * WIDTH / period + phase))
        cover = cover * (1 + depth * np.clip(0.6 * wave + 0.4 * patches, -1, 1))
    return (gray * np.maximum(cover, halo)).astype(np.float32)
