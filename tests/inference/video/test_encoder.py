"""Annotated clips as files: what browsers play, and what is said where they may not."""

import sys

import cv2
import numpy as np
import pytest

from fume_mm.inference.video.annotate import run_video
from fume_mm.inference.video.encoder import H264, open_video
from tests.clips import Reader, uniform, write_clip

SIZE = (64, 48)


def test_h264_of_every_picture_that_plays_while_it_loads(tmp_path):
    av = pytest.importorskip('av')
    path = tmp_path / 'a.mp4'
    video = open_video(path, H264, 29.97, SIZE)
    for number in range(12):
        video.write(uniform(number, SIZE))
    video.release()
    with av.open(str(path)) as file:
        (stream,) = file.streams
        seen = [frame.to_ndarray(format='bgr24') for frame in file.decode()]
        assert stream.codec_context.name == 'h264'
        assert stream.codec_context.pix_fmt == 'yuv420p'
        assert float(stream.average_rate) == pytest.approx(29.97)
    content = path.read_bytes()
    assert content.index(b'moov') < content.index(b'mdat')
    assert len(seen) == 12
    for number, picture in enumerate(seen):
        expected = uniform(number, SIZE).astype(int)
        assert np.abs(picture - expected).max() <= 6


def test_none_where_it_cannot_be_written(tmp_path):
    pytest.importorskip('av')
    assert open_video(tmp_path / 'nowhere/a.mp4', H264, 10, SIZE) is None


def test_without_pyav_it_is_said_that_browsers_may_not_play_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    clip = write_clip(tmp_path / 'a.mp4', 3, 10)
    content = run_video(Reader(), co2=clip, out_dir=tmp_path / 'out', pbar=False)
    assert content['remarks'][0] == (
        'annotated.mp4 is mp4v, which browsers may not play; for H.264: `pip install '
        "'fume_mm[video]'`."
    )
    assert cv2.VideoCapture(str(tmp_path / 'out/annotated.mp4')).isOpened()


def test_with_pyav_nothing_is_said(tmp_path):
    pytest.importorskip('av')
    clip = write_clip(tmp_path / 'a.mp4', 3, 10)
    content = run_video(Reader(), co2=clip, out_dir=tmp_path / 'out', pbar=False)
    assert content['remarks'] == []
