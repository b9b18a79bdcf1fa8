"""A figure with its doubt, and the one way in which it is written."""

import math
from typing import NamedTuple

#: What stands in a table for a figure that was not measured, or is undefined.
MISSING, UNDEFINED = '-', 'n/a'


class Unit(NamedTuple):
    """How figures of a kind are written: multiplied by, with so many digits."""

    scale: float
    digits: int


PERCENT, PIXELS, PLAIN = Unit(100, 1), Unit(1, 1), Unit(1, 3)


class Estimate(NamedTuple):
    """A figure, its 95 % interval and its spread over seeds; NaN where there is none.

    Attributes:
        value: The figure, the mean over seeds if there are several; NaN if undefined.
        low: Where its interval begins.
        high: Where it ends.
        spread: Standard deviation over seeds.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    spread: float = math.nan

    @property
    def bounded(self) -> bool:
        """Whether it has an interval."""
        return not math.isnan(self.low)

    def text(
        self,
        unit: Unit = PERCENT,
        *,
        digits: int | None = None,
        undefined: str = UNDEFINED,
    ) -> str:
        """As text: ``77.0 [74.1, 79.6]``; over seeds ``77.0 ± 1.2``.

        Args:
            unit: What it is multiplied by, and how many digits it has.
            digits: Instead of the unit's.
            undefined: What stands for NaN.
        """
        if math.isnan(self.value):
            return undefined
        digits = unit.digits if digits is None else digits
        value, low, high, spread = (f'{unit.scale * x:.{digits}f}' for x in self)
        if not math.isnan(self.spread):
            return f'{value} ± {spread}'
        return f'{value} [{low}, {high}]' if self.bounded else value

    def bars(self) -> tuple[float, float]:
        """How far the interval goes below and above the value; 0 without one."""
        if not self.bounded:
            return 0.0, 0.0
        return max(self.value - self.low, 0.0), max(self.high - self.value, 0.0)
