import math

import pytest

from fume_mm.errors import UserError
from fume_mm.inference.video.clips import Clip, ClipPairs
from tests.clips import number_of, write_clip


def instants(pairs):
    """(time, {gas: number on the frame}) of all instants."""
    try:
        seen = []
        for instant in pairs:
            for shot in instant.shots.values():
                assert number_of(shot.frame) == shot.index
            shots = {gas: shot.index for gas, shot in instant.shots.items()}
            seen.append((instant.time, shots))
        return seen
    finally:
        pairs.close()


def expected(clips, rate):
    """By definition: of each gas the latest frame that is not later."""
    ends = [start + count / own for count, own, start in clips.values()]
    total = math.ceil(max(ends) * rate - 1e-6)
    for number in range(total):
        now = number / rate
        shots = {}
        for gas, (count, own, start) in clips.items():
            index = math.floor((now - start) * own + 1e-6)
            if 0 <= index < count:
                shots[gas] = index
        yield now, shots


@pytest.mark.parametrize(
    ('rates', 'offset', 'rate'),
    [
        ((10, 10), 0.0, None),
        ((10, 4), 0.5, None),
        ((6, 15), -0.4, None),
        ((10, 10), 0.0, 25),
        ((12, 5), 0.3, 4),
        ((29.97, 9.09), 0.1, None),
        ((10, 10), 5.0, None),  # the second begins long after the first has ended
    ],
)
def test_each_instant_takes_the_latest_frames(tmp_path, rates, offset, rate):
    counts = (24, 13)
    paths = {
        gas: write_clip(tmp_path / f'{gas}.mp4', count, own)
        for gas, count, own in zip(('co2', 'ch4'), counts, rates, strict=True)
    }
    starts = max(0.0, -offset), max(0.0, offset)
    pairs = ClipPairs(paths, offset=offset, rate=rate)
    assert pairs.rate == pytest.approx(rate or max(rates), rel=1e-3)
    own_rates = [clip.rate for clip in pairs.streams.values()]
    clips = dict(zip(paths, zip(counts, own_rates, starts, strict=True), strict=True))
    seen = instants(pairs)
    assert pairs.count == len(seen)
    for (time, shots), (now, expected_shots) in zip(
        seen, expected(clips, pairs.rate), strict=True
    ):
        assert time == pytest.approx(now)
        assert shots == expected_shots
    assert set(pairs.ended) == {'co2', 'ch4'}


@pytest.mark.parametrize(('codec', 'suffix'), [('MJPG', 'avi'), ('VP80', 'webm')])
def test_containers_that_round_times(tmp_path, codec, suffix):
    path = write_clip(tmp_path / f'a.{suffix}', 12, 15, codec=codec)
    seen = instants(ClipPairs({'ch4': path}))
    assert [shots for _, shots in seen] == [{'ch4': number} for number in range(12)]


def test_offset_means_nothing_to_one_clip(tmp_path):
    path = write_clip(tmp_path / 'a.mp4', 3, 10)
    seen = instants(ClipPairs({'ch4': path}, offset=2.0))
    assert [shots for _, shots in seen] == [{'ch4': number} for number in range(3)]


def test_a_clip_decodes_only_a_few_frames_ahead(tmp_path):
    clip = Clip(write_clip(tmp_path / 'a.mp4', 40, 10))
    for _ in range(5):
        clip.next()
    assert 5 <= clip.frames <= 5 + 4
    clip.close()


def test_broken_files_are_named(tmp_path):
    (tmp_path / 'empty.mp4').write_bytes(b'')
    (tmp_path / 'page.mp4').write_bytes(b'<html>' * 99)
    whole = write_clip(tmp_path / 'whole.mp4', 20, 10).read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(whole[: len(whole) // 2])
    cases = {
        'nowhere.mp4': 'there is no such video',
        'empty.mp4': 'is empty',
        'page.mp4': 'cannot be opened as a video',
        'cut.mp4': 'cannot be opened as a video',
    }
    for name, message in cases.items():
        with pytest.raises(UserError, match=f'{name}: {message}'):
            Clip(tmp_path / name)


def test_a_video_without_frames_is_named(tmp_path):
    path = write_clip(tmp_path / 'a.avi', 0, 10, codec='MJPG')
    with pytest.raises(UserError, match=r'a\.avi: '):
        Clip(path)


def test_a_file_that_breaks_off_says_so(tmp_path):
    path = write_clip(tmp_path / 'a.avi', 30, 10, size=(320, 240), codec='MJPG')
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    pairs = ClipPairs({'co2': path})
    seen = instants(pairs)
    assert 5 < len(seen) < 25
    (problem,) = pairs.problems()
    assert 'a.avi: broke off after' in problem
    assert 'of 30 frames' in problem
