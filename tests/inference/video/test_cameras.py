import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest

from fume_mm.errors import UserError
from fume_mm.inference.video import cameras as streams
from fume_mm.inference.video.cameras import (
    LivePairs,
    LiveStream,
    open_pairs,
    parse_source,
)
from tests.clips import number_of, uniform, write_clip


class Camera:
    """Sends ``count`` frames, ``period`` seconds apart, then ends or hangs."""

    def __init__(self, count, period, *, hangs=False):
        self.count, self.period, self.hangs = count, period, hangs
        self.sent = 0

    def read(self):
        time.sleep(self.period)
        if self.sent == self.count:
            if self.hangs:
                time.sleep(1)
            return False, None
        self.sent += 1
        return True, uniform(self.sent - 1)

    def get(self, _):
        return 0.0

    def set(self, *_):
        return True

    def release(self):
        pass


def live(cameras, **options):
    def open_stream(source, arrived):
        return LiveStream(source, arrived, capture=cameras[source])

    sources = dict(zip(('co2', 'ch4'), cameras, strict=False))
    return LivePairs(sources, open_stream=open_stream, **options)


def test_frames_are_dropped_rather_than_falling_behind():
    pairs = live({0: Camera(28, 0.01)})
    seen = []
    for instant in pairs:
        shot = instant.shots['co2']
        assert number_of(shot.frame) == shot.index
        seen.append(shot.index)
        time.sleep(0.05)
    pairs.close()
    assert seen == sorted(set(seen))
    assert 3 < len(seen) < 15
    assert seen[-1] == 27
    told = pairs.describe()['co2']
    assert told['frames_read'] == 28
    assert told['frames_dropped'] == 28 - len(seen)


def test_a_stream_that_stops_is_absent_from_then_on():
    pairs = live({0: Camera(40, 0.02), 1: Camera(5, 0.02)}, max_latency=0.2)
    gases = [tuple(instant.shots) for instant in pairs]
    pairs.close()
    assert gases[-1] == ('co2',)
    assert ('co2', 'ch4') in gases
    first_alone = max(i for i, here in enumerate(gases) if 'ch4' in here) + 1
    assert set(gases[first_alone:]) == {('co2',)}
    assert [problem.split(':')[0] for problem in pairs.problems()] == ['1', '0']


def test_a_frame_that_waited_too_long_is_not_shown():
    pairs = live({0: Camera(20, 0.03), 1: Camera(1, 0.0, hangs=True)}, max_latency=0.1)
    gases = []
    for instant in pairs:
        gases.append(tuple(instant.shots))
        assert max(x.time for x in instant.shots.values()) - 0.2 < instant.time
    pairs.close()
    assert gases[-1] == ('co2',)
    assert len([here for here in gases if 'ch4' in here]) < 8


def test_duration_ends_a_stream_without_a_problem():
    begin = time.monotonic()
    pairs = live({0: Camera(1000, 0.01)}, duration=0.3)
    assert sum(1 for _ in pairs) > 5
    pairs.close()
    assert time.monotonic() - begin < 2
    assert pairs.problems() == []


def test_a_stream_that_stalls_has_stopped(monkeypatch):
    monkeypatch.setattr(streams, 'STALL', 0.2)
    pairs = live({0: Camera(3, 0.01, hangs=True)})
    assert sum(1 for _ in pairs) > 0
    assert 'nothing came for 0.2 s' in pairs.problems()[0]
    pairs.close()


def test_a_stream_that_never_sends_is_an_error(monkeypatch):
    monkeypatch.setattr(streams, 'STALL', 0.2)
    with pytest.raises(UserError, match='1: sends no CH4 frame'):
        live({0: Camera(1000, 0.01), 1: Camera(0, 0.0)})


def test_a_camera_that_is_not_there_is_named():
    with pytest.raises(UserError, match='camera 97: cannot be opened'):
        open_pairs({'co2': 97})


def test_words_of_the_command_line():
    assert parse_source('0') == 0
    assert parse_source('rtsp://host/a') == 'rtsp://host/a'
    assert parse_source('/dev/video1') == '/dev/video1'
    assert parse_source('a.mp4') == Path('a.mp4')


@pytest.mark.parametrize(
    ('sources', 'options', 'message'),
    [
        ({}, {}, 'no video was given'),
        ({'co2': 0, 'ch4': Path('a.mp4')}, {}, 'one source is a file'),
        ({'co2': Path('a.mp4')}, {'max_latency': 1.0}, 'max_latency is for cameras'),
        ({'co2': Path('a.mp4')}, {'duration': 1.0}, 'duration is for cameras'),
        ({'co2': 0}, {'offset': 1.0}, 'offset is for files'),
        ({'co2': 0}, {'rate': 0.0}, 'fps is 0'),
        ({'co2': 0}, {'max_latency': -1.0}, 'max_latency is -1'),
        ({'co2': 0}, {'offset': float('nan')}, 'offset is nan'),
    ],
)
def test_what_makes_no_sense_is_refused(sources, options, message):
    with pytest.raises(UserError, match=message):
        open_pairs(sources, **options)


class MotionJpeg(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        kind = 'multipart/x-mixed-replace; boundary=frame'
        self.send_header('Content-Type', kind)
        self.end_headers()
        for number in range(28):
            data = cv2.imencode('.jpg', uniform(number))[1].tobytes()
            head = '--frame\r\nContent-Type: image/jpeg\r\n'
            head += f'Content-Length: {len(data)}\r\n\r\n'
            self.wfile.write(head.encode() + data + b'\r\n')
            time.sleep(0.02)

    def log_message(self, *_):
        pass


def test_a_stream_by_its_url():
    server = ThreadingHTTPServer(('127.0.0.1', 0), MotionJpeg)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f'http://127.0.0.1:{server.server_port}/a.mjpg'
    pairs = open_pairs({'ch4': url})
    assert pairs.sizes == {'ch4': (64, 48)}
    numbers = []
    for instant in pairs:
        numbers.append(number_of(instant.shots['ch4'].frame))
        time.sleep(0.05)
    pairs.close()
    server.shutdown()
    assert numbers == sorted(set(numbers))
    assert numbers[-1] > 20
    assert len(numbers) < 20


def test_files_and_live_sources_open_what_they_need(tmp_path):
    pairs = open_pairs({'co2': write_clip(tmp_path / 'a.mp4', 2, 10)})
    assert not pairs.live
    pairs.close()
