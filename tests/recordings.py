"""Made-up camera files: FLIR frames, sequences and JPEGs, 16-bit clips.

The layout of FLIR's files is ExifTool's (https://exiftool.org/TagNames/FLIR.html). That
flirpy 0.6.2 and flyr 5.1.0 read the same counts from these files was seen once; neither
is needed here.
"""

import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

CAMERA, SERIAL, RATE = 'FLIR GF343', 'S12345', 15


def scene(
    number: int = 0, *, size: tuple[int, int] = (64, 48), plume: bool = True
) -> np.ndarray:
    """(H, W) uint8, 40 to 200: a slope, noise, a plume that moves with ``number``."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(number).normal(0, 1, (height, width))
    frame = 40 + 60 * x / width + noise
    if plume:
        away = np.hypot(x - width / 2, y - height / 3 - number)
        frame += 90 * np.exp(-((away / (height / 6)) ** 2))
    return frame.clip(0, 255).astype(np.uint8)


def counts(number: int = 0, *, offset: int = 3000, **options) -> np.ndarray:
    """:func:`scene` as the 14-bit counts of a radiometric camera, uint16."""
    return scene(number, **options).astype(np.uint16) + np.uint16(offset)


def write_16_bit_clip(path: Path, frames: Sequence[np.ndarray], rate: float) -> Path:
    """A lossless clip (FFV1, gray of 16 bits)."""
    return _write(path, frames, rate, 'FFV1')


def _write(path: Path, frames: Sequence[np.ndarray], rate: float, codec: str) -> Path:
    height, width = frames[0].shape
    kind = [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U, cv2.VIDEOWRITER_PROP_IS_COLOR, 0]
    fourcc = cv2.VideoWriter.fourcc(*codec)
    video = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, fourcc, rate, (width, height), kind
    )
    assert video.isOpened()
    for frame in frames:
        video.write(frame)
    video.release()
    return path


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode('.png', pixels)[1].tobytes()


def jpeg_ls(pixels: np.ndarray) -> bytes:
    """One frame as the cameras of ``.csq`` pack it."""
    with tempfile.TemporaryDirectory() as folder:
        content = _write(Path(folder, 'a.avi'), [pixels], 10, 'MJLS').read_bytes()
    begin = content.index(b'\xff\xd8\xff\xf7')
    return content[begin : content.index(b'\xff\xd9', begin) + 2]


def fff(
    pixels: np.ndarray,
    *,
    packed: bytes | None = None,
    order: str = '<',
    time: float | None = 1_700_000_000.0,
    camera: str = CAMERA,
) -> bytes:
    """An FFF frame of raw counts with its camera's record.

    Args:
        pixels: (H, W) uint16.
        packed: The counts in another form than row by row.
        order: Byte order of header and directory (big in JPEGs).
        time: Of the recording; None for a camera that does not tell.
        camera: Its model.
    """
    height, width = pixels.shape
    raw = struct.pack('<3H', 2, width, height).ljust(32, b'\0')
    raw += packed or pixels.astype('<u2').tobytes()
    about = bytearray(0x470)
    struct.pack_into('<3H', about, 0, 2, width, height)
    about[0xD4 : 0xD4 + len(camera)] = camera.encode()
    about[0x104 : 0x104 + len(SERIAL)] = SERIAL.encode()
    if time is not None:
        struct.pack_into('<2I', about, 0x384, int(time), round(time % 1 * 1000))
    struct.pack_into('<H', about, 0x464, RATE)
    entries, begin = b'', 64 + 4 * 32
    for number, (kind, record) in enumerate(((1, raw), (0x20, bytes(about)))):
        place = (kind, 1, 100, number, begin, len(record), 0, 0, 0)
        entries += struct.pack(f'{order}2H7I', *place)
        begin += len(record)
    entries = entries.ljust(4 * 32, b'\0')  # two are free
    header = b'FFF\0' + b'CAMCTRL\0'.ljust(16, b'\0')
    header += struct.pack(f'{order}4I', 100, 64, 4, 3)
    return header.ljust(64, b'\0') + entries + raw + bytes(about)


def radiometric_jpeg(
    picture: np.ndarray, frame: bytes, *, part: int = 4000, exif: bytes = b''
) -> bytes:
    """A JPEG of ``picture`` whose APP1 segments carry an FFF frame, in parts."""
    jpeg = cv2.imencode('.jpg', picture)[1].tobytes()
    parts = [frame[at : at + part] for at in range(0, len(frame), part)]
    segments = exif + b''.join(
        b'\xff\xe1'
        + struct.pack('>H', len(content) + 10)
        + b'FLIR\0\1'
        + bytes([number, len(parts) - 1])
        + content
        for number, content in enumerate(parts)
    )
    return jpeg[:2] + segments + jpeg[2:]
