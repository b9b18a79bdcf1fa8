"""Two recordings on one clock; :mod:`.cameras` is the same for cameras.

Each output instant takes of each gas the latest frame that is not later than it;
nothing is interpolated. Before a gas's first frame, and once its last frame has had its
time, the gas is absent.

Every frame is decoded, in order, a few ahead of need. Instants follow at an even rate,
by default the higher one of the two. Times are those that the files give their frames,
so that frame rates may differ, or vary.
"""

import itertools
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.progress import ordered_map
from fume_mm.io.recordings import open_recording

#: Containers round times to milliseconds: so much later is still not later.
TOLERANCE = 0.001


@dataclass(frozen=True)
class Shot:
    """One frame of one gas.

    Attributes:
        index: Its number in the video, or among those that arrived.
        time: Seconds on the common clock.
        frame: (H, W) uint8.
    """

    index: int
    time: float
    frame: np.ndarray


@dataclass(frozen=True)
class Instant:
    """What there is at one time of the output; a gas that is absent is no key."""

    time: float
    shots: dict[str, Shot]


class Pairs:
    """Instants of one or two sources, in order.

    A source has ``source`` (its name), ``rate``, ``size`` (width, height), ``frames``
    read so far, ``seconds`` spent on them, ``problem``, ``describe()`` and ``close()``.

    Attributes:
        streams: The sources by gas.
        rate: Instants per second.
        count: How many instants to expect; None if that is not known.
        ended: By gas, seconds at which its source ended.
    """

    live: bool
    rate: float
    count: int | None = None

    def __init__(self) -> None:
        self.streams: dict[str, Any] = {}
        self.ended: dict[str, float] = {}

    def __iter__(self) -> Iterator[Instant]:
        raise NotImplementedError

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """(width, height) by gas."""
        return {gas: stream.size for gas, stream in self.streams.items()}

    @property
    def decode_seconds(self) -> float:
        """Spent decoding, in threads of their own."""
        return sum(stream.seconds for stream in self.streams.values())

    def describe(self) -> dict[str, dict[str, Any]]:
        """Each gas's source, for the verdict."""
        return {
            gas: {
                'source': stream.source,
                'frames_read': stream.frames,
                'ends_at': self.ended.get(gas),
                **stream.describe(),
            }
            for gas, stream in self.streams.items()
        }

    def problems(self) -> list[str]:
        """What went wrong with the sources, in the order in which they ended."""
        problems = (self.streams[gas].problem for gas in {**self.ended, **self.streams})
        return [problem for problem in problems if problem]

    def close(self) -> None:
        """Close the sources."""
        for stream in self.streams.values():
            stream.close()


class Clip:
    """A recorded file, decoded by a thread of its own, a few frames ahead.

    Args:
        path: The file; see :func:`~fume_mm.io.recordings.open_recording`.
        start: When its first frame is, on the common clock, in seconds.
        rate: Frames per second, if the file does not tell.

    Raises:
        UserError: If it cannot be opened, holds no frame, has no rate, or is in a
            palette that cannot be undone.
    """

    def __init__(
        self, path: str | Path, *, start: float = 0.0, rate: float | None = None
    ) -> None:
        self.source = str(path)
        self.start = start
        self.frames = 0
        self.seconds = 0.0
        self._recording = open_recording(path)
        known = self._recording.rate or rate
        if known is None:
            raise UserError(
                f'{path}: does not tell its frame rate; give one (--fps), or convert '
                'the file.'
            )
        self.rate = float(known)
        self._frames = iter(self._recording)
        self._reads: Any = ordered_map(lambda _: self._read(), itertools.count(), 1)
        first = next(self._reads)
        if first is None:
            self.close()
            raise UserError(f'{path}: no frame of it can be decoded; record it again.')
        self._shots = itertools.chain([first], self._reads)
        self.size = first.frame.shape[1], first.frame.shape[0]
        #: How many frames the file says it has; None if it does not.
        self.count = self._recording.count

    @property
    def problem(self) -> str | None:
        """Why it ended early; None if it did not."""
        return self._recording.problem

    def next(self) -> Shot | None:
        """The next frame; None at the end."""
        return next(self._shots)

    def _read(self) -> Shot | None:
        begin = time.perf_counter()
        frame = next(self._frames, None)
        if frame is None:
            return None
        given = frame.index / self.rate if frame.time is None else frame.time
        gray = self._recording.gray(frame)
        shot = Shot(frame.index, self.start + given, gray)
        self.frames += 1
        self.seconds += time.perf_counter() - begin
        return shot

    def describe(self) -> dict[str, Any]:
        """What only a file has."""
        about: dict[str, Any] = {'frame_rate': self.rate, 'starts_at': self.start}
        if self._recording.limits:
            about['limits'] = list(self._recording.limits)
        return about

    def close(self) -> None:
        """Stop decoding."""
        self._reads.close()
        self._recording.close()


class ClipPairs(Pairs):
    """Instants of one or two video files, in order, at an even rate.

    Args:
        paths: By gas.
        offset: Seconds from the CO2 clip's first frame to the CH4 clip's; negative if
            CH4 began earlier. Time 0 is when the earlier one begins.
        rate: Instants per second; by default the higher rate of the clips.
    """

    live = False

    def __init__(
        self,
        paths: Mapping[str, str | Path],
        *,
        offset: float = 0.0,
        rate: float | None = None,
    ) -> None:
        super().__init__()
        offset *= len(paths) > 1
        starts = {'co2': max(0.0, -offset), 'ch4': max(0.0, offset)}
        try:
            for gas, path in paths.items():
                self.streams[gas] = Clip(path, start=starts[gas], rate=rate)
        except UserError:
            self.close()
            raise
        clips = self.streams.values()
        self.rate = rate or max(clip.rate for clip in clips)
        if all(clip.count for clip in clips):
            ends = [clip.start + clip.count / clip.rate for clip in clips]
            self.count = math.ceil(max(ends) * self.rate)

    def __iter__(self) -> Iterator[Instant]:
        current: dict[str, Shot] = {}
        coming = {gas: clip.next() for gas, clip in self.streams.items()}
        for number in itertools.count():
            now = number / self.rate
            for gas, clip in self.streams.items():
                shot = coming[gas]
                while shot is not None and shot.time <= now + TOLERANCE:
                    current[gas] = shot
                    shot = coming[gas] = clip.next()
                last = current.get(gas)
                if shot is None and last is not None:
                    end = last.time + 1 / clip.rate
                    if now > end - TOLERANCE:
                        del current[gas]
                        self.ended[gas] = end
            if len(self.ended) == len(self.streams):
                return
            yield Instant(now, dict(current))
