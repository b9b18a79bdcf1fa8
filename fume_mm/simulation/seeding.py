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
    """The random stream of one purpose, vessel, frame and gas.

    Args:
        seed: The campaign's seed, 0 or more.
        purpose: An entry of :data:`PURPOSES`.
        vessel: Index of the vessel.
        frame: Index of the frame within its vessel.
        gas: Which camera; None for what both share.
    """
    key = (
        PURPOSES.index(purpose),
        vessel,
        frame,
        len(GASES) if gas is None else GASES.index(gas),
    )
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=key)
    return np.random.Generator(np.random.SFC64(sequence))


def choose(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """One uniform draw from ``limits``."""
    low, high = limits
    return float(low + (high - low) * rng.random())
