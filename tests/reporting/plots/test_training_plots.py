"""Figures of one run: what is drawn is what was given."""

import math

import numpy as np
import pytest

from fume_mm.drawing.sheet import health_shades
from fume_mm.evaluation.estimate import Estimate
from fume_mm.reporting.plots.training_plots import (
    Curve,
    draw_confusion,
    draw_curves,
    draw_ranking,
    draw_reliability,
)
from fume_mm.structures import HEALTH_CLASSES, HEALTH_PALETTE
from fume_mm.structures.labels import FUME_LABELS

SHADES = health_shades(FUME_LABELS)
CONFUSIONS = {
    'samples': [[8, 2, 0], [1, 3, 0], [0, 0, 0]],
    'vessels': [[4, 0, 0], [0, 2, 0], [0, 0, 1]],
}
RELIABILITY = {
    'edges': [0, 1 / 3, 2 / 3, 1],
    'samples': [0, 6, 2],
    'confidence': [None, 0.5, 0.9],
    'accuracy': [None, 0.25, 1.0],
}
RANKED = {
    'Healthy': {
        'roc': {'fpr': [0, 0, 1], 'tpr': [0, 1, 1]},
        'pr': {'recall': [1, 0.5, 0], 'precision': [0.4, 0.8, 1]},
    },
    'Transitional': {'roc': None, 'pr': None},
}
AREAS = {'Healthy': Estimate(1, 0.9, 1), 'Transitional': Estimate(math.nan)}
LOSSES = {
    'total': [Curve('loss', [20, 40], [3.0, 2.0])],
    'CO2': [],
    'health': [
        Curve('health', [20, 40], [1.0, 0.5]),
        Curve('health fused', [20, 40], [2.0, math.nan]),
    ],
}
RATES = [Curve('learning rate', [20, 40], [0.1, 0.00001])]
SCORES = [Curve('mIoU', [10, 20, 30], [0.4, 0.7, math.nan])]
FIGURES = {
    'curves': lambda **marks: draw_curves(LOSSES, RATES, SCORES, **marks),
    'confusion': lambda **marks: draw_confusion(CONFUSIONS, HEALTH_CLASSES, **marks),
    'reliability': lambda **marks: draw_reliability(
        RELIABILITY, Estimate(0.2, 0.1, 0.3), **marks
    ),
    'ranking': lambda **marks: draw_ranking(
        RANKED,
        AREAS,
        AREAS,
        shares={'Healthy': 0.4, 'Transitional': 0},
        shades=SHADES,
        **marks,
    ),
}


def texts(part):
    return [text.get_text() for text in part.texts]


@pytest.mark.parametrize('kind', FIGURES)
def test_note_and_run_are_in_the_head_and_nothing_is_cut_off(kind):
    note = 'simulated, LEAKED SPLIT'
    figure = FIGURES[kind](note=note, subtitle='a_run/with_$a_long$_name ' * 20)
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((edge == 255).all() for edge in edges)
    boxes = {text.get_text(): text.get_window_extent() for text in figure.texts}
    marked = boxes.pop(note)
    subtitle = next(text for text in boxes if text.startswith('a_run/with_$'))
    assert '…' in subtitle
    assert not any(marked.overlaps(box) for box in boxes.values())
    head = min(box.y0 for box in (marked, boxes[subtitle]))
    assert all(axes.get_tightbbox().y1 < head for axes in figure.axes)


def test_curves_have_a_panel_each_and_empty_ones_none():
    figure = FIGURES['curves']()
    panels = {axes.get_title(loc='left'): axes for axes in figure.axes}
    titles = ['loss: total', 'loss: health', 'learning rate', 'validation']
    assert list(panels) == titles
    first, second = panels['loss: health'].lines
    assert first.get_xdata().tolist() == [20, 40]
    assert first.get_ydata().tolist() == [1.0, 0.5]
    np.testing.assert_array_equal(second.get_ydata(), [2.0, math.nan])
    assert first.get_linestyle() != second.get_linestyle()
    assert panels['learning rate'].get_yscale() == 'log'
    assert panels['loss: total'].get_yscale() == 'linear'


def test_the_best_validation_is_ringed():
    curve, ring = FIGURES['curves']().axes[-1].lines
    np.testing.assert_array_equal(curve.get_ydata(), [40, 70, math.nan])
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (20, 70)


def test_confusion_shows_counts_and_the_shares_of_each_true_class():
    samples, vessels = FIGURES['confusion']().axes
    cells = ['8\n80 %', '2\n20 %', '0\n0 %', '1\n25 %', '3\n75 %', '0\n0 %']
    assert texts(samples) == [*cells, '0', '0', '0']  # no sample is Acidotic
    (image,) = samples.images
    np.testing.assert_allclose(image.get_array()[0], [0.8, 0.2, 0])
    assert samples.get_title() == 'samples (14)'
    assert vessels.get_title() == 'vessels (7)'
    labels = [label.get_text() for label in samples.get_yticklabels()]
    assert labels == list(HEALTH_CLASSES)
    assert (samples.get_xlabel(), samples.get_ylabel()) == ('predicted', 'true')


def test_cells_are_readable_whatever_their_shade():
    samples, _ = FIGURES['confusion']().axes
    (image,) = samples.images
    for text, share in zip(samples.texts, image.get_array().ravel(), strict=True):
        cell = np.array(image.to_rgba(np.array([[share]])))[0, 0, :3]
        ink = 1.0 if text.get_color() == 'white' else 0.16
        assert abs(cell @ [0.21, 0.72, 0.07] - ink) > 0.4


def test_reliability_has_no_bar_for_an_empty_bin_and_tells_the_counts():
    figure = FIGURES['reliability']()
    upper, lower = figure.axes
    heights = [bar.get_height() for bar in upper.patches]
    assert heights == [0.25, 1.0]
    assert upper.patches[0].get_x() == pytest.approx(1 / 3)
    (gaps,) = upper.collections
    ends = [segment[:, 1].tolist() for segment in gaps.get_segments()]
    assert ends == [[0.25, 0.5], [1.0, 0.9]]
    assert texts(lower) == ['6', '2']
    assert any('20.0 [10.0, 30.0] %' in text for text in texts(figure))


def test_ranking_draws_each_class_that_is_defined_in_its_colour():
    roc, pr = FIGURES['ranking']().axes
    chance, curve = roc.lines
    assert list(chance.get_ydata()) == [0, 1]
    assert list(curve.get_ydata()) == [0, 1, 1]
    np.testing.assert_allclose(np.multiply(255, curve.get_color()), HEALTH_PALETTE[0])
    labels = [text.get_text() for text in roc.get_legend().get_texts()]
    assert labels == ['Healthy: AUC 100.0 [90.0, 100.0]']
    steps, guess = pr.lines
    # precision 0.8 holds from recall 0.5 down to 0, as average precision counts it
    assert steps.get_drawstyle() == 'steps-post'
    assert list(steps.get_xdata()) == [1, 0.5, 0]
    assert list(guess.get_ydata()) == [0.4, 0.4]


def test_ranking_without_a_curve_says_so():
    nothing = {'Healthy': {'roc': None, 'pr': None}}
    figure = draw_ranking(nothing, AREAS, AREAS, shares={'Healthy': 1.0}, shades=SHADES)
    assert [texts(axes) for axes in figure.axes] == [['undefined'], ['undefined']]
