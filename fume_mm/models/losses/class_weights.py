"""Class weights that the training split's counts decide."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fume_mm.errors import UserError

#: What may stand in the place of numbers as a loss's ``class_weight``.
RULES = ('auto', 'effective_number', 'inverse_frequency')
#: β where none is given: about a thousand samples of a class tell all that there is.
BETA = 0.999


class WeightRule(NamedTuple):
    """How class weights follow from counts.

    Attributes:
        name: One of :data:`RULES`; 'auto' is 'effective_number'.
        beta: β of the effective number.
    """

    name: str
    beta: float = BETA

    @classmethod
    def parse(cls, value: object) -> 'WeightRule | None':
        """The rule that a config's ``class_weight`` names; None if it names none.

        Args:
            value: A rule's name, ``('effective_number', β)``, or anything else.

        Raises:
            UserError: If a word is no rule, or β is none.
        """
        parts = [value] if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)) or not parts:
            return None
        if not isinstance(parts[0], str):
            return None
        name, *rest = parts
        beta = rest[0] if rest else BETA
        good = isinstance(beta, float) and 0 <= beta < 1
        if name not in RULES or len(rest) > (name == 'effective_number') or not good:
            raise UserError(
                f'class_weight={value!r} of a loss: give one number per class, None, '
                "'auto', 'inverse_frequency', or ('effective_number', 0.999) with a "
                'number from 0 to below 1.'
            )
        return cls(name, beta)

    def weights(self, counts: Sequence[int], *, balanced: bool = False) -> list[float]:
        """One weight per class; 1 is their mean over the samples.

        So the loss keeps its size beside that of the masks. Inverse frequency is
        N / (C n_c), scikit-learn's 'balanced'. The effective number of n samples that
        resemble each other is (1 - β^n) / (1 - β) (Cui et al. 2019, arXiv:1901.05555,
        equation 2); a class's weight is proportional to its inverse.

        Args:
            counts: Samples of each class in the training split.
            balanced: Whether the sampler draws the classes equally often; then they
                are balanced already, and all weights are 1.

        Returns:
            A class without a sample has 1.
        """
        number = np.asarray(counts, np.float64)
        there = number > 0
        weights = np.ones_like(number)
        if balanced or not there.any():
            return weights.tolist()
        effective = number[there]
        if self.name != 'inverse_frequency':
            # expm1 and log1p: 1 - β^n loses all digits for β near 1
            log_beta = np.log(self.beta) if self.beta else -np.inf
            effective = -np.expm1(number[there] * log_beta)
        weights[there] = 1 / effective
        weights[there] *= number.sum() / (weights * number).sum()
        return weights.tolist()
