"""A figure is written in one way."""

import math

import pytest

from fume_mm.evaluation.estimate import PIXELS, PLAIN, Estimate, Unit


@pytest.mark.parametrize(
    ('estimate', 'arguments', 'text'),
    [
        (Estimate(0.77, 0.741, 0.796), {}, '77.0 [74.1, 79.6]'),
        (Estimate(0.77, 0.741, 0.796, 0.012), {}, '77.0 ± 1.2'),
        (Estimate(0.77), {'digits': 2}, '77.00'),
        (Estimate(12.34, 10, 15), {'unit': PIXELS}, '12.3 [10.0, 15.0]'),
        (Estimate(0.5), {'unit': PLAIN}, '0.500'),
        (Estimate(1_660_000), {'unit': Unit(1e-6, 2)}, '1.66'),
        (Estimate(math.nan), {}, 'n/a'),
        (Estimate(math.nan), {'undefined': '-'}, '-'),
    ],
)
def test_text(estimate, arguments, text):
    assert estimate.text(**arguments) == text


def test_bars():
    assert Estimate(5.0, 3.0, 9.0).bars() == (2.0, 4.0)
    assert Estimate(5.0, 6.0, 9.0).bars() == (0.0, 4.0)
    assert Estimate(5.0).bars() == (0.0, 0.0)
