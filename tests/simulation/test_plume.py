"""Jets: how far, how wide, how much gas."""

import dataclasses
import math

import cv2
import numpy as np
import pytest

from fume_mm.simulation import PlumeParameters
from fume_mm.simulation.plume import (
    Jet,
    Style,
    Vent,
    column_density,
    draw_phase,
    draw_style,
    open_time,
)

# Without chance, draught and eddies: what is left can be computed by hand.
CALM = Style(
    scale=1.0,
    growth=0.1,
    laminar=0.0,
    angle_noise=0.0,
    meander=0.0,
    fall=0.0,
    draught=(0.0, 0.0),
    eddy=0.0,
    filament=0.0,
    roll_up=0.0,
)
STEADY = PlumeParameters(
    exit_velocity=205.0, open_time=4.5, tip_sigma=2.0, pulsation=0.0
)


class Still:
    """A generator whose normal draws are all zero."""

    def standard_normal(self, shape: tuple[int, ...] | int) -> np.ndarray:
        return np.zeros(shape)

    def random(self, size: int | None = None) -> np.ndarray | float:
        return 0.0 if size is None else np.zeros(size)


def vent(log_release: float = 0.0, phase: float = 1.0) -> Vent:
    return Vent(log_release=log_release, phase=phase, tip=(30.0, 120.0), angle=0.0)


def calm_column(log_release: float, phase: float = 1.0) -> np.ndarray:
    return column_density(
        vent(log_release, phase),
        style=CALM,
        parameters=STEADY,
        rng=Still(),
    )


def test_distance_of_a_puff_by_hand() -> None:
    # s0 (sqrt(1 + 2 v a / s0) - 1) with s0 = 2, v = 3, a = 8: 2 (sqrt(25) - 1)
    assert Jet(velocity=3, s0=2).travelled(np.array([8.0])) == pytest.approx([8.0])


def test_nothing_slows_down_in_the_laminar_part() -> None:
    ages = np.array([0.0, 1.0, 2.0, 10.0])
    # 6 px take 2 frames at 3 px/frame; the other 8 frames go as above.
    distances = Jet(velocity=3, s0=2, laminar=6).travelled(ages)
    assert distances == pytest.approx([0.0, 3.0, 6.0, 14.0])


def test_column_sums_to_the_gas_released() -> None:
    # Per frame v * sigma * sqrt(2 pi) leaves the tip, for as long as the valve is open.
    for log_release in (-3.0, -2.0):
        velocity = STEADY.exit_velocity * math.exp(
            STEADY.velocity_exponent * log_release
        )
        released = velocity * open_time(log_release, STEADY)
        released *= STEADY.tip_sigma * math.sqrt(math.tau)
        column = calm_column(log_release)
        assert float(column.sum()) == pytest.approx(released, rel=0.01)


def test_column_is_one_on_the_axis_of_a_steady_jet() -> None:
    axis = calm_column(0.0)[120, 60:150]
    # A discrete chain of puffs, and the head beyond, allow for some per cent.
    np.testing.assert_allclose(axis, 1, atol=0.05)


def test_jet_widens_linearly() -> None:
    column = calm_column(0.0)
    widths = [(column[:, x] > 0.5 * column[120, x]).sum() for x in (60, 100, 140)]
    # Full width at half maximum is 2.355 sigma, sigma = 2 + 0.1 s.
    assert widths == pytest.approx(
        [2.355 * (2 + 0.1 * s) for s in (30, 70, 110)], abs=2
    )


def test_no_gas_before_the_valve_opens() -> None:
    column = column_density(
        vent(phase=0.0),
        style=CALM,
        parameters=STEADY,
        rng=np.random.default_rng(0),
    )
    assert column.shape == (240, 320)
    assert not column.any()


def test_more_released_gas_is_more_column_and_more_area() -> None:
    masses, areas = [], []
    for log_release in (-1.5, -0.5, 0.5):
        columns = [
            column_density(
                vent(log_release),
                style=draw_style(np.random.default_rng(seed), PlumeParameters()),
                parameters=PlumeParameters(),
                rng=np.random.default_rng([seed, 1]),
            )
            for seed in range(6)
        ]
        masses.append(sum(float(column.sum()) for column in columns))
        areas.append(sum(int((column > 0.2).sum()) for column in columns))
    assert masses[0] < masses[1] < masses[2]
    assert areas[0] < areas[1] < areas[2]


def test_plume_grows_while_the_valve_is_open() -> None:
    areas = [(calm_column(0.0, phase) > 0.2).sum() for phase in (0.1, 0.4, 1.0)]
    assert areas[0] < areas[1] < areas[2]


def test_gas_is_never_negative() -> None:
    style = draw_style(np.random.default_rng(3), PlumeParameters())
    column = column_density(
        vent(),
        style=style,
        parameters=PlumeParameters(),
        rng=np.random.default_rng(0),
    )
    assert column.min() >= 0
    assert column.dtype == np.float32


def test_idle_share_of_the_frames_is_taken_before_the_valve_opens() -> None:
    rng = np.random.default_rng(0)
    parameters = dataclasses.replace(PlumeParameters(), idle_share=0.3)
    phases = np.array([draw_phase(rng, parameters) for _ in range(2000)])
    assert (phases == 0).mean() == pytest.approx(0.3, abs=0.04)
    assert phases[phases > 0].min() >= parameters.phase[0]


def test_a_neck_narrows_the_stem_and_not_the_head() -> None:
    plain = calm_column(0.0)
    style = dataclasses.replace(CALM, neck=0.4)
    necked = column_density(vent(), style=style, parameters=STEADY, rng=Still())

    def width(column: np.ndarray, x: int) -> int:
        return int((column[:, x] > 0.2 * column[:, x].max()).sum())

    assert width(necked, 33) < 0.75 * width(plain, 33)
    assert width(necked, 150) == width(plain, 150)
    # Narrower, not less of it.
    assert necked.sum() == pytest.approx(plain.sum(), rel=0.02)


@pytest.mark.parametrize('seed', range(4))
def test_a_finger_takes_gas_out_of_the_jet_and_stands_beside_it(seed: int) -> None:
    def drawn(share: float) -> np.ndarray:
        parameters = dataclasses.replace(
            STEADY, finger_share=share, finger_reach=(0.5, 0.5)
        )
        return column_density(
            vent(), style=CALM, parameters=parameters, rng=np.random.default_rng(seed)
        )

    without, with_finger = drawn(0.0), drawn(1.0)
    assert with_finger.sum() == pytest.approx(without.sum(), rel=0.05)
    gained, lost = (
        np.maximum(with_finger - without, 0),
        np.maximum(without - with_finger, 0),
    )
    rows = np.abs(np.arange(240) - 120)[:, None]
    # What is gained lies farther from the axis than what is lost.
    aside = (gained * rows).sum() / gained.sum()
    assert aside > 2 * (lost * rows).sum() / lost.sum()


def test_crinkle_makes_the_outline_longer() -> None:
    def outline_length(crinkle: float) -> float:
        length = 0.0
        for seed in range(6):
            style = dataclasses.replace(CALM, eddy=0.1, crinkle=crinkle)
            column = column_density(
                vent(), style=style, parameters=STEADY, rng=np.random.default_rng(seed)
            )
            shape = (column > 0.2).astype(np.uint8)
            found, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            length += sum(cv2.arcLength(entry, True) for entry in found)
        return length

    assert outline_length(1.0) > 1.1 * outline_length(0.0)
