import itertools

import numpy as np
import pandas as pd
import pytest

from fume_mm.reporting.plots.campaign_plots import (
    draw_areas,
    draw_availability,
    draw_counts,
    draw_gray_levels,
    draw_intensity,
    draw_ph,
)
from fume_mm.structures import HEALTH_PALETTE, SEG_PALETTE

WARNING = (178, 60, 0)
GROUPS = ['Healthy', 'Acidotic']
BY_CLASS = pd.DataFrame(
    [('train', 'Healthy', 7), ('train', 'Acidotic', 5), ('test', 'Acidotic', 2)],
    columns=['split', 'health', 'frames'],
)
BY_PH = pd.DataFrame(
    [(6.5, 3, 4), (5.3, 2, 0), (np.nan, 9, 9)], columns=['ph', 'co2', 'ch4']
)
AVAILABILITY = pd.DataFrame(
    [('train', 'Healthy', 5, 2, 1), ('val', 'Healthy', 3, 0, 4)],
    columns=['split', 'health', 'both', 'co2_only', 'ch4_only'],
)
MEASURED = pd.DataFrame(
    [
        ('co2', 'Healthy', 0.0, 0.02, 50, np.nan),
        ('co2', 'Healthy', 0.1, 0.02, 60, 3),
        ('co2', 'Healthy', 0.2, 0.03, 70, 5),
        ('co2', 'Acidotic', 0.4, 0.05, 80, -9),
        ('ch4', 'Acidotic', np.nan, np.nan, np.nan, np.nan),
    ],
    columns=[
        *('gas_type', 'health', 'gas_share', 'tube_share'),
        *('background_gray', 'contrast'),
    ],
)
HISTOGRAMS = {'co2': np.zeros((3, 256), int), 'ch4': np.zeros((3, 256), int)}
HISTOGRAMS['ch4'][0, [10, 20]] = 30, 10
HISTOGRAMS['ch4'][2, 40] = 5
FIGURES = {
    'counts': lambda note: draw_counts(BY_CLASS, GROUPS, note=note),
    'ph': lambda note: draw_ph(BY_PH, note=note),
    'availability': lambda note: draw_availability(AVAILABILITY, note=note),
    'areas': lambda note: draw_areas(MEASURED, GROUPS, note=note),
    'intensity': lambda note: draw_intensity(MEASURED, GROUPS, note=note),
    'gray levels': lambda note: draw_gray_levels(HISTOGRAMS, note=note),
}


def pixels(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3]


def colour(patch):
    return tuple(round(255 * value) for value in patch.get_facecolor()[:3])


def heights(axes):
    """Heights of the bars, container by container."""
    return [[bar.get_height() for bar in bars] for bars in axes.containers]


def medians(axes):
    """x and y of the thick lines in the boxes."""
    lines = [line for line in axes.lines if line.get_linewidth() == 2]
    return [
        (round(float(np.mean(line.get_xdata())), 6), float(line.get_ydata()[0]))
        for line in lines
    ]


@pytest.mark.parametrize('kind', FIGURES)
def test_the_note_is_in_a_box_of_its_own_and_nothing_is_cut_off(kind):
    figure = FIGURES[kind]('simulated')
    image = pixels(figure)
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((edge == 255).all() for edge in edges)
    assert (image[:50, image.shape[1] // 2 :] == WARNING).all(-1).sum() > 100
    (note,) = [text for text in figure.texts if text.get_text() == 'simulated']
    box = note.get_window_extent()
    others = [axes.title for axes in figure.axes]
    others += [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    assert len(others) > len(figure.axes)
    assert not any(box.overlaps(other.get_window_extent()) for other in others)
    titles = [axes.title.get_window_extent() for axes in figure.axes]
    assert all(a.x1 <= b.x0 for a, b in itertools.pairwise(titles))


def test_without_a_note_there_is_no_box():
    image = pixels(draw_counts(BY_CLASS, GROUPS))
    assert not (image == WARNING).all(-1).any()


def test_frames_without_gas_have_bars_and_no_boxes():
    rows = MEASURED.assign(gas_share=0.0, contrast=np.nan)
    area, _, empty = draw_areas(rows, GROUPS).axes
    assert medians(area) == []
    # all of the three and the two frames; there is no Healthy one of CH4
    assert heights(empty) == [[100, 0], [100, 100]]
    assert medians(draw_intensity(rows, GROUPS).axes[1]) == []


def test_counts_are_the_heights_and_what_is_not_there_is_0():
    (axes,) = draw_counts(BY_CLASS, GROUPS).axes
    assert heights(axes) == [[7, 0], [5, 2]]
    assert [colour(bars[0]) for bars in axes.containers] == [
        HEALTH_PALETTE[0],
        HEALTH_PALETTE[2],
    ]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ['train', 'test']


def test_bars_stand_at_their_ph_without_the_rows_that_have_none():
    (axes,) = draw_ph(BY_PH).axes
    assert heights(axes) == [[3, 2], [4, 0]]
    co2, ch4 = axes.containers
    assert co2[0].get_x() + co2[0].get_width() == pytest.approx(6.5)
    assert ch4[0].get_x() == pytest.approx(6.5)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ['6.5', '5.3']


def test_ph_limits_are_shaded_in_the_colours_of_the_classes():
    (axes,) = draw_ph(BY_PH).axes
    bars = {bar for bars in axes.containers for bar in bars}
    spans = [patch for patch in axes.patches if patch not in bars]
    places = [(span.get_x(), span.get_x() + span.get_width()) for span in spans]
    np.testing.assert_allclose(places, [(6.05, 6.7), (5.75, 6.05), (5.1, 5.75)])
    assert [colour(span) for span in spans] == list(HEALTH_PALETTE)


def test_availability_is_stacked_by_split():
    train, val = draw_availability(AVAILABILITY).axes
    assert [train.get_title(), val.get_title()] == ['train', 'val']
    assert heights(train) == [[5], [2], [1]]
    assert [bars[0].get_y() for bars in val.containers] == [0, 3, 3]


def test_areas_are_percent_and_of_frames_that_have_gas():
    area, tube, empty = draw_areas(MEASURED, GROUPS).axes
    # Clusters at 0 (CO2) and 1 (CH4), of two boxes 0.4 wide; CH4 has no area.
    assert medians(area) == [(-0.2, 15.0), (0.2, 40.0)]
    assert medians(tube) == [(-0.2, 2.0), (0.2, 5.0)]
    np.testing.assert_allclose(heights(empty), [[100 / 3, 0], [0, 0]])


def test_intensity_has_a_box_for_each_gas_and_class_with_values():
    background, contrast = draw_intensity(MEASURED, GROUPS).axes
    assert medians(background) == [(-0.2, 60.0), (0.2, 80.0)]
    assert medians(contrast) == [(-0.2, 4.0), (0.2, -9.0)]
    boxes = list(contrast.patches)
    assert [colour(box) for box in boxes] == [HEALTH_PALETTE[0], HEALTH_PALETTE[2]]


def test_gray_levels_are_percent_of_each_class_that_has_pixels():
    (axes,) = draw_gray_levels(HISTOGRAMS).axes  # CO2 has none
    assert axes.get_title() == 'CH4 frames'
    background, gas = axes.lines
    assert [line.get_label() for line in axes.lines] == ['background', 'gas']
    assert background.get_ydata()[[10, 20, 30]].tolist() == [75, 25, 0]
    assert gas.get_ydata()[40] == 100
    np.testing.assert_allclose(np.multiply(255, gas.get_color()), SEG_PALETTE[2])


def test_rows_without_a_class_are_drawn_in_gray():
    rows = MEASURED.assign(health='no class')
    figure = draw_intensity(rows, ['no class'])
    assert medians(figure.axes[0]) == [(0.0, 65.0)]
    assert len(set(colour(figure.axes[0].patches[0]))) == 1
