"""What FLIR's cameras write: FFF frames, alone, in sequences and inside JPEGs.

A frame is a header, a directory of records and the records: raw counts, the camera and
much else. ``.fff`` holds one, ``.seq`` and ``.csq`` hold them one after the other, a
radiometric JPEG carries one in its APP1 segments. The layout is the one that ExifTool
documents (https://exiftool.org/TagNames/FLIR.html); this is its part that has pixels,
time and camera.
"""

import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import cv2
import numpy as np

from fume_mm.errors import UserError

MAGIC = b'FFF\0'
_RAW, _CAMERA = 0x01, 0x20
_HEADER, _ENTRY = 64, 32
_VERSIONS = range(100, 200)


class Bytes(Protocol):
    """``bytes`` or a memory-mapped file."""

    def __getitem__(self, part: slice, /) -> bytes: ...
    def __len__(self) -> int: ...
    def find(self, sub: bytes, start: int = ..., /) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class FlirFrame:
    """One frame of raw counts, not decoded yet.

    Attributes:
        width: In pixels.
        height: In pixels.
        counts: The counts as the camera packed them: row by row in 16 bits, a PNG or a
            JPEG-LS stream.
        order: Byte order of the former, ``'<'`` or ``'>'``.
        time: Seconds since 1970 at which it was recorded; None if it does not say.
        rate: The camera's frames per second; None likewise.
        camera: Its model, and serial number if any; None likewise.
    """

    width: int
    height: int
    counts: bytes
    order: str
    time: float | None = None
    rate: float | None = None
    camera: str | None = None


def frame_spans(data: Bytes) -> tuple[list[tuple[int, int]], bool]:
    """Where each frame of a sequence begins and ends, and whether the last is whole.

    The directory tells where a frame ends: the magic bytes may occur among the counts.
    """
    spans: list[tuple[int, int]] = []
    at = data.find(MAGIC, 0)
    while at >= 0:
        end = max((start + size for _, start, size in _records(data, at)), default=0)
        if end > len(data):
            return spans, False
        if end > at:
            spans.append((at, end))
        at = data.find(MAGIC, max(end, at + len(MAGIC)))
    return spans, True


def parse_frame(data: Bytes, start: int = 0) -> FlirFrame | None:
    """The frame that begins at ``start``; None if it holds no whole raw counts."""
    raw, about = None, {}
    for kind, at, size in _records(data, start):
        record = data[at : at + size]
        if len(record) < size:
            return None
        if kind == _RAW and raw is None and size > _ENTRY:
            raw = record
        elif kind == _CAMERA:
            about = _camera(record)
    if raw is None:
        return None
    order = _order(raw)
    width, height = struct.unpack_from(f'{order}2H', raw, 2)
    return FlirFrame(width, height, raw[_ENTRY:], order, **about)


def frame_in_jpeg(file: BinaryIO) -> bytes | None:
    """The FFF frame that a radiometric JPEG carries; None if there is none, whole.

    Reads the segments before the picture only.
    """
    if file.read(2) != b'\xff\xd8':
        return None
    parts, last = {}, 0
    while len(marker := file.read(4)) == 4 and marker[0] == 0xFF and marker[1] != 0xDA:
        size = int.from_bytes(marker[2:], 'big') - 2
        if marker[1] != 0xE1:
            file.seek(size, 1)
            continue
        segment = file.read(size)
        if segment.startswith(b'FLIR\0') and len(segment) > 8:
            last = segment[7]
            parts[segment[6]] = segment[8:]
    if not parts or set(parts) != set(range(last + 1)):
        return None
    return b''.join(parts[number] for number in sorted(parts))


def decode_frame(data: bytes, name: object) -> np.ndarray:
    """The raw counts, (H, W) uint16, of the FFF frame that ``data`` begins with.

    Raises:
        UserError: If it holds none, or none that can be decoded.
    """
    frame = parse_frame(data)
    counts = None if frame is None else _unpacked(frame)
    if frame is None or counts is None or counts.shape != (frame.height, frame.width):
        raise UserError(
            f'{name}: its FLIR frame holds no raw counts that can be decoded; export '
            'it again as 16-bit TIFF or PNG.'
        )
    return counts


def _unpacked(frame: FlirFrame) -> np.ndarray | None:
    if frame.counts.startswith(b'\x89PNG'):
        counts = cv2.imdecode(np.frombuffer(frame.counts, np.uint8), -1)
        if counts is None or counts.dtype != np.uint16 or counts.ndim != 2:
            return None
        # most of FLIR's cameras swap the bytes in PNG: the smooth order is right
        swapped = counts.byteswap()
        rough = [np.abs(np.diff(x.astype(np.float32))).sum() for x in (counts, swapped)]
        return counts if rough[0] < rough[1] else swapped
    if frame.counts.startswith(b'\xff\xd8\xff'):
        return _jpeg_ls(frame.counts)
    number = frame.width * frame.height
    if len(frame.counts) < 2 * number:
        return None
    counts = np.frombuffer(frame.counts, f'{frame.order}u2', number)
    return counts.reshape(frame.height, frame.width).astype(np.uint16)


def _jpeg_ls(data: bytes) -> np.ndarray | None:
    # imdecode knows no JPEG-LS; the FFmpeg behind OpenCV's videos does, of a file
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'frame.jls')
        path.write_bytes(data)
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        good, counts = capture.read()
        capture.release()
    at = data.find(b'\xff\xf7') + 4  # of the number of bits
    if not good or counts is None or counts.dtype != np.uint16 or at < 4:
        return None
    # FFmpeg moves fewer bits up to 16
    return counts.reshape(counts.shape[:2]) >> (16 - data[at])


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels turned as EXIF's orientation says: 5 to 8 transpose first."""
    if orientation > 4:
        pixels, orientation = pixels.T, {5: 1, 6: 2, 7: 3, 8: 4}.get(orientation, 1)
    if orientation in (2, 3):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _records(data: Bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Kind, place and size of each record of the frame at ``start``, and of the whole
    directory (kind -1); none if there is no frame.
    """
    header = data[start : start + _HEADER]
    if len(header) < _HEADER or not header.startswith(MAGIC):
        return
    for order in '<>':
        version, place, number = struct.unpack_from(f'{order}3I', header, 0x14)
        if version in _VERSIONS:
            break
    else:
        return
    yield -1, start + place, _ENTRY * number
    directory = data[start + place : start + place + _ENTRY * number]
    for at in range(0, len(directory) - _ENTRY + 1, _ENTRY):
        kind, _, _, _, offset, size = struct.unpack_from(f'{order}2H4I', directory, at)
        if kind:  # 0 is a free entry
            yield kind, start + offset, size


def _order(record: bytes) -> str:
    """A record begins with the number 2 in its own byte order."""
    return '<' if record[:2] == b'\2\0' else '>'


def _camera(record: bytes) -> dict[str, Any]:
    order = _order(record)
    about: dict[str, Any] = {}
    if len(record) >= 0x114:
        texts = [record[at : at + size] for at, size in ((0xD4, 32), (0x104, 16))]
        names = [text.split(b'\0')[0].decode('latin-1').strip() for text in texts]
        about['camera'] = ' '.join(filter(None, names)) or None
    if len(record) >= 0x38E:
        seconds, thousandths = struct.unpack_from(f'{order}2I', record, 0x384)
        about['time'] = seconds + (thousandths & 0xFFFF) / 1000 if seconds else None
    if len(record) >= 0x466:
        (rate,) = struct.unpack_from(f'{order}H', record, 0x464)
        about['rate'] = float(rate) or None
    return about
