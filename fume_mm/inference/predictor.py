"""What a predictor is: a model, whichever program runs it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fume_mm.structures.dual_gas_result import DualGasResult


class Predictor(Protocol):
    """A model, whichever program runs it.

    It may also have ``training_data``, a few words on what it learned from
    (``'simulated'``) or None, and ``gases``, those it looks at, if not all.
    """

    def predict(
        self, samples: Sequence[Mapping[str, Any]], probabilities: bool = False
    ) -> list[DualGasResult]:
        """What the model says of each sample, in their order.

        Args:
            samples: Each with ``name`` and, by gas, the frame (H, W) uint8, or None or
                no such key where it was not recorded. Frames may differ in size.
            probabilities: Also give the probability of each class at each pixel.

        Raises:
            UserError: Naming a sample that has no frame the model can use.
        """
        ...
