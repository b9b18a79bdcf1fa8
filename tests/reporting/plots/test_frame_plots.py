"""Figures of frames: each tile shows its own frame and mask."""

import numpy as np
import pytest

from fume_mm.drawing.canvas import Canvas
from fume_mm.reporting.plots.frame_plots import (
    GAP,
    LINE,
    TILE,
    Example,
    draw_gallery,
    draw_grid,
)
from fume_mm.structures import SEG_PALETTE

TALL = TILE * 48 // 64


def example(level, *, truth=2, prediction=1, size=(48, 64), words=()):
    """A gray frame whose lower half is one class in the truth, another predicted."""
    masks = []
    for class_id in (truth, prediction):
        mask = np.zeros(size, np.uint8)
        mask[size[0] // 2 :] = class_id or 0
        masks.append(mask)
    predicted = None if prediction is None else masks[1]
    return Example(
        f'level {level}', np.full(size, level, np.uint8), masks[0], predicted, words
    )


@pytest.fixture
def written(monkeypatch):
    """The texts in the picture, those that were cut with an ellipsis."""
    texts = []

    def text(self, place, text, *args, **options):
        width = real(self, place, text, *args, **options)
        align = options.get('align', 'left')
        left = place[0] - {'left': 0, 'middle': width // 2, 'right': width}[align]
        assert 0 <= left <= left + width <= self.width, text
        texts.append(text)
        return width

    real = Canvas.text
    monkeypatch.setattr(Canvas, 'text', text)
    return texts


def tiles(figure):
    """The tiles in the picture, row by row: all that is as gray as its upper edge."""
    (axes,) = figure.axes
    picture = np.asarray(axes.images[0].get_array())
    found, top = [], 0
    for y in range(len(picture) - TALL):
        lefts = [
            x
            for x in range(picture.shape[1] - TILE + 1)
            if y >= top
            and len(np.unique(picture[y, x : x + TILE])) == 1
            and picture[y, x, 0] != 255
            and (x == 0 or (picture[y, x - 1] == 255).all())
        ]
        if lefts:
            top = y + TALL
            found += [picture[y : y + TALL, x : x + TILE] for x in lefts]
    return found


def tinted(level, class_id):
    return np.round(0.55 * level + 0.45 * np.array(SEG_PALETTE[class_id]))


def test_grid_has_input_truth_and_prediction_of_each_example(written):
    rows = {('Healthy', 'best'): example(50), ('Healthy', 'worst'): example(90)}
    figure = draw_grid({'co2': rows, 'ch4': {('Healthy', 'best'): example(130)}})
    pictures = tiles(figure)
    assert len(pictures) == 9
    for number, level in enumerate((50, 130, 90)):  # row by row
        frame, truth, prediction = pictures[3 * number : 3 * number + 3]
        assert (frame == level).all()
        assert (truth[0] == level).all()
        place = TALL * 3 // 4, TILE // 2
        np.testing.assert_array_equal(truth[place], tinted(level, 2))
        np.testing.assert_array_equal(prediction[place], tinted(level, 1))
    assert written.count('Healthy') == 1
    assert 'no such frame' in written  # CH4 has no worst one
    said = {'CO2 frames', 'CH4 frames', 'best', 'worst', 'level 130', 'tube', 'gas'}
    assert said <= set(written)
    assert written.count('input') == written.count('prediction') == 2


def test_rows_of_a_class_stay_together_whichever_gas_has_them(written):
    co2 = {('Healthy', 'best'): example(1), ('Acidotic', 'median'): example(2)}
    ch4 = {('Healthy', 'median'): example(3), ('Acidotic', 'median'): example(4)}
    draw_grid({'co2': co2, 'ch4': ch4})
    assert written.count('Healthy') == written.count('Acidotic') == 1
    assert written.count('no such frame') == 2


def test_gallery_keeps_the_order_and_says_the_words(written):
    words = ['gas missed (9 px)', 'Healthy taken for Acidotic ' + 'x ' * 60]
    figure = draw_gallery([example(10, words=words), example(20)], note='simulated')
    assert [tile[0, 0, 0] for tile in tiles(figure)] == [10, 10, 10, 20, 20, 20]
    assert {'1  level 10', '2  level 20', 'gas missed (9 px)'} <= set(written)
    assert 'simulated' in [text.get_text() for text in figure.texts]
    # longer ones are wrapped, not cut
    assert ' '.join(text for text in written if 'x x' in text).count('x') == 60


def test_the_picture_lies_between_head_and_foot():
    foot = ['a line', 'another']
    figure = draw_gallery([example(10)], note='simulated', subtitle='run', foot=foot)
    figure.canvas.draw()
    (axes,) = figure.axes
    box = axes.get_window_extent()
    texts = {text.get_text(): text.get_window_extent() for text in figure.texts}
    assert max(texts[line].y1 for line in foot) <= box.y0 + 1
    assert min(texts[line].y0 for line in ('simulated', 'run')) >= box.y1
    # a pixel of the picture is one of the file, so that letters are sharp
    shape = axes.images[0].get_array().shape
    assert (box.height, box.width) == pytest.approx(shape[:2], abs=0.5)


def test_without_predicted_masks_there_is_no_third_tile(written):
    figure = draw_gallery([example(10, prediction=None)])
    assert len(tiles(figure)) == 2
    assert 'prediction' not in written


@pytest.mark.parametrize('size', [(480, 640), (12, 16)])
def test_frames_have_one_size_and_ignored_pixels_are_explained(written, size):
    assert len(tiles(draw_gallery([example(10, truth=255, size=size)]))) == 3
    assert {'tube', 'gas', 'ignored'} <= set(written)


def test_a_long_name_is_cut_to_its_block(written):
    """And a dollar in it is no formula."""
    long = example(1)._replace(caption='$a_{$' * 99)
    figure = draw_grid({'co2': {('$x$', 'best'): long}})
    width = figure.axes[0].images[0].get_array().shape[1]
    assert width < 3 * (TILE + GAP) + 10 * LINE
    assert '$x$' in written
