"""Files of several frames, and the limits that their frames share."""

import cv2
import numpy as np
import pytest
from PIL import Image

from fume_mm.errors import UserError
from fume_mm.io.images import read_frame
from fume_mm.io.limits import pooled_limits, recording_limits, spread
from fume_mm.io.recordings import open_recording
from fume_mm.io.stretch import format_limits, limits_of, parse_limits, stretch
from tests.clips import write_clip
from tests.recordings import counts, fff, jpeg_ls, scene, write_16_bit_clip

COUNTS = [counts(number) + np.uint16(20 * number) for number in range(6)]


def sequence(frames=COUNTS, *, pack=lambda x: None, step=1 / 15, start=1_700_000_000):
    times = [None if step is None else start + k * step for k in range(len(frames))]
    packed = zip(frames, times, strict=True)
    return b''.join(fff(x, packed=pack(x), time=time) for x, time in packed)


def seq(path):
    path.write_bytes(sequence())
    return path


def csq(path):
    path.write_bytes(sequence(pack=jpeg_ls))
    return path


def tiff(path):
    pages = [Image.fromarray(frame) for frame in COUNTS]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    return path


def folder(path):
    path.mkdir()
    for number, frame in enumerate(COUNTS):
        cv2.imwrite(str(path / f'{number}.png'), frame)
    (path / '.hidden.png').write_bytes(b'')
    return path


@pytest.mark.parametrize(
    ('name', 'write', 'rate'),
    [
        ('a.seq', seq, 15),
        ('a.csq', csq, 15),
        ('a.fff', seq, 15),
        ('a.mkv', lambda path: write_16_bit_clip(path, COUNTS, 15), 15),
        ('a.tif', tiff, None),
        ('a', folder, None),
    ],
)
def test_every_kind_gives_its_frames_and_one_picture_of_each(
    tmp_path, name, write, rate
):
    recording = open_recording(write(tmp_path / name))
    assert recording.count == len(COUNTS)
    assert (recording.rate is None) == (rate is None)
    if rate:
        assert recording.rate == pytest.approx(rate, rel=2e-3)
    limits = limits_of(np.stack(COUNTS))
    assert recording.limits == limits
    seen = list(recording)
    assert [frame.index for frame in seen] == list(range(len(COUNTS)))
    for frame, expected in zip(seen, COUNTS, strict=True):
        assert frame.values.dtype == np.uint16
        assert (frame.values == expected).all()
        assert (recording.gray(frame) == stretch(expected, limits)).all()
        if rate:
            assert frame.time == pytest.approx(frame.index / rate, abs=2e-3)
        else:
            assert frame.time is None
    assert recording.problem is None
    recording.close()


def test_a_level_is_one_gray_through_the_whole_recording():
    # a cold start and a hot end: by its own percentiles each would use all of 0 to 255
    frames = [np.tile(np.linspace(x, x + 100, 32), (32, 1)) for x in (1000, 1050, 1100)]
    frames = [frame.astype(np.uint16) for frame in frames]
    limits = pooled_limits((str(k), frame) for k, frame in enumerate(frames))
    grays = [read_frame(frame, limits=limits)[0] for frame in frames]
    for level in (1050, 1100):
        there = [g[f == level] for f, g in zip(frames, grays, strict=True)]
        assert len({int(x) for part in there for x in part}) == 1
    own = [read_frame(frame)[0] for frame in frames]
    assert (own[0] == own[1]).all()


def test_the_camera_of_a_sequence_and_where_it_breaks_off(tmp_path):
    path = tmp_path / 'a.seq'
    path.write_bytes(sequence()[:-1])
    recording = open_recording(path)
    assert recording.camera == 'FLIR GF343 S12345'
    assert len(list(recording)) == len(COUNTS) - 1
    assert 'a.seq: broke off after 5 frames' in recording.problem


def test_a_sequence_without_a_clock_goes_by_its_rate(tmp_path):
    for step in (None, 0):  # none, and one that stands still
        path = tmp_path / 'a.seq'
        path.write_bytes(sequence(step=step))
        recording = open_recording(path)
        assert recording.rate == 15
        times = [frame.time for frame in recording]
        assert times == [pytest.approx(k / 15) for k in range(len(COUNTS))]


def test_pages_in_float_with_dead_pixels(tmp_path):
    pages = [np.float32(18) + scene(k).astype(np.float32) / 25 for k in range(3)]
    pages[1][5, 7] = np.nan
    path = tmp_path / 'a.tif'
    first, *others = map(Image.fromarray, pages)
    first.save(path, save_all=True, append_images=others)
    recording = open_recording(path)
    assert recording.limits == limits_of(np.stack(pages))
    grays = [recording.gray(frame) for frame in recording]
    filled = pages[1].copy()
    around = filled[4:7, 6:9]
    filled[5, 7] = np.nanmean(around)
    assert (grays[1] == stretch(filled, recording.limits)).all()
    assert not np.isnan(grays).any()


def test_8_bit_recordings_have_no_limits(tmp_path):
    path = write_clip(tmp_path / 'a.mp4', 12, 10)
    recording = open_recording(path)
    assert recording.limits is None
    assert len(list(recording)) == 12


def test_what_is_no_recording_is_named(tmp_path):
    picture = tmp_path / 'a.png'
    cv2.imwrite(str(picture), scene())
    (tmp_path / 'b.seq').write_bytes(b'FFF\0' + bytes(200))
    (tmp_path / 'c.seq').write_bytes(b'AFF\0' + bytes(200))
    (tmp_path / 'd.seq').write_bytes(b'no FLIR file')
    (tmp_path / 'e').mkdir()
    for name, message in (
        ('a.png', 'is one picture.*demo/image_demo.py'),
        ('b.seq', 'holds no FLIR frame'),
        ('c.seq', 'AFF form.*16-bit TIFF'),
        ('d.seq', 'cannot be opened as a video'),
        ('e', 'holds no image'),
        ('f.csq', 'there is no such video'),
    ):
        with pytest.raises(UserError, match=rf'{name}: .*{message}'):
            open_recording(tmp_path / name)


def test_frames_of_another_size_are_named(tmp_path):
    path = tmp_path / 'a.seq'
    path.write_bytes(fff(COUNTS[0]) + fff(counts(size=(32, 32))))
    with pytest.raises(UserError, match=r'a\.seq, frame 1: is 32x32.*64x48'):
        list(open_recording(path))


def test_limits_of_files_are_those_of_their_frames_together(tmp_path):
    names = [tmp_path / f'{number}.png' for number in range(6)]
    for path, frame in zip(names, COUNTS, strict=True):
        cv2.imwrite(str(path), frame)
    eight, broken = tmp_path / '8.png', tmp_path / 'b.tif'
    cv2.imwrite(str(eight), scene())
    broken.write_bytes(b'II*\0')
    # what cannot be read is for who uses it to say
    found = recording_limits(
        {'a': [*names[:4], eight, broken], 'b': names[4:], 'c': [eight]}
    )
    assert found == {
        'a': limits_of(np.stack(COUNTS[:4])),
        'b': limits_of(np.stack(COUNTS[4:])),
    }
    # one frame alone is as it would be without
    (own,) = recording_limits({'x': names[:1]}).values()
    assert (read_frame(names[0], limits=own)[0] == read_frame(names[0])[0]).all()


def test_counts_and_degrees_are_not_one_recording(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), COUNTS[0])
    cv2.imwrite(str(tmp_path / 'b.tif'), np.float32(20) + scene())
    with pytest.raises(UserError, match=r'a\.png holds counts, .*b\.tif floating'):
        recording_limits({'x': [tmp_path / 'a.png', tmp_path / 'b.tif']})


def test_limits_as_text_give_the_same_picture():
    values = np.float32(18.123456) + scene().astype(np.float32) / np.float32(25.7)
    limits = limits_of(values)
    again = parse_limits(format_limits(limits))
    assert (stretch(values, limits) == stretch(values, again)).all()
    assert (parse_limits(''), format_limits(None)) == (None, '')
    for text in ('1', '2 1', 'a b', 'nan 1', '0 inf', '1 2 3'):
        with pytest.raises(ValueError):
            parse_limits(text)


def test_positions_are_spread_over_all():
    assert spread(5, 32) == [0, 1, 2, 3, 4]
    assert spread(100, 4) == [0, 33, 66, 99]
    assert (spread(1, 3), spread(0, 3)) == ([0], [])
