import csv
import json
import sys
import threading
import tracemalloc

import cv2
import numpy as np
import pytest

from fume_mm.errors import UserError
from fume_mm.inference.video import annotate as video
from fume_mm.inference.video.annotate import run_video
from fume_mm.inference.video.cameras import LivePairs, LiveStream
from fume_mm.inference.video.clips import ClipPairs
from tests.clips import PERIOD, Reader, number_of, uniform, write_clip


def rows(out):
    with (out / 'frames.csv').open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def frames(path):
    capture, found = cv2.VideoCapture(str(path)), []
    while True:
        good, frame = capture.read()
        if not good:
            return found
        found.append(frame)


@pytest.fixture
def clips(tmp_path):
    """CO2: 12 frames at 10 a second; CH4: 8 frames at 5 a second."""
    return {
        'co2': write_clip(tmp_path / 'a.mp4', 12, 10),
        'ch4': write_clip(tmp_path / 'b.mp4', 8, 5, size=(80, 48)),
    }


def test_a_pair_of_clips(clips, tmp_path, capsys):
    reader, out = Reader(training_data='simulated'), tmp_path / 'out'
    content = run_video(reader, **clips, out_dir=out, about={'model': 'm'})
    # CO2 ends at 1.2 s, CH4 at 1.6 s
    assert content['instants'] == 16
    both = [{'co2': i, 'ch4': i // 2} for i in range(12)]
    # frame 7 of CH4 is shown twice but predicted once
    assert reader.seen == [*both, {'ch4': 6}, {'ch4': 7}]
    table = rows(out)
    assert [row['time_s'] for row in table] == [f'{i / 10:.4f}' for i in range(16)]
    assert [row['ch4_frame'] for row in table] == [str(i // 2) for i in range(16)]
    assert [row['co2_frame'] for row in table] == [*map(str, range(12)), *[''] * 4]
    assert table[5]['co2_gas_px'] == str(6 * 64)
    assert table[5]['ch4_gas_px'] == str(3 * 80)
    assert table[12]['co2_gas_px'] == ''
    assert table[5]['health_class'] == 'Acidotic'
    assert table[12]['health_class'] == 'Healthy'
    said = 'CO2 ends at 1.20 s; from then on it is absent.'
    assert content['remarks'] == [said]
    assert capsys.readouterr().err.count(said) == 1


def test_verdict_of_a_pair_of_clips(clips, tmp_path):
    content = run_video(Reader(), **clips, out_dir=tmp_path / 'out', pbar=False)
    assert json.loads((tmp_path / 'out/verdict.json').read_text()) == content
    verdict = content['verdict']
    # 12 instants with both, 4 with CH4 alone
    assert verdict['class'] == 'Acidotic'
    assert verdict['confidence'] == pytest.approx((12 * 0.8 + 4 * 0.1) / 16)
    assert verdict['probabilities']['Healthy'] == pytest.approx((1.2 + 2.4) / 16)
    assert verdict['agreement'] == 12 / 16
    share = content['gases']['co2']['mean_share']
    assert share['gas'] == pytest.approx(sum(range(1, 13)) / 12 / 48)
    assert content['gases']['ch4']['frames_read'] == 8
    assert content['gases']['co2']['ends_at'] == pytest.approx(1.2)


def test_annotated_video(clips, tmp_path):
    out = tmp_path / 'out'
    run_video(Reader(), **clips, out_dir=out, pbar=False)
    pictures = frames(out / 'annotated.mp4')
    assert len(pictures) == 16
    assert cv2.VideoCapture(str(out / 'annotated.mp4')).get(cv2.CAP_PROP_FPS) == 10
    # tiles 360 wide: heights 270 and 216, under a head of 70 rows
    assert pictures[0].shape[1] == 360 + 10 + 360
    later = pictures[3]
    bottom = later[70 + 230 : 70 + 265, 100:200].mean()
    assert bottom == pytest.approx(uniform(3)[0, 0, 0], abs=6)
    gone = pictures[14][90:150, 20:100]
    assert abs(gone.mean() - 232) < 6  # the gray of what is not recorded, no black


def test_timeline_figure(clips, tmp_path):
    out = tmp_path / 'out'
    content = run_video(Reader(), **clips, out_dir=out, pbar=False)
    assert content['files']['timeline'] == 'timeline.png'
    assert cv2.imread(str(out / 'timeline.png')).shape[1] > 800
    assert (out / 'timeline.svg').read_text().lstrip().startswith('<?xml')


def test_without_matplotlib_there_is_no_figure_and_it_is_said(
    clips, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, 'fume_mm.drawing.timeline', None)
    content = run_video(Reader(), **clips, out_dir=tmp_path / 'out', pbar=False)
    assert 'Matplotlib is not installed' in content['remarks'][-1]
    assert not (tmp_path / 'out/timeline.png').exists()


def test_one_gas_alone(clips, tmp_path):
    reader, out = Reader(), tmp_path / 'out'
    content = run_video(reader, ch4=clips['ch4'], out_dir=out, pbar=False)
    assert reader.seen == [{'ch4': i} for i in range(8)]
    assert content['verdict']['class'] == 'Healthy'
    assert list(content['gases']) == ['ch4']
    assert content['remarks'] == []


def test_a_gap_between_the_clips_has_no_prediction(clips, tmp_path):
    out = tmp_path / 'out'
    content = run_video(Reader(), **clips, out_dir=out, offset=2.0, pbar=False)
    assert content['instants'] == 36
    assert content['verdict']['instants'] == 12 + 16
    gap = rows(out)[15]
    assert {gap[key] for key in gap if key != 'time_s'} == {''}


def test_a_model_of_one_gas_skips_what_it_does_not_look_at(clips, tmp_path):
    reader = Reader()
    reader.gases = ('co2',)
    content = run_video(reader, **clips, out_dir=tmp_path / 'out', pbar=False)
    assert content['verdict']['instants'] == 12
    with pytest.raises(UserError, match='the model looks at CO2 only'):
        run_video(reader, ch4=clips['ch4'], out_dir=tmp_path / 'no')
    assert not (tmp_path / 'no').exists()


@pytest.mark.parametrize('name', ['missing.mp4', 'page.mp4'])
def test_nothing_is_written_for_a_broken_video(clips, tmp_path, name):
    (tmp_path / 'page.mp4').write_bytes(b'<html>' * 99)
    with pytest.raises(UserError, match=name):
        run_video(
            Reader(), co2=clips['co2'], ch4=tmp_path / name, out_dir=tmp_path / 'out'
        )
    assert not (tmp_path / 'out').exists()


def test_both_absent(tmp_path):
    with pytest.raises(UserError, match='no video was given'):
        run_video(Reader(), out_dir=tmp_path / 'out')


def test_a_video_that_breaks_off_is_an_error_with_valid_files(clips, tmp_path):
    path = write_clip(tmp_path / 'c.avi', 28, 10, size=(320, 240), codec='MJPG')
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    out = tmp_path / 'out'
    with pytest.raises(UserError, match=r'c\.avi: broke off after \d+ of 28 frames'):
        run_video(Reader(), co2=path, ch4=clips['ch4'], out_dir=out, pbar=False)
    content = json.loads((out / 'verdict.json').read_text())
    assert content['instants'] == len(rows(out)) == len(frames(out / 'annotated.mp4'))
    assert 'broke off' in content['remarks'][-1]


def test_an_error_on_the_way_leaves_valid_files(clips, tmp_path):
    out = tmp_path / 'out'
    with pytest.raises(RuntimeError, match='out of order'):
        run_video(Reader(fail_at=5), **clips, out_dir=out, pbar=False)
    assert len(rows(out)) == len(frames(out / 'annotated.mp4')) == 5


def test_ctrl_c_in_files_finishes_what_was_done(clips, tmp_path, monkeypatch):
    original = ClipPairs.__iter__

    def stop_after_six(self):
        for number, instant in enumerate(original(self)):
            if number == 6:
                raise KeyboardInterrupt
            yield instant

    monkeypatch.setattr(ClipPairs, '__iter__', stop_after_six)
    out = tmp_path / 'out'
    with pytest.raises(KeyboardInterrupt):
        run_video(Reader(), **clips, out_dir=out, pbar=False)
    content = json.loads((out / 'verdict.json').read_text())
    assert content['interrupted'] is True
    assert content['instants'] == len(rows(out)) == len(frames(out / 'annotated.mp4'))


def test_the_annotated_video_never_replaces_an_input(tmp_path):
    path = write_clip(tmp_path / 'annotated.mp4', 3, 10)
    before = path.read_bytes()
    with pytest.raises(UserError, match=r'annotated\.mp4: is one of the videos'):
        run_video(Reader(), co2=path, out_dir=tmp_path, pbar=False)
    assert path.read_bytes() == before


def test_codecs_are_tried_in_turn(clips, tmp_path, monkeypatch):
    none = ('ABCD', '.mp4')
    monkeypatch.setattr(video, 'CODECS', (none, ('MJPG', '.avi')))
    content = run_video(Reader(), **clips, out_dir=tmp_path / 'out', pbar=False)
    assert content['files']['video'] == 'annotated.avi'
    assert not (tmp_path / 'out/annotated.mp4').exists()
    monkeypatch.setattr(video, 'CODECS', (none,))
    with pytest.raises(UserError, match='can write none of ABCD'):
        run_video(Reader(), **clips, out_dir=tmp_path / 'no', pbar=False)


def peak_bytes(path, tmp_path):
    tracemalloc.start()
    run_video(Reader(), co2=path, out_dir=tmp_path / 'out', pbar=False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_clip(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'fume_mm.drawing.timeline', None)
    sizes = {}
    for count in (30, 120):
        path = write_clip(tmp_path / f'{count}.mp4', count, 30, size=(320, 240))
        sizes[count] = peak_bytes(path, tmp_path)
    frame = 320 * 240
    assert sizes[120] - sizes[30] < 5 * frame


class Camera:
    """A camera that shows ``count`` frames and ends, or goes on until Ctrl-C."""

    def __init__(self, count):
        self.count, self.sent = count, 0

    def read(self):
        threading.Event().wait(0.02)
        self.sent += 1
        return self.sent <= self.count, uniform(self.sent - 1)

    def get(self, _):
        return 20.0

    def set(self, *_):
        return True

    def release(self):
        pass


@pytest.fixture
def camera(monkeypatch):
    def give(count):
        def opened(source):
            return Camera(count)

        monkeypatch.setattr('fume_mm.inference.video.cameras._opened_live', opened)

    return give


def test_a_live_recording_keeps_time(camera, tmp_path, monkeypatch):
    camera(10_000)
    # MPEG-4 keeps a picture's gray levels only roughly from one to the next
    monkeypatch.setattr(video, 'CODECS', (('MJPG', '.avi'),))
    out = tmp_path / 'out'
    content = run_video(Reader(), co2=0, out_dir=out, duration=1.0, pbar=False)
    assert 5 < content['instants'] < 60
    # the camera says 20 a second, whatever it sends
    assert 12 <= len(frames(out / 'annotated.avi')) <= 21
    assert content['latency_seconds']['median'] < 0.5
    # a slot shows the first frame that came in it, else the last one before it
    came: dict[int, list[int]] = {}
    for row in rows(out):
        came.setdefault(int(20 * float(row['time_s'])), []).append(
            int(row['co2_frame']) % PERIOD
        )
    last = came[min(came)][0]
    for slot, picture in enumerate(frames(out / 'annotated.avi')):
        here = came.get(slot, [last])
        # in the tile, below no mask: the reader's masks reach from the top down
        assert number_of(picture[250:268, 50:250]) == here[0]
        last = here[-1]
    assert content['gases']['co2']['frames_read'] >= content['instants']


def test_a_stream_that_stops_is_an_error_with_valid_files(camera, tmp_path):
    camera(15)
    out = tmp_path / 'out'
    with pytest.raises(UserError, match=r'0: stopped \(it sends no more frames\)'):
        run_video(Reader(), ch4=0, out_dir=out, pbar=False)
    content = json.loads((out / 'verdict.json').read_text())
    assert content['verdict']['class'] == 'Healthy'
    assert len(rows(out)) == content['instants'] > 3
    assert frames(out / 'annotated.mp4')


def test_ctrl_c_ends_a_live_recording_well(camera, tmp_path, monkeypatch):
    camera(10_000)
    original = LivePairs.__iter__

    def stop_after_six(self):
        for number, instant in enumerate(original(self)):
            if number == 6:
                raise KeyboardInterrupt
            yield instant

    monkeypatch.setattr(LivePairs, '__iter__', stop_after_six)
    content = run_video(Reader(), co2=0, out_dir=tmp_path / 'out', pbar=False)
    assert content['interrupted'] is True
    assert content['instants'] == 6


def test_live_streams_are_closed(camera, tmp_path, monkeypatch):
    camera(10_000)
    closed = []
    monkeypatch.setattr(
        LiveStream, 'close', lambda self: closed.append(self.source) or True
    )
    run_video(Reader(), co2=0, ch4=1, out_dir=tmp_path, duration=0.2, pbar=False)
    assert closed == ['0', '1']


def test_masks_of_a_gas_the_model_does_not_segment(clips, tmp_path):
    class Healthy(Reader):
        def predict(self, samples, probabilities=False):
            results = super().predict(samples)
            for result in results:
                result.masks.clear()
            return results

    out = tmp_path / 'out'
    content = run_video(Healthy(), **clips, out_dir=out, pbar=False)
    assert content['gases']['co2']['mean_share'] is None
    assert content['verdict']['class'] == 'Acidotic'
    assert rows(out)[0]['co2_gas_px'] == ''
    assert np.isfinite(content['verdict']['confidence'])
