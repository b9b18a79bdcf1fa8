"""Uploads of the page, held against limits before a model sees them.

They are strangers' files. A kind is told by a file's first bytes, never by its name,
so that FFmpeg is not handed a playlist that points at other files of the machine; and
the length in a clip's header is not trusted.
"""

import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from fume_mm.errors import UserError
from fume_mm.inference.video.clips import TOLERANCE
from fume_mm.io.files import make_folder
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
MIB = 2**20
#: Left free on the disk, bytes; and seconds that no file is removed to make room.
SPARE, FRESH = 256 * MIB, 60
#: Of a request that is no upload, bytes: it names files and holds none.
SMALL = MIB
KINDS = 'an image (PNG, JPEG, TIFF, BMP, PGM, WebP) or a video (MP4, MOV, AVI, MKV)'


class CancelledError(Exception):
    """Who asked for it wants it no more."""


@dataclass(frozen=True)
class Limits:
    """What the page takes.

    Attributes:
        file_bytes: Of one upload.
        frame_pixels: Of a frame.
        clip_pixels: Of a clip's pictures.
        instants: Of both clips on one clock.
        visitor_bytes: Of all uploads of one address.
        total_bytes: Of all that lies in the upload folder.
        half_open: Requests of one address whose body is still to come; of all, four
            times as many. Likewise ``connections``.
        head_seconds: For a request to begin.
        body_seconds: For an upload.
    """

    file_bytes: int = 100 * MIB
    frame_pixels: int = 16_000_000
    clip_pixels: int = 1920 * 1200
    instants: int = 1800
    visitor_bytes: int = 400 * MIB
    total_bytes: int = 2 * 2**30
    half_open: int = 24
    connections: int = 100
    head_seconds: float = 30.0
    body_seconds: float = 600.0

    def text(self) -> str:
        """The limits in a sentence."""
        return (
            f'Files up to {self.file_bytes / MIB:g} MiB; frames up to '
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
            f'{path}: has {size / MIB:.0f} MiB, and this page takes up to '
            f'{limits.file_bytes / MIB:g}; cut or compress it, or use '
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


def check_clips(
    paths: Mapping[str, Path],
    limits: Limits,
    offset: float,
    stopped: Callable[[], bool] = bool,
) -> None:
    """Refuse clips that are broken or too long, whatever they say of themselves."""
    if not math.isfinite(offset):
        raise UserError('the offset is no number; give seconds.')
    starts = {'co2': max(0.0, -offset), 'ch4': max(0.0, offset)}
    ends, rates = [], []
    for gas, path in paths.items():
        seconds, rate = _measured(path, limits, stopped)
        ends.append(seconds + (starts[gas] if len(paths) > 1 else 0.0))
        rates.append(rate)
    instants = max(ends) * max(rates)
    if instants > limits.instants * (1 + TOLERANCE):
        raise UserError(
            f'{" and ".join(map(str, paths.values()))}: would make {instants:.0f} '
            f'pictures at {max(rates):.3g} a second, and this page takes up to '
            f'{limits.instants}; cut them, or use demo/video_demo.py.'
        )


def _measured(
    path: Path, limits: Limits, stopped: Callable[[], bool]
) -> tuple[float, float]:
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
            if stopped():
                raise CancelledError
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


class RefusedError(Exception):
    """A request that is not answered; its status and, as text, why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Uploads:
    """What lies in the upload folder, by whom, and what of it is in use.

    Gradio names a file by its content, so that two visitors may share one. To be called
    from the event loop alone.

    Args:
        limits: How much may lie there.
        folder: The folder; None for Gradio's.
    """

    def __init__(self, limits: Limits, folder: Path | None = None) -> None:
        self.limits = limits
        self._folder = folder
        self._owners: dict[Path, set[str]] = {}
        self._slots: dict[tuple[str, str], Path] = {}
        self._kept: set[Path] = set()
        self._coming: Counter[str] = Counter()

    @property
    def folder(self) -> Path:
        """Where Gradio puts uploads and copies of results."""
        if self._folder is None:
            from gradio.utils import get_upload_folder

            self._folder = Path(get_upload_folder())
        return self._folder

    def keep(self) -> None:
        """Never remove what lies there now: the examples."""
        self._kept = {path for path, _ in self._files()}

    def _files(self) -> list[tuple[Path, Any]]:
        found = []
        for path in self.folder.rglob('*'):
            try:
                if path.is_file():
                    found.append((path, path.stat()))
            except FileNotFoundError:  # removed meanwhile
                pass
        return found

    @contextmanager
    def coming(self, visitor: str, size: int) -> Iterator[None]:
        """Hold room for an upload while it comes.

        Args:
            visitor: Whose it is: an address.
            size: Of the request, in bytes.

        Raises:
            RefusedError: If it is too large, or there would be too much.
        """
        limits = self.limits
        if size > limits.file_bytes + SMALL:
            raise RefusedError(
                413,
                f'A file may have up to {limits.file_bytes / MIB:g} MiB (maximum file '
                'size), and this one is larger.',
            )
        own = self._coming[visitor] + sum(
            path.stat().st_size
            for path, owners in self._owners.items()
            if visitor in owners and path.exists()
        )
        if own + size > limits.visitor_bytes:
            raise RefusedError(
                413,
                f'Your uploads may have {limits.visitor_bytes / MIB:g} MiB in all, and '
                f'{own / MIB:.1f} MiB are there; remove one (x), or wait an hour.',
            )
        if not self._make_room(size):
            raise RefusedError(
                507,
                f'The uploads of all visitors may have {limits.total_bytes / MIB:g} '
                'MiB, and these are used; wait some minutes.',
            )
        free = shutil.disk_usage(make_folder(self.folder)).free
        if free < self._coming.total() + size + SPARE:
            raise RefusedError(507, "The disk of the page's machine is full.")
        self._coming[visitor] += size
        try:
            yield
        finally:
            self._coming[visitor] -= size

    def _make_room(self, size: int) -> bool:
        """Remove the oldest files that nobody holds until so many bytes are free."""
        files = self._files()
        for path, about in files:
            # Gradio leaves one that is empty behind for each file that it hands on
            if not about.st_size and time.time() - about.st_mtime > FRESH:
                self._remove(path)
        used = self._coming.total() + sum(about.st_size for _, about in files)
        left = self.limits.total_bytes - size - used
        held = {*self._slots.values(), *self._kept}
        for path, about in sorted(files, key=lambda file: file[1].st_mtime):
            if left >= 0:
                break
            if path not in held and time.time() - about.st_mtime > FRESH:
                self._remove(path)
                left += about.st_size
        return left >= 0

    def record(self, visitor: str, paths: Iterable[str]) -> None:
        """Note whose the uploads are."""
        for path in map(Path, paths):
            if path not in self._kept:
                self._owners.setdefault(path, set()).add(visitor)

    def hold(self, session: str, slot: str, path: str | None) -> None:
        """Note what a slot of a page shows; what it showed before is removed."""
        before = self._slots.pop((session, slot), None)
        if path is not None and Path(path) in self._owners:
            self._slots[session, slot] = Path(path)
        if before in self._owners and before not in self._slots.values():
            self._remove(before)

    def leave(self, session: str) -> None:
        """Remove what a page that was closed showed."""
        for name, slot in list(self._slots):
            if name == session:
                self.hold(name, slot, None)

    def _remove(self, path: Path) -> None:
        self._owners.pop(path, None)
        path.unlink(missing_ok=True)
