"""Files and folders that results are written to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from fume_mm.errors import UserError


def file_name(name: str) -> str:
    """A sample's name as that of a file; what cannot be in one is percent-encoded."""
    return quote(name, safe='+ ,=@()')


def make_folder(path: str | Path) -> Path:
    """The folder, made if need be.

    Raises:
        UserError: If it cannot be made or written to.
    """
    path = Path(path)
    probe = path / '.writable'
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f'{path}: cannot be made a folder to write to ({error.strerror}); choose '
            'another output folder.'
        ) from error
    return path


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Make what goes wrong in writing to ``folder`` a UserError."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f'{folder}: cannot be written to any more ({error.strerror}); what is '
            'there stays valid. Make room and start again.'
        ) from error


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write (H, W) uint8 class ids as PNG."""
    path.write_bytes(cv2.imencode('.png', mask)[1].tobytes())
