import numpy as np
import pytest

from fume_mm.inference.video.tally import Tally, values_of
from fume_mm.structures.dual_gas_result import DualGasResult


def test_values_are_shares_and_probabilities():
    mask = np.zeros((4, 5), np.uint8)
    mask[0] = 2
    scores = np.array([0.5, 0.25, 0.25], np.float32)
    values = values_of(DualGasResult('a', {'ch4': mask}, {}, scores))
    assert values == {
        'ch4_tube': 0.0,
        'ch4_gas': 5 / 20,
        'p_healthy': 0.5,
        'p_transitional': 0.25,
        'p_acidotic': 0.25,
    }
    assert set(values) < set(Tally(1.0).columns)


def test_a_short_clip_keeps_every_instant():
    timeline = Tally(1 / 30, capacity=8)
    for number in range(8):
        timeline.add(number / 30, {'co2_gas': number / 10})
    times, series = timeline.series()
    assert times == pytest.approx(np.arange(8) / 30)
    assert series['co2_gas'] == pytest.approx(np.arange(8) / 10)
    assert np.isnan(series['ch4_gas']).all()


def test_a_long_clip_is_averaged_over_longer_stretches():
    timeline = Tally(0.5, capacity=8)
    values = np.random.default_rng(0).random(50)
    for number, value in enumerate(values):
        timeline.add(0.5 * number, {'co2_gas': value})
    times, series = timeline.series()
    # 50 instants in at most 8 stretches: of 8 instants each
    assert timeline.step == 4.0
    assert times.tolist() == [0, 4, 8, 12, 16, 20, 24]
    expected = [values[start : start + 8].mean() for start in range(0, 50, 8)]
    assert series['co2_gas'] == pytest.approx(expected)


def test_stretches_without_a_value_stay_empty():
    timeline = Tally(1.0, capacity=4)
    timeline.add(0.0, {'co2_gas': 0.5})
    timeline.add(3.0, {})
    timeline.add(6.0, {'co2_gas': 0.25})
    times, series = timeline.series()
    assert times.tolist() == [0, 2, 4, 6]
    assert series['co2_gas'] == pytest.approx([0.5, np.nan, np.nan, 0.25], nan_ok=True)


def health(*scores):
    return dict(zip(('p_healthy', 'p_transitional', 'p_acidotic'), scores, strict=True))


def test_verdict_is_the_class_of_the_highest_mean():
    tally = Tally(1.0)
    tally.add(0.0, {'co2_gas': 0.5, 'co2_tube': 0.1, **health(0.4, 0.35, 0.25)})
    tally.add(0.0, {'co2_gas': 0.3, 'co2_tube': 0.2, **health(0.4, 0.35, 0.25)})
    tally.add(0.0, {'ch4_gas': 0.2, 'ch4_tube': 0.0, **health(0.0, 0.0, 1.0)})
    tally.add(0.0, {})  # neither gas was there
    verdict = tally.verdict()
    # means 0.8/3, 0.7/3, 1.5/3: one sure instant outweighs two that hardly are
    assert verdict['class'] == 'Acidotic'
    assert verdict['confidence'] == pytest.approx(0.5)
    assert list(verdict['probabilities'].values()) == pytest.approx(
        [0.8 / 3, 0.7 / 3, 0.5]
    )
    assert verdict['agreement'] == pytest.approx(1 / 3)
    assert verdict['instants'] == 3
    assert tally.instants == 4
    assert tally.mean_areas('co2') == pytest.approx({'tube': 0.15, 'gas': 0.4})
    assert tally.mean_areas('ch4') == pytest.approx({'tube': 0.0, 'gas': 0.2})


def test_no_health_is_no_verdict():
    tally = Tally(1.0)
    tally.add(0.0, {'co2_gas': 0.5, 'co2_tube': 0.1})
    assert tally.verdict() is None
    assert tally.mean_areas('ch4') is None
