"""Files that hold several frames, one after the other, and what their gray levels are.

A recording is a video, a FLIR sequence (``.seq``, ``.csq``, ``.fff``), a TIFF of
several pages, or a folder of frames. Its frames come as they are stored: 8 bits (gray
or colour), 16 bits or floating point. What makes them gray levels is the same for all
of them and for whoever reads them (:attr:`Recording.limits`); a campaign's recordings,
files of one frame by now, get theirs in the same way (:mod:`.limits`).
"""

import math
import mmap
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.fff import MAGIC, decode_frame, frame_spans, parse_frame
from fume_mm.io.images import IMAGES, read_frame, read_values
from fume_mm.io.limits import SAMPLE, pooled_limits, spread
from fume_mm.io.stretch import Limits

# Errors here say what is wrong; FFmpeg's own remarks beside them would bury them.
os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', '-8')
os.environ.setdefault('OPENCV_LOG_LEVEL', 'SILENT')

FASTEST = 1000.0
_PAGES = 16  # of a TIFF that are decoded together
_LOOKS = 3  # at a video of 8 bits
_GRAY_16 = b'Y1\0\x10'  # FFmpeg's name of little-endian 16-bit gray


@dataclass(frozen=True)
class RecordedFrame:
    """One frame as it is stored.

    Attributes:
        index: Its number in the recording.
        time: Seconds from the first frame; None if the recording does not tell.
        values: (H, W) or (H, W, 3) BGR; uint8, uint16 or floating point.
    """

    index: int
    time: float | None
    values: np.ndarray


class Recording:
    """Frames one after the other; iterate once, from the first.

    Attributes:
        source: Where they are.
        rate: Frames per second; None if it does not tell.
        count: How many it says it has; None likewise.
        camera: What recorded them; None likewise.
        problem: Why it ended early, for a user; None if it did not.
    """

    def __init__(self, path: Path) -> None:
        self.source = path
        self.rate: float | None = None
        self.count: int | None = None
        self.camera: str | None = None
        self.problem: str | None = None

    def __iter__(self) -> Iterator[RecordedFrame]:
        """All frames.

        Raises:
            UserError: For a frame that cannot be decoded, or is of another size.
        """
        shape = None
        for index in range(self.count or 0):
            frame = RecordedFrame(index, self.time_of(index), self.read(index))
            shape = shape or frame.values.shape[:2]
            if frame.values.shape[:2] != shape:
                raise UserError(
                    f'{self.name_of(index)}: is {_size(frame.values.shape)}, the '
                    f'frames before it {_size(shape)}; give one recording at a time.'
                )
            yield frame

    def read(self, index: int) -> np.ndarray:
        """The values of one frame."""
        raise NotImplementedError

    def time_of(self, index: int) -> float | None:
        """The time of one frame, seconds from the first."""
        return None if self.rate is None else index / self.rate

    def name_of(self, index: int) -> str:
        """What errors call a frame."""
        return f'{self.source}, frame {index}'

    def sample(self) -> Iterator[tuple[str, np.ndarray]]:
        """Name and values of some frames, evenly spread, whatever was iterated."""
        for index in spread(self.count or 0, SAMPLE):
            yield self.name_of(index), self.read(index)

    @cached_property
    def limits(self) -> Limits | None:
        """What becomes black and white in every frame; None if it has 8 bits.

        Raises:
            UserError: If the frames are in a palette that cannot be undone.
        """
        return pooled_limits(
            (name, read_values(values, what=name)[0]) for name, values in self.sample()
        )

    def gray(self, frame: RecordedFrame) -> np.ndarray:
        """The gray levels of one of its frames, (H, W) uint8."""
        limits = self.limits  # looks at the palette too, which need not be done again
        name = self.name_of(frame.index)
        values, _ = read_values(frame.values, what=name, colours=False)
        return read_frame(values, what=name, limits=limits)[0]

    def close(self) -> None:
        """Close the file."""


class VideoFile(Recording):
    """What OpenCV's FFmpeg decodes; 16 bits where the file has gray of 16 bits."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._capture, self._deep = self._open()
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if 0 < rate <= FASTEST else None  # also for NaN
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.count = int(count) if 0 < count < 2**40 else None

    def _open(self) -> tuple[Any, bool]:
        """The file, and whether it has more than 8 bits."""
        capture = cv2.VideoCapture(str(self.source))
        if not capture.isOpened():
            raise UserError(
                f'{self.source}: cannot be opened as a video; it may be incomplete '
                '(copy it again) or of a kind that OpenCV cannot read (convert it to '
                'MP4).'
            )
        pixels = int(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) & 0xFFFFFFFF
        name = pixels.to_bytes(4, 'little')
        deep = name.startswith(b'Y1\0') or name.endswith(b'\x001Y')
        if deep and name != _GRAY_16:
            raise UserError(
                f'{self.source}: holds gray of more than 8 bits in a form that OpenCV '
                'cannot read; convert it with `ffmpeg -i IN -c:v ffv1 -pix_fmt '
                'gray16le OUT.mkv`.'
            )
        if deep:  # else OpenCV keeps the upper 8 of the 16 bits, and cameras use 14
            capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        return capture, deep

    def __iter__(self) -> Iterator[RecordedFrame]:
        first, last, number = None, -math.inf, 0
        while (values := self._decoded(self._capture, number)) is not None:
            given = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            first = given if first is None else first
            time = given - first
            if not math.isfinite(time) or time <= last:
                time = last + 1 / (self.rate or 1) if number else 0.0
            last = time
            yield RecordedFrame(number, time, values)
            number += 1
        missing = 0 if self.count is None else self.count - number
        # some containers only estimate the number
        if missing > max(2, 0.02 * number):
            self.problem = (
                f'{self.source}: broke off after {number} of {self.count} frames; copy '
                'or record it again'
            )

    def _decoded(self, capture: Any, number: int) -> np.ndarray | None:
        good, values = capture.read()
        if not good or values is None:
            return None
        if self._deep and values.dtype != np.uint16:
            raise UserError(
                f'{self.name_of(number)}: its 16 bits cannot be read by this OpenCV; '
                'upgrade it with `pip install -U opencv-python`.'
            )
        return values

    def sample(self) -> Iterator[tuple[str, np.ndarray]]:
        """Of a second look at the file; frames that it cannot go to are left out."""
        capture, deep = self._open()
        # of 8 bits only the palette is to be seen, and to go far in a video is slow
        number = SAMPLE if deep else _LOOKS
        try:
            for index in spread(self.count or 1, number):
                if index:
                    capture.set(cv2.CAP_PROP_POS_FRAMES, index)
                values = self._decoded(capture, index)
                if values is not None:
                    yield self.name_of(index), values
        finally:
            capture.release()

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


class FlirSequence(Recording):
    """FLIR's frames one after the other, raw counts with time and camera."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with path.open('rb') as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        spans, whole = frame_spans(self._data)
        parsed = ((at, parse_frame(self._data[at:end])) for at, end in spans)
        # a sequence may begin with a frame of settings only
        frames = [(at, frame) for at, frame in parsed if frame is not None]
        if not frames:
            raise UserError(
                f'{path}: holds no FLIR frame that can be read; it may be incomplete '
                '(copy it again), or of another kind (export it as 16-bit TIFF).'
            )
        ends = dict(spans)
        self._spans = [(at, ends[at]) for at, _ in frames]
        self.count, first = len(frames), frames[0][1]
        self.camera, self.rate = first.camera, first.rate
        times = [frame.time for _, frame in frames]
        self._times: list[float] | None = None
        known = [time for time in times if time is not None]
        if len(known) == self.count and all(np.diff(known) > 0) and self.count > 1:
            self._times = [time - known[0] for time in known]
            self.rate = (self.count - 1) / self._times[-1]
        if not whole:
            self.problem = (
                f'{path}: broke off after {self.count} frames; copy or record it again'
            )

    def read(self, index: int) -> np.ndarray:
        """The raw counts of one frame."""
        at, end = self._spans[index]
        return decode_frame(self._data[at:end], self.name_of(index))

    def time_of(self, index: int) -> float | None:
        """By the camera's clock, else by its rate."""
        return self._times[index] if self._times else super().time_of(index)

    def close(self) -> None:
        """Close the file."""
        self._data.close()


class TiffStack(Recording):
    """A TIFF's pages; it tells neither time nor rate."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._data = path.read_bytes()
        self.count = _tiff_pages(self._data)
        self._first = -1
        self._pages: Sequence[Any] = ()

    def read(self, index: int) -> np.ndarray:
        """One page; those after it are decoded with it."""
        if not 0 <= index - self._first < len(self._pages) or self._first < 0:
            pages = np.frombuffer(self._data, np.uint8)
            flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
            span = index, min(index + _PAGES, self.count or 0)
            try:
                _, self._pages = cv2.imdecodemulti(pages, flags, range=span)
            except cv2.error:
                self._pages = ()
            self._first = index
        if not self._pages:
            raise UserError(
                f'{self.name_of(index)}: cannot be decoded; restore the file, or save '
                'it again.'
            )
        return self._pages[index - self._first]


class FrameFolder(Recording):
    """A folder's pictures in the order of their names."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._paths = sorted(
            file
            for file in path.iterdir()
            if file.suffix.lower() in IMAGES and not file.name.startswith('.')
        )
        self.count = len(self._paths)
        if not self._paths:
            raise UserError(
                f'{path}: holds no image ({", ".join(IMAGES)}); name another folder.'
            )

    def read(self, index: int) -> np.ndarray:
        """The values of one picture."""
        return read_values(self._paths[index])[0]

    def name_of(self, index: int) -> str:
        """Its file."""
        return str(self._paths[index])


def open_recording(path: str | Path) -> Recording:
    """A recording, of whichever kind.

    Raises:
        UserError: If there is no such file, or it is no recording.
    """
    path = Path(path)
    if path.is_dir():
        return FrameFolder(path)
    if not path.is_file():
        raise UserError(f'{path}: there is no such video; give the path of one.')
    with path.open('rb') as file:
        head = file.read(len(MAGIC))
    if not head:
        raise UserError(f'{path}: is empty; copy or record it again.')
    if head == b'AFF\0':
        raise UserError(
            f"{path}: is a sequence in FLIR's older AFF form, which cannot be read; "
            'export it as 16-bit TIFF.'
        )
    kinds: dict[bytes, Callable[[Path], Recording]] = {
        MAGIC: FlirSequence,
        b'II*\0': TiffStack,
        b'MM\0*': TiffStack,
        b'II+\0': TiffStack,
        b'MM\0+': TiffStack,
    }
    if path.suffix.lower() in IMAGES and head not in kinds:
        raise UserError(
            f'{path}: is one picture, not a recording; give the folder of its frames, '
            'or the picture to demo/image_demo.py.'
        )
    return kinds.get(head, VideoFile)(path)


def _tiff_pages(data: bytes) -> int:
    order = '<' if data.startswith(b'II') else '>'
    big = struct.unpack_from(f'{order}H', data, 2)[0] == 43
    number, entry, offset = ('Q', 20, 'Q') if big else ('H', 12, 'I')
    at = 8 if big else 4
    seen: set[int] = set()
    try:
        while (page := struct.unpack_from(order + offset, data, at)[0]) not in (
            0,
            *seen,
        ):
            seen.add(page)
            (entries,) = struct.unpack_from(order + number, data, page)
            at = page + struct.calcsize(order + number) + entry * entries
    except struct.error:  # cut short
        pass
    return len(seen)


def _size(shape: Sequence[int]) -> str:
    return f'{shape[1]}x{shape[0]}'
