"""Recordings cut into frames, and the same recordings in the video demo."""

import csv
import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fume_mm.inference.video.annotate import run_video
from fume_mm.inference.video.clips import Clip
from fume_mm.io.stretch import format_limits, limits_of, stretch
from fume_mm.structures.dual_gas_result import DualGasResult
from tests.campaigns import write_rows
from tests.clips import number_of, write_clip
from tests.recordings import counts, fff, jpeg_ls, scene, write_16_bit_clip

ROOT = Path(__file__).parents[2]
TOOL = 'tools/dataset_converters/clip_to_frames.py'
Tool = Callable[..., tuple[int, str, str]]
COUNTS = [counts(number) + np.uint16(20 * number) for number in range(6)]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Run the tool in this process; returns exit status, output and errors."""

    def run(*options: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, 'argv', [TOOL, *map(str, options)])
        with pytest.raises(SystemExit) as exited:
            runpy.run_path(str(ROOT / TOOL), run_name='__main__')
        return int(exited.value.code or 0), *capsys.readouterr()

    return run


def rows(out: Path) -> list[dict[str, str]]:
    with (out / 'frames.csv').open(encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file))


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def csq(path: Path) -> Path:
    frames = enumerate(COUNTS)
    path.write_bytes(
        b''.join(fff(x, packed=jpeg_ls(x), time=1e9 + k / 15) for k, x in frames)
    )
    return path


def test_every_nth_frame_by_the_limits_of_its_recording(tool, tmp_path):
    path = csq(tmp_path / 'FLIR0034.csq')
    out = tmp_path / 'cut'
    status, output, _ = tool(path, '--gas', 'ch4', '--every', 2, '--out', out)
    assert status == 0
    assert 'FLIR0034: 3 frames (FLIR GF343 S12345)' in output
    limits = limits_of(np.stack(COUNTS))
    assert [row['frame'] for row in rows(out)] == ['0', '2', '4']
    for row in rows(out):
        number = int(row['frame'])
        pixels = read(out / row['frame_path'])
        assert pixels.dtype == np.uint8
        assert (pixels == stretch(COUNTS[number], limits)).all()
        assert row['recording'] == 'FLIR0034'
        assert row['gas_type'] == 'ch4'
        assert float(row['time_s']) == pytest.approx(number / 15, abs=1e-3)
        assert (row['camera'], row['limits']) == ('FLIR GF343 S12345', '')


def test_depth_is_kept_and_the_limits_said(tool, tmp_path):
    mkv = write_16_bit_clip(tmp_path / 'a_co2.mkv', COUNTS, 10)
    pages = [np.float32(20) + frame / np.float32(1000) for frame in COUNTS]
    first, *others = map(Image.fromarray, pages)
    stack = tmp_path / 'b_ch4.tif'
    first.save(stack, save_all=True, append_images=others)
    out = tmp_path / 'cut'
    options = ('--every', 1, '--keep-depth', '--fps', 5, '--out', out)
    assert tool(mkv, stack, *options)[0] == 0
    found = rows(out)
    assert [row['gas_type'] for row in found] == ['co2'] * 6 + ['ch4'] * 6
    for row, frame in zip(found, [*COUNTS, *pages], strict=True):
        pixels = read(out / row['frame_path'])
        assert pixels.dtype == frame.dtype
        assert (pixels == frame).all()
    assert {row['limits'] for row in found} == {
        format_limits(limits_of(np.stack(x))) for x in (COUNTS, pages)
    }
    assert [row['time_s'] for row in found[6:8]] == ['0.000', '0.200']


def test_where_the_picture_changes(tool, tmp_path):
    # still for four frames, then another level, then still again
    levels = [50] * 4 + [60] * 4 + [61] * 4
    path = tmp_path / 'a_co2.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, (64, 48))
    for number, level in enumerate(levels):
        noise = np.random.default_rng(number).normal(0, 3, (48, 64))
        frame = (level + noise).clip(0, 255).astype(np.uint8)
        video.write(cv2.merge([frame] * 3))
    video.release()
    out = tmp_path / 'cut'
    assert tool(path, '--every', 1, '--change', 5, '--out', out)[0] == 0
    assert [row['frame'] for row in rows(out)] == ['0', '4']
    status, _, error = tool(path, '--change', 5, '--out', out)
    assert status == 2
    assert 'was cut before; give --force' in error
    assert tool(path, '--every', 5, '--force', '--out', out)[0] == 0
    assert [row['frame'] for row in rows(out)] == ['0', '5', '10']
    assert len(list((out / 'frames/a_co2').iterdir())) == 3


def test_recordings_are_added_to_those_that_are_there(tool, tmp_path):
    out = tmp_path / 'cut'
    for name, gas, number in (('MOV0012', 'co2', 4), ('FLIR0034', 'ch4', 3)):
        path = write_clip(tmp_path / f'{name}.mp4', number, 10)
        assert tool(path, '--gas', gas, '--every', 1, '--out', out)[0] == 0
    found = rows(out)
    assert [row['gas_type'] for row in found] == ['co2'] * 4 + ['ch4'] * 3
    for row in found:
        assert str(number_of(read(out / row['frame_path']))) == row['frame']


def test_mistakes_are_told_before_the_first_frame(tool, tmp_path):
    good = csq(tmp_path / 'good_ch4.csq')
    (tmp_path / 'other').mkdir()
    twin = csq(tmp_path / 'other/good_ch4.csq')
    nameless = csq(tmp_path / 'nameless.csq')
    rainbow = tmp_path / 'rainbow_ch4.avi'
    video = cv2.VideoWriter(
        str(rainbow), cv2.VideoWriter.fourcc(*'MJPG'), 10, (160, 120)
    )
    video.write(cv2.applyColorMap(scene(size=(160, 120)), cv2.COLORMAP_JET))
    video.release()
    out = tmp_path / 'cut'
    for paths, message in (
        ([good, twin], 'both are named good_ch4; rename one'),
        ([good, nameless], 'does not say which gas'),
        ([good, rainbow], 'colour palette of rainbow kind'),
        ([good, tmp_path / 'none_ch4.seq'], 'there is no such video'),
        ([good, '--every', 0], 'give at least 1'),
    ):
        status, _, error = tool(*paths, '--out', out)
        assert status == 2
        assert message in error
        assert not out.exists()


def test_a_recording_that_breaks_off_leaves_its_frames_and_says_so(tool, tmp_path):
    path = csq(tmp_path / 'a_ch4.csq')
    path.write_bytes(path.read_bytes()[:-10])
    out = tmp_path / 'cut'
    status, _, error = tool(path, '--every', 1, '--out', out)
    assert status == 2
    assert 'broke off after 5 frames' in error
    assert len(rows(out)) == 5


# -- the same recordings as clips -----------------------------------------------------


class Looker:
    """Keeps the frames that a predictor gets to see."""

    def __init__(self):
        self.frames = []

    def predict(self, samples, probabilities=False):
        self.frames += [sample['ch4'] for sample in samples]
        return [DualGasResult(sample['name'], {}) for sample in samples]


@pytest.mark.parametrize('kind', ['mkv', 'csq', 'tif'])
def test_a_clip_of_16_bits_shows_its_plume(tmp_path, kind):
    path = tmp_path / f'a.{kind}'
    if kind == 'mkv':
        write_16_bit_clip(path, COUNTS, 15)
    elif kind == 'csq':
        csq(path)
    else:
        first, *others = map(Image.fromarray, COUNTS)
        first.save(path, save_all=True, append_images=others)
    looker = Looker()
    rate = 15 if kind == 'tif' else None
    content = run_video(looker, ch4=path, out_dir=tmp_path / 'v', rate=rate, pbar=False)
    limits = limits_of(np.stack(COUNTS))
    assert len(looker.frames) == len(COUNTS)
    for frame, expected in zip(looker.frames, COUNTS, strict=True):
        assert (frame == stretch(expected, limits)).all()
        assert len(np.unique(frame)) > 60  # not the 2 levels of the upper 8 bits
    told = json.loads((tmp_path / 'v/verdict.json').read_text())
    assert told['gases']['ch4']['limits'] == list(limits)
    assert content['instants'] == len(COUNTS)


def test_frames_cut_of_a_clip_are_what_the_clip_shows(tool, tmp_path):
    path = csq(tmp_path / 'a_ch4.csq')
    assert tool(path, '--every', 1, '--out', tmp_path / 'cut')[0] == 0
    clip = Clip(path)
    for row in rows(tmp_path / 'cut'):
        shot = clip.next()
        assert str(shot.index) == row['frame']
        assert (shot.frame == read(tmp_path / 'cut' / row['frame_path'])).all()
    clip.close()


# -- what is known of recordings ------------------------------------------------------

KNOWN = {'recording': 'a', 'gas_type': 'CO2', 'vessel_id': 'v7', 'ph_value': '5.6'}


def about(folder: Path, *given: dict[str, str]) -> Path:
    write_rows(folder / 'recordings.csv', list(given))
    return folder / 'recordings.csv'


def test_each_frame_gets_what_is_known_of_its_recording(tool, tmp_path):
    clips = [write_clip(tmp_path / f'{name}.mp4', 2, 5.0) for name in 'ab']
    bare = {'recording': 'b', 'gas_type': 'ch4', 'vessel_id': 'v7', 'ph_value': ''}
    known = about(tmp_path, KNOWN, bare)
    out = tmp_path / 'cut'
    status, _, errors = tool(*clips, '--recordings', known, '--every', 1, '--out', out)
    assert status == 0, errors
    columns = ('recording', 'gas_type', 'vessel_id', 'ph_value', 'class_name')
    assert [tuple(row[x] for x in columns) for row in rows(out)] == [
        *[('a', 'co2', 'v7', '5.6', 'Acidotic')] * 2,
        *[('b', 'ch4', 'v7', '', '')] * 2,
    ]
    assert [row['class_id'] for row in rows(out)] == ['2', '2', '', '']
    more = write_clip(tmp_path / 'c_co2.mp4', 1, 5.0)  # of which nothing is known
    assert tool(more, '--out', out)[0] == 0
    assert [row['vessel_id'] for row in rows(out)] == ['v7'] * 4 + ['']


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        ({'recording': 'b'}, 'recordings.csv says nothing of a; add a row'),
        ({'gas_type': 'n2o'}, "line 2 ('n2o'): gas_type is none of co2, ch4"),
        ({'ph_value': '56'}, "line 2 ('56'): ph_value is outside 3.0 to 9.0"),
        ({'frame': '1'}, 'the column frame is of frames'),
    ],
)
def test_what_cannot_be_so_is_refused_before_a_frame_is_written(
    tool, tmp_path, wrong, message
):
    clip = write_clip(tmp_path / 'a.mp4', 2, 5.0)
    known = about(tmp_path, KNOWN | wrong)
    out = tmp_path / 'cut'
    status, _, errors = tool(clip, '--recordings', known, '--out', out)
    assert status == 2
    assert message in errors
    assert not out.exists()
