"""Trickles: steady, laminar, bent by their buoyancy."""

import dataclasses
import math

import numpy as np
import pytest

from fume_mm.simulation import PlumeParameters
from fume_mm.simulation.plume import Vent, draw_style
from fume_mm.simulation.trickle import flow_sccm, trickle_density

PARAMETERS = PlumeParameters()
STYLE = dataclasses.replace(
    draw_style(np.random.default_rng(0), PARAMETERS), scale=1.0, draught=(0.0, 0.0)
)


def trickle(
    log_release: float = 0.0,
    *,
    sign: int = 1,
    time: float = 0,
    parameters: PlumeParameters = PARAMETERS,
) -> np.ndarray:
    return trickle_density(
        Vent(log_release=log_release, phase=1.0, tip=(40.0, 120.0), angle=0.0),
        style=STYLE,
        parameters=parameters,
        rng=np.random.default_rng(4),
        sign=sign,
        time=time,
    )


def test_flow_stays_within_its_limits() -> None:
    flows = [flow_sccm(value, PARAMETERS) for value in (-9.0, 0.0, 9.0)]
    assert flows == pytest.approx([10, math.sqrt(1000), 100])


@pytest.mark.parametrize('sign', [-1, 1])
def test_gas_falls_or_rises_from_the_tip(sign: int) -> None:
    column = trickle(sign=sign)
    y, x = np.indices(column.shape)
    middle = (column * (y - 120)).sum() / column.sum()
    assert sign * middle > 8
    seen = sign * (y - 120)[column > 0.03 * column.max()]
    assert seen.max() > 30
    assert seen.min() > -12
    assert (column * x).sum() / column.sum() > 40


def test_column_is_about_one_and_vanishes_far_away() -> None:
    column = trickle()
    assert 0.5 < column.max() < 2
    assert column[:, 250:].max() < 1e-3


def test_a_thread_thins_out_on_its_way() -> None:
    column = trickle()
    cores = [column[row].max() for row in (122, 135, 150)]
    assert cores[0] > 1.2 * cores[1] > 1.2**2 * cores[2] > 0


def test_a_skirt_is_the_same_gas_farther_out() -> None:
    skirted = dataclasses.replace(PARAMETERS, trickle_skirt=(0.3, 0.3))
    plain, wide = trickle(), trickle(parameters=skirted)
    assert wide.sum() == pytest.approx(plain.sum(), rel=0.02)
    assert 0.6 * plain.max() < wide.max() < 0.9 * plain.max()
    faint = 0.02 * plain.max()
    assert (wide > faint).sum() > 1.3 * (plain > faint).sum()


def test_more_flow_is_more_gas() -> None:
    totals = [trickle(value).sum() for value in (-1.0, 0.0, 1.0)]
    assert totals[0] < totals[1] < totals[2]


def test_a_trickle_moves_little_from_frame_to_frame() -> None:
    first, next_, later = (trickle(time=time) for time in (0, 1, 12))
    assert 0 < abs(next_ - first).mean() < 0.5 * abs(later - first).mean()
