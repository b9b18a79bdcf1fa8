from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.errors import UserError
from fume_mm.io.images import read_frame, read_gray, require_image


@pytest.fixture
def gray() -> np.ndarray:
    return np.arange(32 * 40, dtype=np.uint8).reshape(32, 40)


def write(path: Path, pixels: np.ndarray) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
    return path


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.tif', '.pgm'])
def test_a_file_of_gray_levels_is_read_as_it_is(tmp_path, gray, suffix):
    frame, done = read_frame(write(tmp_path / f'ä b{suffix}', gray))
    assert (frame == gray).all()
    assert done is None


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_equal_channels_are_gray(gray, channels):
    pixels = np.repeat(gray[..., None], channels, axis=2)
    if channels == 4:
        pixels[..., 3] = 255
    frame, done = read_frame(pixels)
    assert (frame == gray).all()
    assert done is None


def test_colour_becomes_its_luma_and_is_said():
    # BGR of pure blue, green and red; BT.601: 0.114, 0.587, 0.299 of 255
    pixels = np.zeros((16, 48, 3), np.uint8)
    for channel in range(3):
        pixels[:, 16 * channel : 16 * (channel + 1), channel] = 255
    frame, done = read_frame(pixels)
    assert frame[0, ::16].tolist() == [29, 150, 76]
    assert done == 'luma of colour'


@pytest.mark.parametrize('dtype', [np.uint16, np.float32, np.float64])
def test_radiometric_frames_are_stretched(dtype):
    # percentiles 0.5 and 99.5 of 0 to 1000 are 5 and 995
    values = np.linspace(0, 1000, 1001 * 16).reshape(16, 1001)
    frame, done = read_frame(values.astype(dtype))
    low, high = frame[0, 0], frame[-1, -1]
    assert (low, high) == (0, 255)
    middle = frame.ravel()[500 * 16 + 8]
    assert middle == pytest.approx(127.5, abs=1)
    assert done == f'{np.dtype(dtype)} stretched to 8 bits'


def test_16_bit_file_keeps_its_faint_plume(tmp_path):
    scene = np.full((32, 32), 20_000, np.uint16)
    scene[8:24, 8:24] = 20_040
    frame = read_gray(write(tmp_path / 'a.png', scene))
    assert frame[0, 0] == 0
    assert frame[16, 16] == 255


def test_a_constant_radiometric_frame_is_no_error():
    assert (read_gray(np.full((16, 16), 7.0)) == 0).all()


def test_a_view_becomes_contiguous(gray):
    frame = read_gray(gray[::-1, ::-1])
    assert frame.flags.c_contiguous
    assert (frame == gray[::-1, ::-1]).all()


@pytest.mark.parametrize(
    ('pixels', 'said'),
    [
        (np.zeros((20, 20), bool), 'is bool of shape'),
        (np.zeros((20, 20, 2), np.uint8), r'of shape \(20, 20, 2\)'),
        (np.zeros((20,), np.uint8), r'of shape \(20,\)'),
        (np.zeros((15, 40), np.uint8), 'is 40x15 pixels'),
        (np.full((20, 20), np.nan), 'no numbers'),
    ],
)
def test_what_is_no_frame_is_named(pixels, said):
    with pytest.raises(UserError, match=f'^the ch4 frame: .*{said}'):
        read_gray(pixels, what='the ch4 frame')


@pytest.mark.parametrize('content', [b'', b'<html>' * 9])
def test_a_file_that_is_no_image_is_seen_before_it_is_decoded(tmp_path, content):
    path = tmp_path / 'a.png'
    path.write_bytes(content)
    for use in (require_image, read_gray):
        with pytest.raises(UserError, match=r'a\.png: is not an image'):
            use(path)


def test_a_broken_image_is_named(tmp_path, gray):
    path = write(tmp_path / 'a.png', gray)
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(UserError, match=r'a\.png: is not an image'):
        read_gray(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r'a\.png: there is no such co2 frame'):
        read_gray(tmp_path / 'a.png', what='the co2 frame')


def test_a_video_is_sent_to_its_demo(tmp_path):
    (tmp_path / 'a.mp4').write_bytes(b'x')
    with pytest.raises(UserError, match=r'a\.mp4: is a video; .*video_demo'):
        require_image(tmp_path / 'a.mp4')
