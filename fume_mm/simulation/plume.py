"""A vent's plume: puffs of a starting jet, and the column density they sum to.

Puffs leave the tip while the valve is open and slow down as a jet entrains air,
``v = v0 / (1 + s / s0)``, so that their distance after an age ``a`` is
``s = s0 (sqrt(1 + 2 v0 a / s0) - 1)``: the square-root-of-time front of a starting
jet. Their std grows linearly with the distance, with ``s0 = tip_sigma / growth``, for
which the column density along the axis of a steady jet is constant. Eddies come as a
displacement field that is random in log-polar coordinates about the tip: conformal,
so eddies are round, and their size is proportional to the distance from the tip.
"""

import functools
import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from fume_mm.structures import GASES

from .parameters import DETECTOR_SHAPE, PlumeParameters
from .seeding import choose

_TEXTURE = 1024  # side of the eddy texture, texels
_TEXELS_PER_UNIT = 110.0  # texels per unit of log distance, and per radian
# The share of the puffs that make up the head of the jet.
_HEAD = 0.18
# Distance over which a jet widens from its opening, px.
_NECK_LENGTH = 12.0
# A flung eddy: puffs in place of one, and their std relative to it.
_FINGER_STEPS = 8
_FINGER_STD = 0.5
# Size of the small eddies relative to the others'.
_CRINKLE = 1 / 3
# Puffs over which pulsation and direction stay alike.
_MEMORY = 6


@dataclass(frozen=True)
class Style:
    """What both cameras see alike during a run (units as PlumeParameters)."""

    scale: float
    growth: float
    laminar: float
    angle_noise: float
    meander: float
    fall: float
    draught: tuple[float, float]
    eddy: float
    filament: float
    roll_up: float
    buoyancy: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(GASES, 0.0)
    )
    trickle: bool = False
    neck: float = 1.0
    crinkle: float = 0.0


@dataclass(frozen=True)
class Vent:
    """One burst at the time of its frame."""

    log_release: float  #: log of the volume over the gas's reference volume
    phase: float  #: time since the valve opened, in open times; 0 before it opens
    tip: tuple[float, float]  #: x and y of the tube's tip, px
    angle: float  #: direction of the tube, radians, positive downwards
    fall: float = 0.0  #: fall of this gas on its own, px/frame^2
    #: the phase at which the eddies stand as drawn; they move with the jet from there.
    #: None: the phase of the frame
    eddy_phase: float | None = None


def draw_style(rng: np.random.Generator, parameters: PlumeParameters) -> Style:
    """Draw what a run's plumes have in common."""
    p = parameters
    laminar = choose(rng, p.laminar)
    return Style(
        laminar=laminar if rng.random() < p.laminar_share else 0.0,
        scale=choose(rng, p.scale),
        growth=choose(rng, p.growth),
        angle_noise=math.radians(choose(rng, p.angle_noise)),
        meander=math.radians(choose(rng, p.meander)),
        fall=choose(rng, p.fall),
        draught=(choose(rng, p.draught), choose(rng, p.draught)),
        eddy=choose(rng, p.eddy),
        filament=choose(rng, p.filament),
        roll_up=choose(rng, p.roll_up),
        buoyancy={gas: choose(rng, p.buoyancy[gas]) for gas in GASES},
        trickle=bool(rng.random() < p.trickle_share),
        neck=choose(rng, p.neck),
        crinkle=choose(rng, p.crinkle),
    )


def draw_phase(rng: np.random.Generator, parameters: PlumeParameters) -> float:
    """When the frame is taken, in valve-open times; 0: before the valve opens."""
    draw, phase = rng.random(), rng.random()
    if draw < parameters.idle_share:
        return 0.0
    closed = draw < parameters.idle_share + parameters.closed_share
    low, high = parameters.closed_phase if closed else parameters.phase
    return float(low + (high - low) * phase)


def open_time(log_release: float, parameters: PlumeParameters) -> float:
    """Frames for which the valve stays open."""
    return parameters.open_time * math.exp(parameters.time_exponent * log_release)


@dataclass(frozen=True)
class Jet:
    """How far the puffs of a jet get."""

    velocity: float  #: at the tip, px/frame
    s0: float  #: distance over which the velocity halves, px
    laminar: float = 0.0  #: length of the first part, px, where nothing slows down

    def travelled(self, age: np.ndarray) -> np.ndarray:
        """Distance of a puff from the tip, px, ``age`` frames after it left."""
        free = np.minimum(age, self.laminar / self.velocity)
        root = np.sqrt(1 + 2 * self.velocity * (age - free) / self.s0)
        return self.velocity * free + self.s0 * (root - 1)

    def age(self, s: np.ndarray) -> np.ndarray:
        """Inverse of :meth:`travelled`."""
        slowed = 1 + np.maximum(s - self.laminar, 0) / self.s0
        straight = np.minimum(s, self.laminar)
        return (straight + self.s0 / 2 * (slowed**2 - 1)) / self.velocity

    def reach(self, s: np.ndarray) -> np.ndarray:
        """Distance in jet widths: linear in the laminar part, then logarithmic."""
        beyond = np.log1p(np.maximum(s - self.laminar, 0) / self.s0)
        return np.minimum(s, self.laminar) / self.s0 + beyond

    def distance(self, reach: np.ndarray) -> np.ndarray:
        """Inverse of :meth:`reach`."""
        straight = np.minimum(reach, self.laminar / self.s0)
        return self.s0 * (straight + np.expm1(reach - straight))


def column_density(
    vent: Vent, *, style: Style, parameters: PlumeParameters, rng: np.random.Generator
) -> np.ndarray:
    """Column density of a vent, 1 on the axis of a steady jet.

    Returns:
        float32 of :data:`DETECTOR_SHAPE`; all zero before the valve opens.
    """
    p = parameters
    # Running means over _MEMORY draws, with the variance of single draws.
    draws = rng.standard_normal((3, p.puffs + _MEMORY - 1))
    sums = np.cumsum(np.pad(draws, ((0, 0), (1, 0))), axis=1)
    draws = (sums[:, _MEMORY:] - sums[:, :-_MEMORY]) / math.sqrt(_MEMORY)
    swing_phases = rng.random(2) * 2 * math.pi
    shifts = rng.random(2) * _TEXTURE
    gust = rng.standard_normal(2)
    if vent.phase <= 0:
        return np.zeros(DETECTOR_SHAPE, np.float32)

    duration = open_time(vent.log_release, p)
    velocity = p.exit_velocity * math.exp(p.velocity_exponent * vent.log_release)
    s0 = p.tip_sigma / style.growth
    now = vent.phase * duration
    length = float(Jet(velocity, s0).travelled(np.array(duration)))
    laminar = style.laminar * length
    jet = Jet(velocity, s0, laminar)

    # Puffs stand a constant share of their own size apart, from the oldest (the head)
    # to the one that left when the valve closed, or just now.
    ages = np.array([now, max(now - duration, 0.0)])
    ends = jet.reach(jet.travelled(ages))
    s = jet.distance(np.linspace(ends[0], ends[1], p.puffs + 1))
    age = jet.age(s)
    emission = -np.diff(age)
    s, age = (s[1:] + s[:-1]) / 2, (age[1:] + age[:-1]) / 2
    turbulent = np.maximum(s - laminar, 0)
    # A jet is as narrow as the opening that it leaves, and dense there.
    neck = 1 - (1 - style.neck) * np.exp(-s / _NECK_LENGTH)
    sigma = p.tip_sigma * neck + style.growth * turbulent
    # Normalised so that the axis of a steady jet has column 1.
    mass = emission * velocity * p.tip_sigma * math.sqrt(math.tau)
    mass *= np.maximum(1 + p.pulsation * draws[0], 0.1)

    u = (now - age) / duration
    swing = np.sin(math.tau * 0.8 * u + swing_phases[0])
    swing += 0.6 * np.sin(math.tau * 2.3 * u + swing_phases[1])
    across = turbulent * (style.meander * swing + style.angle_noise * draws[1])
    # The head of a starting jet is a vortex ring, seen from its side as two lobes.
    head = np.clip(1 - u / _HEAD, 0, 1)
    across += style.roll_up * head * turbulent * np.sign(draws[2])
    along = s - 0.6 * style.roll_up * head * turbulent
    sigma = sigma * (1 + 0.25 * head)
    puffs = np.stack([along, across, sigma, mass, age])
    if rng.random() < p.finger_share:
        puffs = _fling(puffs, turbulent, rng=rng, limits=p.finger_reach)
    along, across, sigma, mass, age = puffs

    cos, sin = math.cos(vent.angle), math.sin(vent.angle)
    drift = np.add(style.draught, 0.25 * gust)
    x = along * cos - across * sin + drift[0] * age
    fall = style.fall + vent.fall
    y = along * sin + across * cos + drift[1] * age + 0.5 * fall * age**2
    column = splat(vent, style, x, y, sigma, mass)
    return _stir(column, vent=vent, style=style, laminar=laminar, shifts=shifts)


def _fling(
    puffs: np.ndarray,
    turbulent: np.ndarray,
    *,
    rng: np.random.Generator,
    limits: tuple[float, float],
) -> np.ndarray:
    """Draw some neighbouring puffs out sideways, into a finger.

    Args:
        puffs: Distance along and across the jet, std, mass and age of each.
        turbulent: Distance that each has travelled in the turbulent jet, px.
        rng: What the finger is drawn from.
        limits: How far it reaches, relative to that distance.

    Returns:
        ``puffs`` with less mass where the finger stands, and the finger's behind them.
    """
    count = puffs.shape[1]
    first = int(rng.integers(0, round(0.75 * count)))
    root = slice(first, first + int(rng.integers(4, 11)))
    reach = choose(rng, limits) * (1 if rng.random() < 0.5 else -1)
    lean, share = choose(rng, (-0.4, 0.4)), choose(rng, (0.1, 0.7))
    steps = np.linspace(0.25, 1.0, _FINGER_STEPS)[:, None]
    weights = rng.dirichlet(np.full(_FINGER_STEPS, 2.0))[:, None]

    along, across, sigma, mass, age = puffs[:, root]
    aside = reach * steps * turbulent[root]
    finger = np.stack(
        np.broadcast_arrays(
            along + lean * np.abs(aside),
            across + aside,
            _FINGER_STD * sigma,
            share * weights * mass,
            age,
        )
    )
    left = puffs.copy()
    left[3, root] *= 1 - share
    return np.concatenate([left, finger.reshape(len(puffs), -1)], axis=1)


def splat(vent: Vent, style: Style, *puffs: np.ndarray) -> np.ndarray:
    """Sum of round Gaussians, (240, 320), as one matrix product of their two factors.

    Args:
        vent: From whose tip the places count.
        style: Its ``scale`` magnifies all lengths.
        *puffs: x, y, std (px) and mass of each Gaussian, of one shape.
    """
    x, y, sigma, mass = (values.ravel() for values in puffs)
    x, y = vent.tip[0] + style.scale * x, vent.tip[1] + style.scale * y
    sigma, mass = style.scale * sigma, style.scale**2 * mass
    height, width = DETECTOR_SHAPE
    inverse = (1 / (math.sqrt(2) * sigma)).astype(np.float32)[:, None]
    rows = np.arange(height, dtype=np.float32) - y.astype(np.float32)[:, None]
    columns = np.arange(width, dtype=np.float32) - x.astype(np.float32)[:, None]
    weight = (mass / (math.tau * sigma**2)).astype(np.float32)[:, None]
    return (weight * np.exp(-np.square(rows * inverse))).T @ np.exp(
        -np.square(columns * inverse)
    )


def _stir(
    column: np.ndarray, *, vent: Vent, style: Style, laminar: float, shifts: np.ndarray
) -> np.ndarray:
    """Displace the column density by eddies and streak it with filaments."""
    grid_y, grid_x = np.indices(DETECTOR_SHAPE, np.float32)
    dx, dy = grid_x - np.float32(vent.tip[0]), grid_y - np.float32(vent.tip[1])
    # Seen from the tip, angles are counted from the tube's back, so that the cut
    # between 0 and 2 pi lies where no gas is.
    distance, angle = cv2.cartToPolar(-dx, -dy)
    # A soft origin: texels must not get finer than the detector's pixels.
    u = cv2.log(distance + np.float32(12 * style.scale))
    # The jet's front goes as the root of time, so eddies that grow with it move by
    # half the log of the time.
    moved = np.zeros(2)
    if vent.eddy_phase is not None:
        moved[0] = 0.5 * math.log(vent.phase / vent.eddy_phase)
    texels = _TEXELS_PER_UNIT
    eddies = _eddies(u, angle, shifts=shifts - moved * texels, texels=texels)
    if style.crinkle:
        texels /= _CRINKLE
        # Another place of the texture, so that the small eddies are not the large ones.
        fine = _eddies(u, angle, shifts=shifts[::-1] - moved * texels, texels=texels)
        eddies[..., :2] += np.float32(style.crinkle * _CRINKLE) * fine[..., :2]
    reach = np.maximum(distance - np.float32(style.scale * laminar), 0)
    # The shear layer needs some way before it breaks down.
    reach *= np.float32(style.eddy) * reach / (reach + np.float32(30 * style.scale))
    stirred = cv2.remap(
        column,
        grid_x + reach * eddies[..., 0],
        grid_y + reach * eddies[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    filaments = 1 + np.float32(style.filament) * eddies[..., 2]
    return stirred * np.maximum(filaments, np.float32(0.1))


def _eddies(
    u: np.ndarray, angle: np.ndarray, *, shifts: np.ndarray, texels: float
) -> np.ndarray:
    """The eddy texture at log distance and angle, float32 (240, 320, 3)."""
    return cv2.remap(
        _eddy_texture(),
        u * np.float32(texels) + np.float32(shifts[0]),
        angle * np.float32(texels) + np.float32(shifts[1]),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )


@functools.cache
def _eddy_texture() -> np.ndarray:
    """Periodic noise (1024, 1024, 3), mean 0 and std 1: two shifts and filaments.

    The shifts follow a steep spectrum (large eddies carry the energy, wavelengths from
    0.55 units of log distance down), the filaments a flatter one. Frames take it at
    random offsets; it is the same for every campaign.
    """
    rng = np.random.default_rng(20240607)
    frequency = np.fft.fftfreq(_TEXTURE)[:, None] ** 2
    frequency = np.sqrt(frequency + np.fft.rfftfreq(_TEXTURE)[None] ** 2)
    channels = []
    for slope, longest in ((2.6, 60.0), (2.6, 60.0), (2.0, 50.0)):
        cut = 1 / longest
        amplitude = np.maximum(frequency, cut) ** -slope
        amplitude *= 1 - np.exp(-((frequency / cut) ** 4))  # nothing larger
        amplitude *= np.exp(-((frequency * 7) ** 2))  # nothing finer than 7 texels
        white = np.fft.rfft2(rng.standard_normal((_TEXTURE, _TEXTURE)))
        noise = np.fft.irfft2(white * amplitude, s=(_TEXTURE, _TEXTURE))
        channels.append((noise - noise.mean()) / noise.std())
    return np.ascontiguousarray(np.stack(channels, axis=-1), dtype=np.float32)
