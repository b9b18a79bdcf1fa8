"""What a predictor is: a model, whichever program runs it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.images import Frame, read_frame
from fume_mm.structures import GAS_LABELS, GASES
from fume_mm.structures.dual_gas_result import DualGasResult
from fume_mm.structures.labels import FUME_LABELS, Labels


class Predictor(Protocol):
    """A model, whichever program runs it.

    It may also have ``training_data``, a few words on what it learned from
    (``'simulated'``) or None, ``gases``, those it looks at, if not all, and ``labels``,
    what its classes are, if not FUME's.
    """

    def predict(
        self, samples: Sequence[Mapping[str, Any]], probabilities: bool = False
    ) -> list[DualGasResult]:
        """Predict each sample, in their order.

        Args:
            samples: Each with ``name`` and, by gas, a frame as
                :func:`~fume_mm.io.images.read_frame` takes it (a path or an array), or
                None or no such key where it was not recorded. Frames may differ in
                size. ``limits``, if there, are by gas those of its recording.
            probabilities: Also give the probability of each class at each pixel.

        Raises:
            UserError: Naming a sample that has no frame the model can use.
        """
        ...


def labels_of(predictor: Any) -> Labels:
    """What a predictor's classes are."""
    return getattr(predictor, 'labels', FUME_LABELS)


def frames_of(
    sample: Mapping[str, Any], gases: Sequence[str] = GASES
) -> dict[str, Frame]:
    """The frames of a sample, in the order of GASES.

    Args:
        sample: See :meth:`Predictor.predict`.
        gases: Those the model looks at.

    Raises:
        UserError: If it has no frame, or none that the model looks at.
    """
    name = sample.get('name') or 'the sample'
    frames: dict[str, Frame] = {
        gas: sample[gas] for gas in GASES if sample.get(gas) is not None
    }
    if not frames:
        raise UserError(
            f'{name}: no frame was given; give a CO2 frame, a CH4 frame or both.'
        )
    if not frames.keys() & set(gases):
        names = ' or '.join(GAS_LABELS[gas] for gas in gases)
        raise UserError(
            f'{name}: has no {names} frame, and the model looks at no other; give one, '
            'or another model.'
        )
    return frames


def read_frames(
    sample: Mapping[str, Any], gases: Sequence[str] = GASES
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The frames of :func:`frames_of`, read.

    Returns:
        By gas (H, W) uint8, and what was done to read a frame that was not such.
    """
    frames, read_as = {}, {}
    for gas, frame in frames_of(sample, gases).items():
        what = f'the {gas} frame of {sample.get("name")}'
        limits = sample.get('limits', {}).get(gas)
        frames[gas], done = read_frame(frame, what=what, limits=limits)
        if done:
            read_as[gas] = done
    return frames, read_as
