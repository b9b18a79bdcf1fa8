"""Cameras and streams on one clock, without ever falling behind.

A thread keeps the newest frame of each; what comes while the program is busy is
dropped. Instants are when the program is ready and something new has come. A frame that
has waited longer than ``max_latency`` is not shown any more: its gas is absent until
the next one comes.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2

from fume_mm.errors import UserError
from fume_mm.io.images import read_gray
from fume_mm.io.recordings import FASTEST
from fume_mm.structures import GAS_LABELS

from .clips import ClipPairs, Instant, Pairs, Shot

Source = int | str | Path
#: Of a live recording where the camera does not tell its rate.
LIVE_RATE = 25.0
#: A stream that sends nothing for so many seconds has stopped.
STALL = 10.0


def parse_source(text: str) -> Source:
    """A camera's number, a stream's URL, or a file, from a command line's word."""
    if text.isdecimal():
        return int(text)
    return text if is_live(text) else Path(text)


def is_live(source: Source) -> bool:
    """Whether a source is a camera or a stream, not a file."""
    text = str(source)
    return isinstance(source, int) or '://' in text or text.startswith('/dev/')


class LiveStream:
    """A camera or stream of which a thread keeps the newest frame.

    Args:
        source: Camera number, device file or URL.
        arrived: Notified at each frame, and when the stream stops.
        capture: What to read from in place of OpenCV's capture of ``source``.

    Raises:
        UserError: If it cannot be opened.
    """

    def __init__(
        self, source: Source, arrived: threading.Condition, *, capture: Any = None
    ) -> None:
        self.source = str(source)
        self._capture = _opened_live(source) if capture is None else capture
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if 1 <= rate <= 120 else LIVE_RATE
        self._arrived = arrived
        self.newest: Shot | None = None
        self.last_time = time.monotonic()
        self.frames = self.taken = 0
        self.seconds = 0.0  # without decoding, which waits for the camera
        self.problem: str | None = None
        self.stopped: str | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._keep_reading, daemon=True)
        self._thread.start()

    def _keep_reading(self) -> None:
        reason = 'it sends no more frames'
        try:
            while not self._closing:
                good, pixels = self._capture.read()
                begin = time.perf_counter()
                if not good or pixels is None:
                    break
                frame = read_gray(pixels, what=self.source)
                with self._arrived:
                    self.last_time = time.monotonic()
                    self.newest = Shot(self.frames, self.last_time, frame)
                    self.frames += 1
                    self.seconds += time.perf_counter() - begin
                    self._arrived.notify_all()
        except (cv2.error, UserError) as error:
            reason = str(error)
        with self._arrived:
            self.stopped = reason
            self._arrived.notify_all()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the newest frame."""
        assert self.newest is not None
        return self.newest.frame.shape[1], self.newest.frame.shape[0]

    def describe(self) -> dict[str, Any]:
        """What only a live source has."""
        return {'frames_dropped': self.frames - self.taken}

    def close(self) -> None:
        """Stop reading."""
        self._closing = True
        self._thread.join(timeout=2.0)
        # else it hangs in a read, which must not lose the capture
        if not self._thread.is_alive():
            self._capture.release()


def _opened_live(source: Source) -> Any:
    capture = cv2.VideoCapture(source if isinstance(source, int) else str(source))
    if not capture.isOpened():
        what = f'camera {source}' if isinstance(source, int) else str(source)
        raise UserError(
            f'{what}: cannot be opened; check that it is connected and no other '
            'program uses it.'
        )
    return capture


class LivePairs(Pairs):
    """Instants of cameras and streams: whenever there is a new frame and time for it.

    Args:
        sources: By gas.
        max_latency: Seconds after which a frame that waited is not used any more.
        duration: Seconds after which to end; None goes on until the streams stop.
        rate: Of the recording, per second; by default the cameras' higher one.
        open_stream: Opens a source; :class:`LiveStream` unless given.

    Raises:
        UserError: If a source cannot be opened or sends no first frame.
    """

    live = True

    def __init__(
        self,
        sources: dict[str, Source],
        *,
        max_latency: float = 1.0,
        duration: float | None = None,
        rate: float | None = None,
        open_stream: Callable[[Source, threading.Condition], LiveStream] = LiveStream,
    ) -> None:
        super().__init__()
        self.max_latency = max_latency
        self.duration = duration
        self._arrived = threading.Condition()
        try:
            for gas, source in sources.items():
                self.streams[gas] = open_stream(source, self._arrived)
            streams = self.streams.values()
            with self._arrived:
                self._arrived.wait_for(
                    lambda: all(x.newest or x.stopped for x in streams), STALL
                )
            for gas, stream in self.streams.items():
                if stream.newest is None:
                    raise UserError(
                        f'{stream.source}: sends no {GAS_LABELS[gas]} frame; check the '
                        'camera or the address.'
                    )
        except UserError:
            self.close()
            raise
        self.rate = rate or max(stream.rate for stream in self.streams.values())
        self.zero = time.monotonic()

    def __iter__(self) -> Iterator[Instant]:
        self.zero = time.monotonic()
        seen = dict.fromkeys(self.streams, -1)
        while True:
            now = time.monotonic()
            if self.duration is not None and now - self.zero >= self.duration:
                return
            with self._arrived:
                shots = {}
                for gas, stream in self.streams.items():
                    shot = stream.newest
                    recent = now - shot.time <= self.max_latency
                    if not recent or shot.index <= seen[gas]:
                        self._note_end(gas, now)
                    if recent and gas not in self.ended:
                        shots[gas] = shot
                new = [gas for gas in shots if shots[gas].index > seen[gas]]
                if not new:
                    if len(self.ended) == len(self.streams):
                        return
                    self._arrived.wait(0.1)
                    continue
                for gas in new:
                    seen[gas] = shots[gas].index
                    self.streams[gas].taken += 1
            shots = {g: replace(x, time=x.time - self.zero) for g, x in shots.items()}
            yield Instant(max(0.0, *(shot.time for shot in shots.values())), shots)

    def _note_end(self, gas: str, now: float) -> None:
        stream = self.streams[gas]
        silent = now - stream.last_time > STALL
        if gas not in self.ended and (stream.stopped or silent):
            self.ended[gas] = stream.last_time - self.zero
            reason = stream.stopped or f'nothing came for {STALL:g} s'
            stream.problem = f'{stream.source}: stopped ({reason})'


def open_pairs(
    sources: dict[str, Source],
    *,
    offset: float = 0.0,
    rate: float | None = None,
    max_latency: float | None = None,
    duration: float | None = None,
) -> Pairs:
    """The instants of what was given: files, or cameras and streams.

    For the options see :class:`.clips.ClipPairs` and :class:`LivePairs`.

    Raises:
        UserError: If nothing was given, files and live sources are mixed, a number
            makes no sense, or a source cannot be used.
    """
    if not sources:
        raise UserError('no video was given; give a CO2 video, a CH4 video or both.')
    if rate is not None and not 0 < rate <= FASTEST:
        raise UserError(f'fps is {rate:g}; choose more than 0, at most {FASTEST:g}.')
    if not math.isfinite(offset):
        raise UserError(f'offset is {offset}; give seconds.')
    live = {gas for gas, source in sources.items() if is_live(source)}
    for name, value in (('max_latency', max_latency), ('duration', duration)):
        if value is not None and not value > 0:
            raise UserError(f'{name} is {value:g}; choose more than 0 seconds.')
        if value is not None and not live:
            raise UserError(f'{name} is for cameras and streams; leave it out.')
    if not live:
        paths = {gas: Path(str(source)) for gas, source in sources.items()}
        return ClipPairs(paths, offset=offset, rate=rate)
    if len(live) < len(sources):
        raise UserError(
            'one source is a file, the other is live; a recording has no common clock '
            'with a camera. Give two files or two live sources.'
        )
    if offset:
        raise UserError('offset is for files; live frames belong to when they arrive.')
    latency = 1.0 if max_latency is None else max_latency
    return LivePairs(sources, max_latency=latency, duration=duration, rate=rate)
