import importlib
import subprocess
import sys

import numpy as np
import pytest

import fume_mm.drawing
from fume_mm.drawing import canvas
from fume_mm.drawing.side_by_side import TOP, SideBySide

ABSENT = (232, 232, 232)
BLUE_ON_100 = [55, 106, 135]
ACIDOTIC = (213, 94, 0)


def gray(size, level=100):
    return np.full(size[::-1], level, np.uint8)


def test_tiles_stand_side_by_side_in_the_order_of_the_gases():
    drawing = SideBySide({'ch4': (360, 240), 'co2': (400, 200)})
    image = drawing.draw(
        {'co2': gray((400, 200), 50), 'ch4': gray((360, 240), 150)}, {}, None, title='t'
    )
    assert drawing.size == image.shape[1::-1]
    assert (image[TOP : TOP + 200, :400] == 50).all()
    assert (image[TOP + 200 : TOP + 240, :400] == 255).all()
    assert (image[TOP : TOP + 240, -360:] == 150).all()
    assert (image[TOP:, 400:-360] == 255).all()


@pytest.mark.parametrize(
    ('size', 'tile'), [((64, 48), (360, 270)), ((1280, 1024), (640, 512))]
)
def test_small_and_large_frames_are_scaled(size, tile):
    drawing = SideBySide({'co2': size})
    mask = np.zeros(size[::-1], np.uint8)
    mask[:, : size[0] // 2] = 1
    image = drawing.draw({'co2': gray(size)}, {'co2': mask}, None, title='')
    assert drawing.size[0] == tile[0]
    assert image[TOP + tile[1] // 2, tile[0] // 4].tolist() == BLUE_ON_100
    assert image[TOP + tile[1] // 2, 3 * tile[0] // 4].tolist() == [100] * 3
    assert (image[TOP + tile[1] :] == 255).all()


@pytest.mark.parametrize('size', [(361, 241), (639, 479), (333, 77)])
@pytest.mark.parametrize('gases', [('co2',), ('co2', 'ch4')])
def test_sizes_are_even_as_codecs_want_them(size, gases):
    drawing = SideBySide(dict.fromkeys(gases, size))
    width, height = drawing.size
    assert width % 2 == height % 2 == 0
    assert drawing.draw({}, {}, None, title='').shape == (height, width, 3)


def test_an_absent_gas_is_gray_not_black():
    drawing = SideBySide({'co2': (360, 270), 'ch4': (360, 270)})
    image = drawing.draw({'ch4': gray((360, 270))}, {}, None, title='')
    tile = image[TOP : TOP + 270, :360]
    assert (tile[:100] == ABSENT).all()
    assert (tile[100:170] != ABSENT).any()  # says that it was not recorded
    assert image[:, :360].max(axis=2).min() > 0


def test_bars_are_as_long_as_probabilities():
    drawing = SideBySide({'co2': (640, 480)})
    lengths = []
    for score in (0.5, 1.0):
        image = drawing.draw({}, {}, [1 - score, 0.0, score], title='')
        lengths.append((image == ACIDOTIC).all(-1)[TOP + 480 :].any(axis=0).sum())
    assert lengths[0] == pytest.approx(lengths[1] / 2, abs=2)


def test_pictures_do_not_leave_traces_on_the_next():
    drawing = SideBySide({'co2': (320, 240)}, note='training data: simulated')
    empty = drawing.draw({}, {}, None, title='')
    drawing.draw({'co2': gray((320, 240))}, {}, [0.2, 0.3, 0.5], title='x')
    assert (drawing.draw({}, {}, None, title='') == empty).all()
    plain = SideBySide({'co2': (320, 240)}).draw({}, {}, None, title='')
    assert (plain != empty).any()


@pytest.mark.parametrize('letters', ['PIL', 'matplotlib', None])
def test_texts_are_whole_and_apart_in_the_smallest_picture(monkeypatch, letters):
    """Of one small gas, with a note: time, areas and probabilities up to 100 %."""
    written = []

    def text(self, place, text, size=15, **options):
        width = real(self, place, text, size, **options)
        bold = options.get('bold', False)
        height, whole = canvas.draw_letters(text, size, bold).shape
        assert width == whole, text
        align = {'left': 0, 'middle': 0.5, 'right': 1}[options.get('align', 'left')]
        left, top = place[0] - align * width, place[1] - height / 2
        written.append((text, left, top, left + width, top + height))
        return width

    if letters:
        monkeypatch.setitem(sys.modules, letters, None)
    for cached in (canvas._font, canvas.draw_letters):
        cached.cache_clear()
    real = canvas.Canvas.text
    monkeypatch.setattr(canvas.Canvas, 'text', text)
    drawing = SideBySide({'co2': (64, 48)}, note='training data: simulated')
    mask = {'co2': np.full((48, 64), 2, np.uint8)}
    frames = {'co2': gray((64, 48))}
    drawing.draw(frames, mask, [1, 0, 0], title='00:12.34')
    for cached in (canvas._font, canvas.draw_letters):
        cached.cache_clear()
    said = [line[0] for line in written]
    assert {'CO2', 'tube 0.0 %', 'gas 100.0 %', 'Acidotic', '0.0 %'} <= set(said)
    for index, (_, left, top, right, bottom) in enumerate(written):
        assert 0 <= left < right <= drawing.size[0]
        for other in written[:index]:
            apart = other[3] <= left or right <= other[1]
            assert apart or other[4] <= top + 4 or bottom - 4 <= other[2], other


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
