"""The camera: gas against its background, optics, noise, gain control, 8 bits.

Radiative transfer is that of a thin gas cloud before a background, in apparent
temperature: ``T = T_bg + (1 - tau) (T_gas - T_bg)`` with the transmittance
``tau = exp(-(k CL)^a)``. The contrast vanishes where gas and background are equally
warm and changes sign there.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from .hud import Hud, draw_hud, paint
from .parameters import DETECTOR_SHAPE, CameraParameters
from .scene import Scene, smooth_noise, unit_axes
from .seeding import choose

# Apparent temperature of the gray level 0, C: only differences matter.
_AMBIENT_CELSIUS = 22.0
# A stuck pixel, in std of the fixed pattern.
_DEAD = np.float32(60.0)


@dataclass(frozen=True)
class Exposure:
    """One camera's settings for a run."""

    camera: CameraParameters  #: of its band
    #: apparent temperature per displayed gray level, K; negative for black-hot display
    kelvin_per_gray: float
    gas_celsius: float  #: apparent temperature of the gas, C
    axis_ppm_m: float  #: column density on the axis of a steady jet, ppm m
    sign: int  #: +1 where gas shows brighter than its background, -1 where darker
    netd: float  #: white noise, K
    mottle: float  #: mottling, K
    blur: float  #: optics blur, std px
    quality: int  #: JPEG quality that stands for the video codec's
    hud: Hud  #: what the camera writes over the picture
    vignetting: float = 0.0  #: fall of the level towards the corners, gray levels


@dataclass(frozen=True)
class Drift:
    """What changes slowly from frame to frame of a clip."""

    mottle: np.ndarray  #: mottling of std 1 (240, 320)
    shimmer: np.ndarray  #: shimmer of the air of std 1 (240, 320)
    gain: float  #: deviation of the AGC's gain, in its std
    level: float  #: deviation of the AGC's level, in its std


def gas_contrast(
    column_ppm_m: np.ndarray,
    *,
    background: np.ndarray,
    gas: float,
    camera: CameraParameters,
) -> np.ndarray:
    """Change of apparent temperature by the gas, K, of the arrays' shape.

    Args:
        column_ppm_m: Column density, ppm m.
        background: Apparent temperature behind the gas, K (or C).
        gas: Temperature of the gas in the same unit.
        camera: Its ``k`` and ``line_exponent`` are used.
    """
    depth = (camera.k * column_ppm_m) ** camera.line_exponent
    return -np.expm1(-depth) * (gas - background)


def draw_exposure(
    rng: np.random.Generator, *, parameters: CameraParameters, scene: Scene
) -> Exposure:
    """Draw a run's camera settings for a scene."""
    p = parameters
    kelvin_per_gray = choose(rng, p.span_kelvin) / 255
    black = scene.style == 'near_black'
    contrast = choose(rng, p.contrast_black_gray if black else p.contrast_gray)
    low, high = np.log(p.gain)
    contrast *= math.exp(choose(rng, (low, high)))
    # Near white leaves no room above, near black none below.
    bright = rng.random() < p.bright_share and scene.style != 'near_white'
    sign = 1 if bright or black else -1
    warm = rng.random() < p.warm_share
    # White-hot display where a warmer gas is to show brighter.
    kelvin_per_gray *= 1 if warm == (sign > 0) else -1
    share = choose(rng, p.axis_emissivity)
    middle = float(np.median(scene.background))
    gas_gray = middle + sign * contrast / share
    heavy = rng.random() < p.heavy_share
    quality = choose(rng, p.heavy_quality if heavy else p.quality)
    return Exposure(
        camera=p,
        kelvin_per_gray=kelvin_per_gray,
        gas_celsius=_AMBIENT_CELSIUS + kelvin_per_gray * gas_gray,
        axis_ppm_m=(-math.log1p(-share)) ** (1 / p.line_exponent) / p.k,
        sign=sign,
        netd=choose(rng, p.netd_kelvin),
        mottle=choose(rng, p.mottle_kelvin),
        blur=choose(rng, p.blur),
        quality=round(quality),
        vignetting=choose(rng, p.vignetting),
        hud=draw_hud(rng, p),
    )


def contrast_gray(
    column: np.ndarray, *, scene: Scene, exposure: Exposure
) -> np.ndarray:
    """Displayed contrast of the gas, gray levels, before optics and noise.

    ``column`` is the column density, 1 on the axis of a steady jet.
    """
    change = gas_contrast(
        column * np.float32(exposure.axis_ppm_m),
        background=_AMBIENT_CELSIUS + exposure.kelvin_per_gray * scene.background,
        gas=exposure.gas_celsius,
        camera=exposure.camera,
    )
    return change / np.float32(exposure.kelvin_per_gray)


def draw_pattern(rng: np.random.Generator, *, dead_share: float = 0.0) -> np.ndarray:
    """A camera's fixed pattern, std 1, (240, 320); dead pixels stand far out."""
    pattern = rng.standard_normal(DETECTOR_SHAPE, dtype=np.float32)
    dead = rng.random(DETECTOR_SHAPE, dtype=np.float32) < dead_share
    pattern[dead] = _DEAD * np.sign(pattern[dead])
    return pattern


def draw_drifts(rng: np.random.Generator, frames: int) -> Iterator[Drift]:
    """The drifts of a clip's frames: fields that turn into others and back."""
    fields = [smooth_noise(rng, patch=patch) for patch in (6.0, 6.0, 24.0, 24.0)]
    rates = 0.05 + 0.05 * rng.random(4)
    phases = math.tau * rng.random(4)
    for number in range(frames):
        turn = rates * number + phases
        mottle, shimmer = (
            np.float32(math.cos(turn[i])) * fields[2 * i]
            + np.float32(math.sin(turn[i])) * fields[2 * i + 1]
            for i in range(2)
        )
        yield Drift(mottle, shimmer, math.sin(turn[2]), math.sin(turn[3]))


def expose(
    contrast: np.ndarray,
    *,
    scene: Scene,
    exposure: Exposure,
    pattern: np.ndarray,
    rng: np.random.Generator,
    factor: int,
    drift: Drift | None = None,
) -> np.ndarray:
    """Take a frame.

    Args:
        contrast: Of the gas, gray levels (240, 320).
        scene: Background and tube.
        exposure: The camera's settings.
        pattern: Its fixed pattern (240, 320).
        rng: For this frame's noise.
        factor: How many times the detector's size the frame has.
        drift: The slow part of the noise within a clip; drawn from ``rng`` if None.

    Returns:
        uint8 (240 * factor, 320 * factor).
    """
    p = exposure.camera
    gray = scene.background + contrast
    # Gas in front of the tube and the tube itself add up.
    gray += exposure.sign * scene.tube_gray
    if exposure.vignetting:
        x, y = unit_axes()
        fall = math.copysign(exposure.vignetting, exposure.kelvin_per_gray)
        gray -= np.float32(2 * fall) * (x**2 + y**2)
    gray = cv2.GaussianBlur(gray, (5, 5), exposure.blur)
    if scene.pose.mirrored:
        gray = cv2.flip(gray, 1)

    per_kelvin = 1 / abs(exposure.kelvin_per_gray)
    noise = np.float32(exposure.netd * per_kelvin)
    gray += noise * rng.standard_normal(DETECTOR_SHAPE, dtype=np.float32)
    gray += (noise * np.float32(p.fixed_pattern)) * pattern
    rows = rng.standard_normal((DETECTOR_SHAPE[0], 1), dtype=np.float32)
    gray += noise * np.float32(p.row_noise) * rows
    if drift is None:
        drift = Drift(
            mottle=smooth_noise(rng, patch=6.0),
            shimmer=smooth_noise(rng, patch=24.0),
            gain=rng.standard_normal(),
            level=rng.standard_normal(),
        )
    gray += np.float32(exposure.mottle * per_kelvin) * drift.mottle
    # Air between camera and scene shimmers.
    gray += np.float32(0.6) * drift.shimmer

    middle = np.float32(np.median(scene.background[::8, ::8]))
    gain = np.float32(1 + p.agc_gain_std * drift.gain)
    level = np.float32(p.agc_level_std * drift.level)
    gray = (gray - middle) * gain + (middle + level)
    if factor != 1:
        gray = cv2.resize(gray, None, fx=factor, fy=factor)
    image = cv2.convertScaleAbs(np.maximum(gray, 0))
    image = paint(image, exposure.hud, dark=bool(middle < 128))
    # The video codec's loss, by JPEG.
    options = [cv2.IMWRITE_JPEG_QUALITY, exposure.quality]
    coded = cv2.imencode('.jpg', image, options)[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    return decoded
