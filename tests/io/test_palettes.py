"""Palettes that luma undoes, and those that it cannot; the gray levels are known."""

import cv2
import numpy as np
import pytest

from fume_mm.errors import UserError
from fume_mm.io.images import read_frame
from fume_mm.io.recordings import open_recording
from tests.recordings import scene

RISING = ('HOT', 'INFERNO', 'MAGMA', 'PLASMA', 'VIRIDIS', 'CIVIDIS', 'PINK', 'BONE')
FALLING = ('JET', 'RAINBOW', 'HSV', 'TURBO')
SIZE = (160, 120)


def palette(name: str) -> np.ndarray:
    """(256, 3) uint8 BGR."""
    levels = np.arange(256, dtype=np.uint8)[None]
    return cv2.applyColorMap(levels, getattr(cv2, f'COLORMAP_{name}'))[0]


def iron() -> np.ndarray:
    """Iron as cameras have it: black, blue, magenta, orange, yellow, white."""
    at = [0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1]
    red = [0, 20, 120, 190, 230, 250, 255, 255]
    green = [0, 0, 0, 20, 80, 150, 220, 255]
    blue = [10, 110, 155, 150, 30, 0, 50, 246]
    levels = [np.interp(np.linspace(0, 1, 256), at, x) for x in (blue, green, red)]
    return np.stack(levels, axis=1).astype(np.uint8)


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    coded = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)


@pytest.fixture(params=[0, 95, 70], ids=['lossless', 'JPEG 95', 'JPEG 70'])
def coded(request):
    return lambda x: jpeg(x, request.param) if request.param else x


@pytest.mark.parametrize('number', range(3))
@pytest.mark.parametrize('name', FALLING)
def test_palettes_that_cannot_be_undone_are_refused(name, number, coded):
    picture = coded(palette(name)[scene(number, size=SIZE)])
    with pytest.raises(UserError, match=r'rainbow kind.*white hot'):
        read_frame(picture)


@pytest.mark.parametrize('number', range(3))
@pytest.mark.parametrize('name', [*RISING, 'iron'])
def test_luma_keeps_the_order_of_levels(name, number, coded):
    levels = scene(number, size=SIZE)
    colours = iron() if name == 'iron' else palette(name)
    frame, done = read_frame(coded(colours[levels]))
    assert done.endswith(('palette, luma', 'luma of colour'))
    # brighter stays brighter, but for noise of the compression
    means = [frame[levels // 20 == step].mean() for step in range(2, 9)]
    assert (np.diff(means) > 3).all()


def test_iron_and_its_kind_are_said():
    levels = scene(size=SIZE)
    for colours in (iron(), palette('HOT'), palette('INFERNO')):
        assert read_frame(colours[levels])[1] == 'iron-like palette, luma'
    assert read_frame(palette('VIRIDIS')[levels])[1] == 'colour palette, luma'


def test_coloured_marks_on_a_gray_frame_are_no_palette(coded):
    picture = cv2.cvtColor(scene(size=(320, 240)), cv2.COLOR_GRAY2BGR)
    cv2.putText(picture, 'FLIR 23.4', (8, 30), 0, 1, (0, 140, 255), 2)
    picture[40:200, 300:312] = palette('JET')[
        np.linspace(0, 255, 160).astype(int), None
    ]
    cv2.circle(picture, (160, 120), 9, (0, 255, 0), 1)
    frame, done = read_frame(coded(picture))
    assert done == 'luma of colour'
    assert abs(frame[220:].mean() - scene(size=(320, 240))[220:].mean()) < 2


def test_photographs_and_few_colours_are_no_palette():
    rng = np.random.default_rng(0)
    photograph = cv2.resize(
        rng.integers(0, 256, (30, 40, 3), np.uint8), (320, 240), interpolation=2
    )
    assert read_frame(photograph)[1] == 'luma of colour'
    drawn = np.zeros((60, 80, 3), np.uint8)
    drawn[:, 20:40, 0], drawn[:, 40:60, 1], drawn[:, 60:, 2] = 255, 130, 255
    assert read_frame(drawn)[1] == 'luma of colour'


def test_a_video_in_a_palette_is_refused_before_its_first_frame(tmp_path):
    path = tmp_path / 'a.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, SIZE)
    for number in range(8):
        video.write(palette('JET')[scene(number, size=SIZE)])
    video.release()
    with pytest.raises(UserError, match=r'a\.avi, frame 0: is in a colour palette'):
        open_recording(path).limits  # noqa: B018
