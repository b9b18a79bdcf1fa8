"""Random streams that depend on what they are for, never on who draws first."""

import numpy as np

from fume_mm.structures import GASES, Gas

# Append only: a stream's number is part of what a seed means.
PURPOSES = (
    *('vessels', 'splits', 'missing', 'run', 'style', 'annotator', 'scene', 'camera'),
    *('pattern', 'vent', 'plume', 'noise', 'copy', 'augmentation', 'clip'),
)


def stream(
    seed: int, purpose: str, *, vessel: int = 0, frame: int = 0, gas: Gas | None = None
) -> np.random.Generator:
    """The random stream of one of PURPOSES, vessel, frame of it, and gas.

    A stream without ``gas`` is for what both cameras share.
    """
    number = len(GASES) if gas is None else GASES.index(gas)
    key = (PURPOSES.index(purpose), vessel, frame, number)
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=key)
    return np.random.Generator(np.random.SFC64(sequence))


def choose(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """One uniform draw from ``limits``."""
    low, high = limits
    return float(low + (high - low) * rng.random())
