import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from fume_mm.errors import UserError
from fume_mm.io.images import (
    check_mask_values,
    fourth_channel,
    image_size,
    read_frame,
    read_gray,
    read_mask,
    read_mask_values,
    write_mask,
    write_png,
)
from fume_mm.io.limits import is_deep
from fume_mm.io.palette_png import as_gray
from fume_mm.structures import IGNORE_COLOUR, SEG_PALETTE


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
    for use in (image_size, read_gray):
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
        image_size(tmp_path / 'a.mp4')


def test_a_folder_is_no_frame(tmp_path):
    for use in (read_gray, image_size, read_mask):
        with pytest.raises(UserError, match='there is no such'):
            use(tmp_path)


# -- files with more to them than gray levels -----------------------------------------


def pillow_file(path: Path, image: Image.Image, *, turn: int = 1, **options) -> Path:
    exif = Image.Exif()
    exif[0x0112] = turn
    image.save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize(('turn', 'quarters'), [(1, 0), (3, 2), (6, 3), (8, 1)])
@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tif', '.webp'])
def test_orientation_is_applied_to_frames_masks_and_sizes(
    tmp_path, turn, quarters, suffix
):
    levels = np.full((32, 48), 90, np.uint8)
    levels[:16, :16] = 200
    path = pillow_file(tmp_path / f'a{suffix}', Image.fromarray(levels), turn=turn)
    expected = np.rot90(levels, quarters)
    frame = read_gray(path)
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).max() < 8  # JPEG and WebP lose some
    assert image_size(path) == expected.shape[::-1]
    if suffix in ('.png', '.tif'):
        classes = np.rot90(np.uint8(levels > 100) * 2, 0)
        for mode in ('L', 'P'):
            image = Image.fromarray(classes, mode='L')
            if mode == 'P':
                image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
            mask = pillow_file(tmp_path / f'm{suffix}', image, turn=turn)
            assert (read_mask(mask) == np.rot90(classes, quarters)).all()
            assert image_size(mask) == expected.shape[::-1]


def test_pages_are_not_dropped(tmp_path, gray):
    page = Image.fromarray(gray)
    path = tmp_path / 'a.tif'
    page.save(path, save_all=True, append_images=[page, page])
    for use in (read_gray, read_mask):
        with pytest.raises(UserError, match=r'a\.tif: holds several pages.*each page'):
            use(path)
    page.save(path)
    assert (read_gray(path) == gray).all()


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tif', '.bmp', '.pgm', '.webp'])
@pytest.mark.parametrize('share', [0.3, 0.9])
def test_a_file_that_was_cut_short_is_refused(tmp_path, suffix, share):
    levels = np.random.default_rng(0).integers(0, 255, (64, 80), np.uint8)
    path = write(tmp_path / f'a{suffix}', levels)
    data = path.read_bytes()
    path.write_bytes(data[: round(share * len(data))])
    for use in (read_gray, read_mask):
        with pytest.raises(UserError, match='cut short; restore the file'):
            use(path)


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.tif'])
@pytest.mark.parametrize('lost', [0.5, 0.05])
def test_what_was_cut_short_has_no_size_either(tmp_path, suffix, lost):
    path = tmp_path / f'frame{suffix}'
    noise = np.random.default_rng(0).integers(0, 255, (90, 120), np.uint8)
    cv2.imwrite(str(path), noise)
    assert image_size(path) == (120, 90)
    content = path.read_bytes()
    path.write_bytes(content + b'of another program')
    assert image_size(path) == (120, 90)
    path.write_bytes(content[: int(len(content) * (1 - lost))])
    with pytest.raises(UserError, match='cut short; restore the file'):
        image_size(path)


def test_a_small_file_of_too_many_pixels_is_refused_by_its_header(tmp_path):
    huge = {}
    for suffix in ('.png', '.tif'):
        huge[suffix] = path = tmp_path / f'frame{suffix}'
        Image.new('1', (9000, 9000)).save(path)
    head = bytearray(huge['.png'].read_bytes())
    head[16:24] = 2 * (50000).to_bytes(4, 'big')
    huge['bomb'] = tmp_path / 'bomb.png'
    huge['bomb'].write_bytes(head)
    for path in huge.values():
        for read in (image_size, read_gray, read_mask_values):
            with pytest.raises(UserError, match=r'says that it has .* pixels, and at'):
                read(path)


def test_a_pipe_or_a_device_is_no_frame(tmp_path):
    pipe, device = tmp_path / 'pipe.png', tmp_path / 'device.png'
    os.mkfifo(pipe)
    device.symlink_to('/dev/zero')
    for path in (pipe, device):
        for read in (image_size, read_gray, read_mask_values, fourth_channel):
            with pytest.raises(UserError, match='is a pipe, a socket or a device'):
                read(path)
        assert not is_deep(path)


@pytest.mark.parametrize('dtype', [np.uint16, np.float32, np.float64])
def test_a_radiometric_tiff_is_its_array(tmp_path, gray, dtype):
    values = gray.astype(dtype) * 40 + 1000
    path = write(tmp_path / 'a.tif', values)
    frame, done = read_frame(path)
    assert (frame == read_gray(values)).all()
    assert done == f'{np.dtype(dtype)} stretched to 8 bits'
    assert image_size(path) == (40, 32)


def test_alpha_is_left_out(tmp_path, gray):
    pixels = np.dstack([gray] * 4)
    frame, done = read_frame(write(tmp_path / 'a.png', pixels))
    assert (frame == gray).all()
    assert done is None


def test_a_palette_is_luma_in_a_frame_and_indices_in_a_mask(tmp_path):
    ids = np.zeros((20, 30), np.uint8)
    ids[5:, 5:15], ids[5:, 15:] = 1, 2
    image = Image.fromarray(ids, mode='L')
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    for name in ('a.png', 'a.bmp', 'a.tif'):
        image.save(tmp_path / name)
        assert (read_mask(tmp_path / name) == ids).all()
        frame, done = read_frame(tmp_path / name)
        assert (frame == np.array([0, 76, 150])[ids]).all()
        assert done == 'luma of colour'


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_equal_channels_are_one_mask(tmp_path, channels):
    ids = np.full((20, 30), 2, np.uint8)
    ids[3:5] = 255
    pixels = np.repeat(ids[..., None], channels, axis=2)
    mask = read_mask(write(tmp_path / 'a.png', pixels))
    assert mask.dtype == np.uint8
    assert (mask == ids).all()
    assert (read_mask(write(tmp_path / 'b.png', ids.astype(np.uint16))) == ids).all()


def test_what_is_no_mask_is_named(tmp_path):
    ids = np.zeros((20, 30), np.uint8)
    coloured = write(tmp_path / 'a.png', np.dstack([ids, ids + 1, ids]))
    with pytest.raises(UserError, match=r'a\.png: is a colour image, not a mask'):
        read_mask(coloured)
    wide = write(tmp_path / 'b.png', ids.astype(np.uint16) + 300)
    with pytest.raises(UserError, match=r'b\.png: holds uint16, and a mask has 8 bits'):
        read_mask(wide)
    floats = write(tmp_path / 'c.tif', ids.astype(np.float32))
    with pytest.raises(UserError, match='holds float32, and a mask has 8 bits'):
        read_mask(floats)
    values = write(tmp_path / 'd.png', ids + 127)
    with pytest.raises(UserError, match=r'd\.png: mask values 127 are no class'):
        read_mask(values)
    assert (read_mask_values(values) == 127).all()


@pytest.mark.parametrize('dtype', [np.uint8, np.int64, np.float32])
def test_mask_values(dtype):
    mask = np.array([[0, 1], [2, 0]], dtype)
    check_mask_values(mask, 'm.png')
    check_mask_values(np.zeros((0, 0), dtype), 'm.png')
    mask[0, 0] = 255  # unlabelled
    check_mask_values(mask, 'm.png')
    mask[0, 1], mask[1, 0] = 127, 254
    with pytest.raises(
        UserError, match=r'm\.png: mask values 127(\.0)?, 254(\.0)? are'
    ):
        check_mask_values(mask, 'm.png')


def test_the_first_value_beyond_the_classes():
    with pytest.raises(UserError, match=r'mask values 3 are no class'):
        check_mask_values(np.array([[0, 3]], np.uint8), 'm.png')


def test_mask_values_below_zero_between_and_many():
    with pytest.raises(UserError, match=r'mask values -1 are'):
        check_mask_values(np.array([[-1, 1]], np.int8), 'm.png')
    with pytest.raises(UserError, match=r'mask values 0\.5 are'):
        check_mask_values(np.array([[0.5, 1]]), 'm.png')
    with pytest.raises(UserError, match=r'values 3, 4, 5, 6, 7, 8, 9, 10 and 244 more'):
        check_mask_values(np.arange(256, dtype=np.uint8).reshape(16, 16), 'm.png')


def test_a_coloured_mask_is_refused():
    with pytest.raises(UserError, match=r'shape \(4, 5, 3\)'):
        check_mask_values(np.zeros((4, 5, 3), np.uint8), 'm.png')


# -- sizes and writing ----------------------------------------------------------------


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp', '.tiff'])
def test_image_size(tmp_path, suffix):
    path = write(tmp_path / f'frame{suffix}', np.zeros((48, 64), np.uint8))
    assert image_size(path) == (64, 48)


def test_image_size_of_what_is_no_image(tmp_path):
    with pytest.raises(UserError, match='there is no such image'):
        image_size(tmp_path / 'none.png')
    for content in (b'', b'\x89PNG\r\n\x1a\n', b'text' * 20):
        (tmp_path / 'a.png').write_bytes(content)
        with pytest.raises(UserError, match=r'a\.png: is not an image'):
            image_size(tmp_path / 'a.png')


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_what_is_written_is_read(tmp_path, gray, dtype):
    path = tmp_path / 'ä b.png'
    write_png(path, gray.astype(dtype))
    assert (cv2.imdecode(np.fromfile(path, np.uint8), -1) == gray).all()
    rgb = np.dstack([gray, gray // 2, 0 * gray])
    write_png(path, rgb)
    assert (np.asarray(Image.open(path)) == rgb).all()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_mask_is_written_as_ids_that_viewers_colour(tmp_path):
    ids = np.zeros((20, 30), np.uint8)
    ids[5:, 5:15], ids[5:, 15:] = 1, 2
    path, colours = tmp_path / 'ä b.png', np.array(SEG_PALETTE)
    for unlabelled in (False, True):
        if unlabelled:
            ids[:2] = 255
            colours = np.vstack([colours, [IGNORE_COLOUR] * 253])
        write_mask(path, ids)
        with Image.open(path) as image:
            assert image.mode == 'P'
            assert (np.asarray(image) == ids).all()
            assert (np.asarray(image.convert('RGB')) == colours[ids]).all()
        bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        assert (bgr[..., ::-1] == colours[ids]).all()
        assert (read_mask(path) == ids).all()
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize('bits', [1, 2, 4, 8])
def test_ids_of_few_bits_are_not_scaled(tmp_path, bits):
    ids = np.zeros((20, 30), np.uint8)
    ids[5:, 5:15], ids[5:, 15:] = 1, min(2, 2**bits - 1)
    image, path = Image.fromarray(ids), tmp_path / 'a.png'
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    text = PngImagePlugin.PngInfo()
    text.add_text('Software', 'a program of labels')
    image.save(path, bits=bits, transparency=b'\0\xff\x80', pnginfo=text)
    palette = path.read_bytes()
    assert tuple(palette[24:26]) == (bits, 3)
    assert (read_mask(path) == ids).all()
    gray, scale = as_gray(palette)
    path.write_bytes(gray)  # such a gray PNG Pillow does not write
    assert tuple(gray[24:26]) == (bits, 0)
    assert as_gray(gray) == (gray, scale)
    assert (read_mask(path) == ids).all()
    assert (read_gray(path) == ids * scale).all()
