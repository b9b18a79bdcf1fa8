"""Figures of frames: each tile shows its own frame and mask."""

import numpy as np

from fume_mm.reporting.plots.frame_plots import PIXELS, Example, draw_gallery, draw_grid
from fume_mm.structures import SEG_PALETTE


def example(level, *, truth=2, prediction=1, size=(48, 64), words=()):
    """A gray frame whose lower half is one class in the truth, another predicted."""
    masks = []
    for class_id in (truth, prediction):
        mask = np.zeros(size, np.uint8)
        mask[size[0] // 2 :] = class_id or 0
        masks.append(mask)
    said = None if prediction is None else masks[1]
    return Example(
        f'level {level}', np.full(size, level, np.uint8), masks[0], said, words
    )


def tiles(figure):
    return [axes.images[0].get_array() for axes in figure.axes]


def texts(figure):
    return [text.get_text() for text in figure.texts]


def tinted(level, class_id):
    return np.round(0.55 * level + 0.45 * np.array(SEG_PALETTE[class_id]))


def test_grid_has_input_truth_and_prediction_of_each_example():
    rows = {('Healthy', 'best'): example(50), ('Healthy', 'worst'): example(90)}
    figure = draw_grid({'co2': rows, 'ch4': {('Healthy', 'best'): example(130)}})
    pictures = tiles(figure)
    assert len(pictures) == 9
    for number, level in enumerate((50, 90, 130)):
        frame, truth, prediction = pictures[3 * number : 3 * number + 3]
        assert (frame == level).all()
        assert (truth[0] == level).all()
        np.testing.assert_array_equal(truth[40, 30], tinted(level, 2))
        np.testing.assert_array_equal(prediction[40, 30], tinted(level, 1))
    said = texts(figure)
    assert said.count('Healthy') == 1
    assert 'no such frame' in said  # CH4 has no worst one
    assert {'CO2 frames', 'CH4 frames', 'best', 'worst', 'level 130'} <= set(said)


def test_rows_of_both_gases_are_level():
    figure = draw_grid(
        {gas: {('Healthy', 'best'): example(9)} for gas in ('co2', 'ch4')}
    )
    tops = {round(axes.get_position().y1, 6) for axes in figure.axes}
    assert len(tops) == 1
    lefts = [axes.get_position().x0 for axes in figure.axes]
    assert lefts == sorted(set(lefts))
    assert lefts[0] > 0
    assert figure.axes[-1].get_position().x1 < 1


def test_rows_of_a_class_stay_together_whichever_gas_has_them():
    co2 = {('Healthy', 'best'): example(1), ('Acidotic', 'median'): example(2)}
    ch4 = {('Healthy', 'median'): example(3), ('Acidotic', 'median'): example(4)}
    said = texts(draw_grid({'co2': co2, 'ch4': ch4}))
    assert said.count('Healthy') == said.count('Acidotic') == 1
    assert said.count('no such frame') == 2


def test_gallery_keeps_the_order_and_says_the_words():
    words = ['gas missed (9 px)', 'Healthy taken for Acidotic ' + 'x ' * 60]
    figure = draw_gallery([example(10, words=words), example(20)], note='simulated')
    assert [picture[0, 0, 0] for picture in tiles(figure)] == [10, 10, 10, 20, 20, 20]
    tops = [axes.get_position().y1 for axes in figure.axes]
    assert tops[0] > tops[3]
    said = texts(figure)
    assert {'1  level 10', '2  level 20', 'simulated'} <= set(said)
    spoken = next(text for text in said if text.startswith('gas missed'))
    assert max(map(len, spoken.split('\n'))) <= 46
    figure.canvas.draw()
    width = figure.get_size_inches()[0] * figure.dpi
    assert all(text.get_window_extent().x1 < width for text in figure.texts)


def test_without_predicted_masks_there_is_no_third_tile():
    figure = draw_gallery([example(10, prediction=None)])
    assert len(figure.axes) == 2
    assert 'prediction' not in texts(figure)


def test_large_frames_are_made_smaller_and_ignored_pixels_are_explained():
    figure = draw_gallery([example(10, truth=255, size=(480, 640))])
    assert {picture.shape[1] for picture in tiles(figure)} == {PIXELS}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        'tube',
        'gas',
        'ignored',
    ]


def test_a_dollar_in_a_name_is_no_formula():
    grid = draw_grid({'co2': {('$x$', 'best'): example(1)._replace(caption='$a_{$')}})
    grid.canvas.draw()
    assert '$a_{$' in texts(grid)
