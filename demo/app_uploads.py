"""Uploads of the page, held against limits before a model sees them.

They are strangers' files. A kind is told by a file's first bytes, never by its name,
so that FFmpeg is not handed a playlist that points at other files of the machine; and
the length in a clip's header is not trusted.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2

from fume_mm.errors import UserError
from fume_mm.inference.video.clips import TOLERANCE
from fume_mm.io.images import image_size
from fume_mm.io.recordings import FASTEST

#: First bytes of containers, and how far into the file they begin.
CONTAINERS = (
    (b'ftyp', 4),  # MP4, MOV
    (b'moov', 4),
    (b'mdat', 4),
    (b'wide', 4),
    (b'AVI ', 8),
    (b'\x1a\x45\xdf\xa3', 0),  # Matroska, WebM
    (b'\x00\x00\x01\xba', 0),  # MPEG
)
KINDS = 'an image (PNG, JPEG, TIFF, BMP, PGM, WebP) or a video (MP4, MOV, AVI, MKV)'


@dataclass(frozen=True)
class Limits:
    """What the page takes.

    Attributes:
        file_bytes: Of one upload.
        frame_pixels: Of a frame.
        clip_pixels: Of a clip's pictures.
        instants: Of both clips on one clock.
    """

    file_bytes: int = 100 * 2**20
    frame_pixels: int = 16_000_000
    clip_pixels: int = 1920 * 1200
    instants: int = 1800

    def text(self) -> str:
        """The limits in a sentence."""
        return (
            f'Files up to {self.file_bytes / 2**20:g} MiB; frames up to '
            f'{self.frame_pixels / 1e6:g} megapixels; clips up to '
            f'{self.clip_pixels / 1e6:.1f} megapixels and {self.instants} frames (a '
            f'minute at {self.instants / 60:g} frames/s).'
        )


def kind_of(path: Path, limits: Limits) -> str:
    """``'frame'`` or ``'clip'``.

    Raises:
        UserError: If the file is empty, too large, or neither.
    """
    size = path.stat().st_size
    if not size:
        raise UserError(f'{path}: is empty; copy or record it again.')
    if size > limits.file_bytes:
        raise UserError(
            f'{path}: has {size / 2**20:.0f} MiB, and this page takes up to '
            f'{limits.file_bytes / 2**20:g}; cut or compress it, or use '
            'demo/image_demo.py or demo/video_demo.py.'
        )
    with path.open('rb') as file:
        head = file.read(16)
    if any(head[at : at + len(mark)] == mark for mark, at in CONTAINERS):
        return 'clip'
    if not cv2.haveImageReader(str(path)):
        raise UserError(f'{path}: is no file that this page knows; give {KINDS}.')
    _check_frame(path, limits)
    return 'frame'


def _check_frame(path: Path, limits: Limits) -> None:
    """Refuse a frame that is too large, before it is decoded."""
    width, height = image_size(path)
    if width * height > limits.frame_pixels:
        raise UserError(
            f'{path}: has more than {limits.frame_pixels / 1e6:g} megapixels, the most '
            'that this page takes; make it smaller.'
        )


def check_clips(paths: Mapping[str, Path], limits: Limits, offset: float) -> None:
    """Refuse clips that are broken or too long, whatever they say of themselves."""
    if not math.isfinite(offset):
        raise UserError('the offset is no number; give seconds.')
    starts = {'co2': max(0.0, -offset), 'ch4': max(0.0, offset)}
    ends, rates = [], []
    for gas, path in paths.items():
        seconds, rate = _measured(path, limits)
        ends.append(seconds + (starts[gas] if len(paths) > 1 else 0.0))
        rates.append(rate)
    instants = max(ends) * max(rates)
    if instants > limits.instants * (1 + TOLERANCE):
        raise UserError(
            f'{" and ".join(map(str, paths.values()))}: would make {instants:.0f} '
            f'pictures at {max(rates):.3g} a second, and this page takes up to '
            f'{limits.instants}; cut them, or use demo/video_demo.py.'
        )


def _measured(path: Path, limits: Limits) -> tuple[float, float]:
    """Seconds and frames a second of a clip; goes through all of its frames."""
    capture = cv2.VideoCapture(str(path))
    try:
        if not capture.isOpened():
            raise UserError(
                f'{path}: cannot be opened as a video; it may be incomplete (copy it '
                'again) or of a kind that OpenCV cannot read (convert it to MP4).'
            )
        size = [
            capture.get(key)
            for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        ]
        if size[0] * size[1] > limits.clip_pixels:
            raise UserError(
                f'{path}: is {size[0]:.0f}x{size[1]:.0f}, and this page takes clips up '
                f'to {limits.clip_pixels / 1e6:.1f} megapixels; make it smaller.'
            )
        count, rate = (
            capture.get(key) for key in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS)
        )
        if not 0 < rate <= FASTEST:
            raise UserError(f'{path}: does not tell its frame rate; convert it to MP4.')
        frames, first, last = 0, 0.0, 0.0
        while frames <= limits.instants and capture.grab():
            last = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            first = first if frames else last
            frames += 1
    finally:
        capture.release()
    if frames > limits.instants:
        raise UserError(
            f'{path}: has more than {limits.instants} frames, the most that this page '
            'takes; cut it, or use demo/video_demo.py.'
        )
    if not frames:
        raise UserError(f'{path}: no frame of it can be decoded; record it again.')
    # some containers only estimate the number
    if count < 2**40 and count - frames > max(2, 0.02 * frames):
        raise UserError(
            f'{path}: breaks off after {frames} of {count:.0f} frames; copy or record '
            'it again.'
        )
    return max(last - first, (frames - 1) / rate) + 1 / rate, rate
