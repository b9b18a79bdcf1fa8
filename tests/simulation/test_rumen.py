"""The assumed curve between pH and gas, the only carrier of the class."""

import pytest

from fume_mm.simulation import RumenParameters
from fume_mm.simulation.rumen import draw_run, log_relative_release
from fume_mm.structures import GASES, Gas

PARAMETERS = RumenParameters()


@pytest.mark.parametrize('gas', GASES)
def test_log_release_is_linear_in_ph(gas: Gas) -> None:
    low, middle, high = (
        log_relative_release(ph, gas, parameters=PARAMETERS) for ph in (5.0, 5.75, 6.5)
    )
    assert middle == 0
    assert high == pytest.approx(PARAMETERS.slope[gas])
    assert low == pytest.approx(-high)


def test_falling_ph_means_more_co2_and_less_ch4() -> None:
    change = {
        gas: log_relative_release(5.0, gas, parameters=PARAMETERS)
        - log_relative_release(6.5, gas, parameters=PARAMETERS)
        for gas in GASES
    }
    assert change['co2'] > 0 > change['ch4']


def test_deviations_add_to_log_release() -> None:
    plain = log_relative_release(5.3, 'co2', parameters=PARAMETERS)
    moved = log_relative_release(5.3, 'co2', parameters=PARAMETERS, deviation=0.7)
    assert moved - plain == pytest.approx(0.7)


def test_a_runs_chance_does_not_depend_on_its_ph() -> None:
    low, high = (
        draw_run(1, vessel=4, ph=ph, parameters=PARAMETERS) for ph in (5.0, 6.5)
    )
    assert (low.activity, low.deviation) == (high.activity, high.deviation)
    other = draw_run(1, vessel=5, ph=5.0, parameters=PARAMETERS)
    assert low.activity != other.activity
