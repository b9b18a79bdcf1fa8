"""How much gas a vessel releases: the only place where pH enters a frame."""

from dataclasses import dataclass

from fume_mm.structures import GASES, Gas

from .parameters import RumenParameters
from .seeding import stream

# The middle of FUME's pH values and half their range.
MIDDLE_PH, HALF_RANGE_PH = 5.75, 0.75


@dataclass(frozen=True)
class Run:
    """One vessel's run."""

    ph: float  #: pH of the vessel
    activity: float  #: deviation of log release shared by both gases
    deviation: dict[Gas, float]  #: deviation of log release of each gas


def draw_run(seed: int, *, vessel: int, ph: float, parameters: RumenParameters) -> Run:
    """The run of ``vessel``; its random part does not depend on ``ph``."""
    rng = stream(seed, 'run', vessel=vessel)
    activity = parameters.activity_std * float(rng.standard_normal())
    std = parameters.run_std
    return Run(ph, activity, {g: std * float(rng.standard_normal()) for g in GASES})


def log_relative_release(
    ph: float, gas: Gas, *, parameters: RumenParameters, deviation: float = 0.0
) -> float:
    """Log of a vent's volume over the gas's reference volume (dimensionless).

    ``deviation`` is the sum of all random deviations of log release.
    """
    x = (ph - MIDDLE_PH) / HALF_RANGE_PH
    return parameters.slope[gas] * x + deviation
