"""The gate before a verdict: what a model should not be asked, and why, in words.

What needs no calibration is checked always: that the model saw a tube or gas, that two
gases are two pictures, that frames are gray. A calibrated model (tools/calibrate.py)
also holds each frame's statistics against those of its training data, by their
Mahalanobis distance, and each gas's frame against the other gas's statistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.io.naming import split_gas
from fume_mm.structures import GAS_LABELS, GASES
from fume_mm.structures.dual_gas_result import DualGasResult

from .frame_statistics import NAMES, SIZE, frame_statistics

#: Two frames that differ by less on average, in gray levels, are one; or correlate by
#: more: those of two cameras by no more than 0.77 in 300 simulated vessels.
_SAME, _ALIKE = 1.0, 0.97


@dataclass(frozen=True)
class Normal:
    """What frames of one gas are like, as the mean and covariance of their statistics.

    Args:
        mean: (S,) of the statistics.
        scale: (S,) they are divided by.
        root: (S, S); its product with the scaled differences has unit covariance.
        offset: The logarithm of the covariance's determinant.
        limit: Squared distance from which a frame is unlike those of training.
        alone: A frame whose log density beside the other gas's is less was given as
            the wrong gas.
    """

    mean: np.ndarray
    scale: np.ndarray
    root: np.ndarray
    offset: float
    limit: float = np.inf
    alone: float = -np.inf

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> 'Normal':
        """As a file holds it; see :meth:`to_dict`."""
        arrays = ('mean', 'scale', 'root')
        return cls(**{**content, **{key: np.array(content[key]) for key in arrays}})

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, of five digits."""
        return {
            key: np.array([float(f'{x:.5g}') for x in np.ravel(value)])
            .reshape(np.shape(value))
            .tolist()
            for key, value in vars(self).items()
        }

    def parts(self, statistics: np.ndarray) -> np.ndarray:
        """The scaled differences of unit covariance, (S,)."""
        return self.root @ ((statistics - self.mean) / self.scale)

    def distance(self, statistics: np.ndarray) -> float:
        """The squared Mahalanobis distance."""
        return float((self.parts(statistics) ** 2).sum())

    def log_density(self, statistics: np.ndarray) -> float:
        """Of the normal distribution, but for a constant that all gases share."""
        return -0.5 * (self.distance(statistics) + self.offset)


@dataclass(frozen=True)
class Gate:
    """What may pass.

    Args:
        normals: By gas, what frames are like; empty where it is not known.
        palettes: Whether frames of training were in a colour palette.
    """

    normals: Mapping[str, Normal] = field(default_factory=dict)
    palettes: bool = False

    @classmethod
    def from_dict(cls, content: Mapping[str, Any] | None) -> 'Gate':
        """As a file holds it; statistics of another version are not known."""
        if not content or tuple(content['statistics']) != NAMES:
            return cls(palettes=bool(content and content['palettes']))
        normals = {g: Normal.from_dict(x) for g, x in content['gases'].items()}
        return cls(normals, palettes=content['palettes'])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for a file."""
        normals = {gas: normal.to_dict() for gas, normal in self.normals.items()}
        return {
            'statistics': list(NAMES),
            'gases': normals,
            'palettes': self.palettes,
        }

    def reasons(self, result: DualGasResult, given: Mapping[str, Any]) -> list[str]:
        """Why a result carries no verdict; empty if it may.

        Args:
            result: With frames, and masks if the model has them.
            given: By gas that the model looks at, the frame as it was given: the names
                of files are looked at.
        """
        frames = {gas: result.frames[gas] for gas in given if gas in result.frames}
        found = [
            f'the {GAS_LABELS[gas]} frame was given as a colour palette, and the model '
            'learned from gray frames'
            for gas, done in result.read_as.items()
            if gas in given and 'palette' in done and not self.palettes
        ]
        found += _misnamed(given)
        if len(frames) == len(GASES) and _same(*frames.values()):
            return [*found, 'the CO2 and the CH4 frame are one and the same picture']
        statistics = {
            gas: frame_statistics(frame, result.masks.get(gas), result.labels)
            for gas, frame in frames.items()
            if gas in self.normals
        }
        found += self._unlike(statistics)
        if result.masks and not any(mask.any() for mask in result.masks.values()):
            names = ' or '.join(result.labels.foreground)
            found.append(f'the model sees no {names}')
        return found

    def _unlike(self, statistics: Mapping[str, np.ndarray]) -> list[str]:
        if self.swapped(statistics):
            if len(statistics) == len(GASES):
                return ['the two frames look as if CO2 and CH4 were swapped']
            (gas,) = statistics
            return [
                f'the {GAS_LABELS[gas]} frame looks like one of the other gas, as the '
                'model knows them'
            ]
        found = []
        for gas, values in statistics.items():
            normal = self.normals[gas]
            times = normal.distance(values) / normal.limit
            if times > 1:
                away = np.abs(values - normal.mean) / normal.scale
                found.append(
                    f'the {GAS_LABELS[gas]} frame is unlike those of training (most '
                    f'in: {NAMES[int(away.argmax())]}; {min(times, 99):.1f} times the '
                    'distance allowed)'
                )
        return found

    def swapped(self, statistics: Mapping[str, np.ndarray]) -> bool:
        """Whether frames fit the other gas better, together or the one alone."""
        if set(self.normals) != set(GASES) or not statistics:
            return False
        gains = {gas: self.gain(gas, values) for gas, values in statistics.items()}
        if len(gains) == len(GASES):
            return sum(gains.values()) < 0
        ((gas, gain),) = gains.items()
        return gain < self.normals[gas].alone

    def gain(self, gas: str, statistics: np.ndarray) -> float:
        """How much better a frame fits its gas than the other, in log density."""
        other = GASES[1 - GASES.index(gas)]
        densities = [self.normals[g].log_density(statistics) for g in (gas, other)]
        return densities[0] - densities[1]


def _misnamed(given: Mapping[str, Any]) -> list[str]:
    """Frames whose file says another gas than they were given as."""
    found = []
    for gas in GASES:
        if isinstance(given.get(gas), (str, Path)):
            named = split_gas(Path(given[gas]).stem)[1]
            if named not in (gas, None):
                found.append(
                    f'the file given as {GAS_LABELS[gas]} is named '
                    f'{Path(given[gas]).name}'
                )
    return found


def _same(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two frames are one picture, if need be saved in another size or again."""
    size = SIZE[0] // 2, SIZE[1] // 2
    a, b = (
        cv2.resize(x, size, interpolation=cv2.INTER_AREA).astype(np.float64)
        for x in (first, second)
    )
    if float(np.abs(a - b).mean()) < _SAME:
        return True
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) > _ALIKE * scale > 0
