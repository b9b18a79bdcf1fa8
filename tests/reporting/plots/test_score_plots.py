"""Figures that compare runs: what is drawn is what was given."""

import itertools
import math

import numpy as np
import pytest

from fume_mm.drawing.sheet import figure_bytes
from fume_mm.evaluation.estimate import Estimate
from fume_mm.reporting.plots.score_plots import (
    BUBBLE,
    Cost,
    draw_bars,
    draw_efficiency,
    draw_radar,
)

F1 = {
    'one': {'Healthy': Estimate(0.9, 0.8, 0.95), 'Acidotic': Estimate(0.5)},
    'two': {'Healthy': Estimate(math.nan), 'Acidotic': Estimate(0.25, 0.2, 0.3)},
}
MIOU = {
    'one': {'all frames': Estimate(0.75, 0.7, 0.79), 'CO2 frames': Estimate(0.8)},
    'two': {'all frames': Estimate(math.nan)},
}
COSTS = [
    Cost('small', 10**9, 10**6, Estimate(0.7, 0.65, 0.72)),
    Cost('large', 20 * 10**9, 4 * 10**6, Estimate(0.8)),
]


def test_radar_has_a_polygon_for_each_run_and_intervals_along_the_spokes():
    (axes,) = draw_radar(F1).axes
    one, two = axes.lines
    assert one.get_ydata().tolist() == [0.9, 0.5, 0.9]  # closed
    np.testing.assert_array_equal(two.get_ydata(), [math.nan, 0.25, math.nan])
    assert one.get_color() != two.get_color()
    assert one.get_marker() != two.get_marker()
    # the runs stand side by side on a spoke
    assert one.get_xdata()[0] < 0 < two.get_xdata()[0]
    ends = [segment[:, 1].tolist() for segment in axes.collections[0].get_segments()]
    np.testing.assert_allclose(ends, [[0.8, 0.95], [0.5, 0.5]])
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ['Healthy', 'Acidotic']


def test_the_foot_speaks_of_intervals_only_where_there_are_some():
    def foot(figure):
        return [text.get_text() for text in figure.texts]

    bare = {'one': {'Healthy': Estimate(0.9), 'Acidotic': Estimate(0.5)}}
    assert any('95 % intervals' in text for text in foot(draw_radar(F1)))
    assert not any('95 % intervals' in text for text in foot(draw_radar(bare)))


def test_bars_are_percent_with_their_interval_and_the_number_beside():
    (axes,) = draw_bars(MIOU).axes
    every, co2 = (
        [bar.get_width() for bar in container]
        for container in axes.containers
        if hasattr(container, 'patches') and container.patches
    )
    assert every == pytest.approx([75, 0])
    assert co2 == pytest.approx([80, 0])
    (segments,) = (line.get_segments() for line in axes.collections)
    assert [segment[:, 0].tolist() for segment in segments] == [pytest.approx([70, 79])]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ['75.0 [70.0, 79.0]', 'n/a', '80.0', 'n/a']
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ['one', 'two']


def test_bars_of_many_runs_with_long_names_do_not_meet():
    scores = {f'{number}_{"x" * 60}/$a$/seed_0': MIOU['one'] for number in range(30)}
    figure = draw_bars(scores, note='simulated')
    figure.canvas.draw()
    (axes,) = figure.axes
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    boxes.sort(key=lambda box: box.y0)
    assert all(a.y1 <= b.y0 for a, b in itertools.pairwise(boxes))
    assert min(box.x0 for box in boxes) >= 0
    assert all('…' in label.get_text() for label in axes.get_yticklabels())
    assert axes.get_position().width > 0.3


def test_efficiency_places_runs_by_cost_and_sizes_them_by_parameters():
    (axes,) = draw_efficiency(COSTS).axes
    bubbles = [item for item in axes.collections if hasattr(item, 'get_sizes')]
    bubbles = [item for item in bubbles if len(item.get_offsets())]
    places = [tuple(item.get_offsets()[0]) for item in bubbles]
    assert places == [pytest.approx((1, 70)), pytest.approx((20, 80))]
    assert [item.get_sizes()[0] for item in bubbles] == [BUBBLE / 4, BUBBLE]
    assert [text.get_text() for text in axes.texts] == ['1', '2']
    assert axes.get_xscale() == 'log'
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0].startswith('1  small\n')
    assert '1.00 M parameters, 1.00 GMACs, 70.0' in labels[0]


def test_a_narrow_range_of_costs_is_linear():
    (axes,) = draw_efficiency(COSTS[:1]).axes
    assert axes.get_xscale() == 'linear'
    low, high = axes.get_xlim()
    assert low < 1 < high


@pytest.mark.parametrize('file_format', ['svg', 'pdf', 'png'])
def test_files_are_the_same_each_time(file_format):
    first, second = (figure_bytes(draw_bars(MIOU), file_format) for _ in range(2))
    assert first == second
