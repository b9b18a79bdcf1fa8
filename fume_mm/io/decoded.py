"""Frames and masks kept as they decode, so that each file is decoded once."""

import functools
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np

from fume_mm.errors import UserError

from .files import make_folder, write_whole
from .images import image_size, read_frame, read_mask_values
from .stretch import Limits

#: Bytes of an entry before its pixels: JSON, filled up with spaces.
_HEAD = 512
_GIB = 2**30
Decoded = tuple[np.ndarray, str | None]
Stamp = list[float | str]


class DecodedFiles:
    """A folder with the pixels of each frame and mask, a file each.

    Files on disk rather than arrays in memory: all workers, ranks and runs share the
    system's cache of them, which gives way where memory is short. An entry is made when
    its picture is first read, whole or not at all. It is named by the picture's path,
    and holds the picture's size and times, the limits of its stretch and a hash of the
    code that decoded it; where these are others, the picture is decoded again in its
    place. So the folder grows to a byte for each pixel of each file and no further. It
    may be deleted at any time.

    Args:
        folder: Where to keep them; made if need be.

    Raises:
        UserError: If it cannot be written to, now or when an entry is made.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = str(make_folder(folder))

    def frame(
        self, path: str, *, what: str = 'the frame', limits: Limits | None = None
    ) -> Decoded:
        """What :func:`.images.read_frame` gives, and raises."""
        decode = functools.partial(read_frame, path, what=what, limits=limits)
        return self._kept(path, 'frame', decode, limits or ())

    def mask(self, path: str) -> np.ndarray:
        """What :func:`.images.read_mask_values` gives, and raises."""
        return self._kept(path, 'mask', lambda: (read_mask_values(path), None))[0]

    def check_room(self, at: str, files: Mapping[str, Iterable[str]]) -> None:
        """Refuse files whose pixels the disk has no room for, by the first one's size.

        Args:
            at: What goes before each path.
            files: Paths, of ``frame`` and of ``mask``.

        Raises:
            UserError: With the room that is needed and the room that is there.
        """
        present = {entry.path for entry in os.scandir(self.folder)}
        missing = [
            at + path
            for kind, paths in files.items()
            for path in paths
            if self._entry(at + path, kind) not in present
        ]
        if not missing:
            return
        width, height = image_size(missing[0])
        needed = len(missing) * (width * height + _HEAD)
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise UserError(
                f'{self.folder}: the pixels of {len(missing)} files of {width}x{height}'
                f' take {needed / _GIB:.1f} GiB, {free / _GIB:.1f} are free; make room '
                'or leave out dataset.decoded.'
            )

    def _entry(self, path: str, kind: str) -> str:
        # of strings, as pathlib would take longer than the read
        name = f'{kind} {os.path.abspath(path)}'.encode()  # noqa: PTH100
        return f'{self.folder}/{hashlib.blake2b(name, digest_size=16).hexdigest()}.u8'

    def _kept(
        self,
        path: str,
        kind: str,
        decode: Callable[[], Decoded],
        limits: Iterable[float] = (),
    ) -> Decoded:
        try:
            now = os.stat(path)  # noqa: PTH116
        except OSError:
            return decode()  # which says what is wrong
        # Taken before the file is read: what is written meanwhile is read next time.
        stamp: Stamp = [now.st_size, now.st_mtime_ns, now.st_ctime_ns, *limits, _code()]
        entry = self._entry(path, kind)
        found = _read(entry, stamp)
        if found is None:
            found = decode()
            try:
                _write(entry, stamp, *found)
            except OSError as error:
                raise UserError(
                    f'{self.folder}: the pixels of {path} cannot be kept '
                    f'({error.strerror}); make room or leave out dataset.decoded.'
                ) from error
        return found


def _read(entry: str, stamp: Stamp) -> Decoded | None:
    """What an entry holds; None where it is missing, broken or of other content."""
    try:
        # an array of its own, since transforms and torch may write to it
        data = np.fromfile(entry, np.uint8)
        head = json.loads(data[:_HEAD].tobytes().rstrip())
        if head['stamp'] == stamp:
            return data[_HEAD:].reshape(head['shape']), head['done']
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _write(entry: str, stamp: Stamp, pixels: np.ndarray, done: str | None) -> None:
    head = json.dumps({'stamp': stamp, 'shape': pixels.shape, 'done': done})
    with write_whole(entry) as part, part.open('wb') as file:
        file.write(head.encode().ljust(_HEAD))
        file.write(pixels.data)


@functools.cache
def _code() -> str:
    """A hash of all that decides how a file decodes."""
    here = sorted(Path(__file__).parent.glob('*.py'))
    code = b''.join(path.read_bytes() for path in here)
    return hashlib.sha256(cv2.__version__.encode() + code).hexdigest()
