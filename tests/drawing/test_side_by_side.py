import importlib
import subprocess
import sys

import numpy as np
import pytest

import fume_mm.drawing
from fume_mm.drawing.side_by_side import SideBySide

ABSENT = (214, 214, 214)
BLUE_ON_100 = [55, 106, 135]
ACIDOTIC = (213, 94, 0)


def gray(size, level=100):
    return np.full(size[::-1], level, np.uint8)


def test_tiles_stand_side_by_side_in_the_order_of_the_gases():
    drawing = SideBySide({'ch4': (320, 240), 'co2': (400, 200)})
    image = drawing.draw(
        {'co2': gray((400, 200), 50), 'ch4': gray((320, 240), 150)}, {}, None, title='t'
    )
    assert image.shape == (30 + 240 + 96, 400 + 4 + 320, 3)
    assert drawing.size == image.shape[1::-1]
    assert (image[30:230, :400] == 50).all()
    assert (image[230:270, :400] == 255).all()
    assert (image[30:270, 404:] == 150).all()


@pytest.mark.parametrize(
    ('size', 'tile'), [((64, 48), (320, 240)), ((1280, 1024), (640, 512))]
)
def test_small_and_large_frames_are_scaled(size, tile):
    drawing = SideBySide({'co2': size})
    mask = np.zeros(size[::-1], np.uint8)
    mask[:, : size[0] // 2] = 1
    image = drawing.draw({'co2': gray(size)}, {'co2': mask}, None, title='')
    assert drawing.size == (tile[0], 30 + tile[1] + 96)
    assert image[30 + tile[1] // 2, tile[0] // 4].tolist() == BLUE_ON_100
    assert image[30 + tile[1] // 2, 3 * tile[0] // 4].tolist() == [100] * 3


@pytest.mark.parametrize('size', [(321, 241), (639, 479), (333, 77)])
def test_sizes_are_even_as_codecs_want_them(size):
    width, height = SideBySide({'co2': size, 'ch4': size}).size
    assert width % 2 == height % 2 == 0


def test_an_absent_gas_is_gray_not_black():
    drawing = SideBySide({'co2': (320, 240), 'ch4': (320, 240)})
    image = drawing.draw({'ch4': gray((320, 240))}, {}, None, title='')
    assert (image[30:120, :320] == ABSENT).all()
    assert image[:, :320].max(axis=2).min() > 0


def test_bars_are_as_long_as_probabilities():
    drawing = SideBySide({'co2': (640, 480)})
    lengths = []
    for score in (0.5, 1.0):
        image = drawing.draw({}, {}, [1 - score, 0.0, score], title='')
        lengths.append((image == ACIDOTIC).all(-1)[500:].any(axis=0).sum())
    assert lengths[0] == pytest.approx(lengths[1] / 2, abs=1)


def test_pictures_do_not_leave_traces_on_the_next():
    drawing = SideBySide({'co2': (320, 240)}, note='training data: simulated')
    empty = drawing.draw({}, {}, None, title='')
    drawing.draw({'co2': gray((320, 240))}, {}, [0.2, 0.3, 0.5], title='x')
    assert (drawing.draw({}, {}, None, title='') == empty).all()
    plain = SideBySide({'co2': (320, 240)}).draw({}, {}, None, title='')
    assert (plain != empty).any()


def test_overlay_is_the_function_whatever_was_imported_before():
    importlib.import_module('fume_mm.drawing.overlay')
    assert callable(fume_mm.drawing.overlay)


def test_names_of_the_package():
    for name in fume_mm.drawing.__all__:
        assert callable(getattr(fume_mm.drawing, name))
    with pytest.raises(AttributeError, match='overlays'):
        _ = fume_mm.drawing.overlays


def test_overlays_are_light():
    code = (
        'import sys; from fume_mm.drawing import overlay; '
        'print([x for x in ("torch", "matplotlib", "mmengine", "PIL") '
        'if x in sys.modules])'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == '[]'
