"""A steady, slow flow: a laminar thread that leaves the tube and bends down or up.

At 10 to 100 standard cm3 per minute there is no jet: the gas keeps little of its exit
velocity and soon moves with its buoyancy. CO2 falls, CH4 rises.
"""

import math

import numpy as np

from .parameters import PlumeParameters
from .plume import Style, Vent, splat
from .seeding import choose

_PUFFS = 220
# A laminar thread has a flat top and sharp flanks [measured: 10 to 90 % over 4 to 6 px
# of the detector]: filaments side by side, in std of the thread, and their own std.
_FILAMENTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
_FILAMENT_STD = 0.6
# Around it gas has mixed with the air: one more filament, so many std wide.
_SKIRT_STD = 2.5


def flow_sccm(log_release: float, parameters: PlumeParameters) -> float:
    """Flow for a log release, within the limits, standard cm3 per minute."""
    low, high = parameters.trickle_sccm
    return min(max(math.sqrt(low * high) * math.exp(log_release), low), high)


def trickle_density(
    vent: Vent,
    *,
    style: Style,
    parameters: PlumeParameters,
    rng: np.random.Generator,
    sign: int,
    time: float = 0.0,
) -> np.ndarray:
    """Column density, about 1 on the axis of a middle flow, float32 detector's shape.

    ``rng`` draws the thread's shape, the same for all of a clip; it falls with ``sign``
    +1, rises with -1, and sways with ``time``, frames since the clip began.
    """
    low, high = parameters.trickle_sccm
    flow = flow_sccm(vent.log_release, parameters)
    relative = flow / math.sqrt(low * high)
    exit_velocity = choose(rng, (1.2, 2.4)) * relative**0.3
    stopping = choose(rng, (7.0, 15.0))
    terminal = choose(rng, (0.9, 1.7)) * relative**0.2
    lifetime = choose(rng, parameters.trickle_lifetime) * relative**0.3
    sway, period = choose(rng, (0.02, 0.10)), choose(rng, (24.0, 60.0))
    phases = rng.random(2) * math.tau
    wind = style.draught[0] * choose(rng, parameters.trickle_draught)
    thin = choose(rng, parameters.trickle_sigma)
    decay = choose(rng, parameters.trickle_decay)

    age = np.linspace(0, lifetime, _PUFFS)
    slowed = 1 - np.exp(-age / stopping)
    forward = exit_velocity * stopping * slowed
    drop = terminal * (age - stopping * slowed)
    emitted = time - age
    wave = np.sin(math.tau * emitted / period + phases[0])
    wave += 0.5 * np.sin(math.tau * 2.6 * emitted / period + phases[1])
    aside = sway * drop * wave + wind * age * age / (age + 20)
    x = forward * math.cos(vent.angle) + aside
    y = forward * math.sin(vent.angle) + sign * drop
    sigma = thin * (0.7 + 0.3 * slowed + 0.006 * age)

    # The thread thins out on its way [measured: a tenth of the contrast after 150 px].
    fade = np.exp(-decay * age / lifetime) * np.clip((lifetime - age) / 8, 0, 1)
    mass = math.sqrt(relative) * terminal * thin * math.sqrt(math.tau)
    mass *= lifetime / _PUFFS * fade
    dx, dy = np.gradient(x), np.gradient(y)
    length = np.hypot(dx, dy) + 1e-6
    skirt = choose(rng, parameters.trickle_skirt)
    offsets = np.array([*_FILAMENTS, 0.0])[:, None] * sigma
    widths = np.array([_FILAMENT_STD] * len(_FILAMENTS) + [_SKIRT_STD])[:, None]
    shares = np.array([(1 - skirt) / len(_FILAMENTS)] * len(_FILAMENTS) + [skirt])
    x, y = x - offsets * dy / length, y + offsets * dx / length
    return splat(vent, style, x, y, widths * sigma, shares[:, None] * mass)
