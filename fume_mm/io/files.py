"""Files and folders that results are written to, and JSON."""

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from fume_mm.errors import UserError


def file_name(name: str) -> str:
    """A sample's name as that of a file; what cannot be in one is percent-encoded."""
    return quote(name, safe='+ ,=@()')


def refuse_special(path: Path) -> None:
    """Refuse what has no end or keeps a reader waiting, and what no file is called.

    Raises:
        UserError: If the path is there and is neither a file nor a folder, or has a
            name that the system does not take.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a zero in it
        if isinstance(error, ValueError) or error.errno == errno.ENAMETOOLONG:
            shown = str(path).replace('\0', '\\0')
            shown = shown if len(shown) < 200 else f'{shown[:200]}...'
            raise UserError(
                f'{shown}: no file can have this name; give the path of a file.'
            ) from error
        return  # its reader says what is wrong
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(
            f'{path}: is a pipe, a socket or a device, and no file; give the path of '
            'a file.'
        )


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


@contextmanager
def write_whole(path: str | Path, *, sync: bool = False) -> Iterator[Path]:
    """A temporary file beside ``path``, which takes its place when all went well.

    A run that breaks off leaves the old content, never half of the new one.

    Args:
        path: The file.
        sync: Wait until the disk has it, so that this also holds where the power fails.
    """
    path = Path(path)
    # unique also among machines that share a disk; short, since names have 255 bytes
    part = path.with_name(f'.{uuid4().hex}.part')
    try:
        yield part
        if sync:
            _sync(part)
        part.replace(path)
        if sync and os.name == 'posix':  # Windows opens no folders
            _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def sole_writer(folder: str | Path) -> Iterator[None]:
    """Refuse a second process that would write to a folder at the same time.

    By a lock of the system on the folder itself, which ends with the process however
    that ends. Where there are no such locks (Windows, some network disks) nothing is
    refused.

    Raises:
        UserError: If another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    held = [descriptor]

    def let_go() -> None:
        if held:
            os.close(held.pop())

    # or workers of a loader hold it for seconds after this process was killed
    os.register_at_fork(after_in_child=let_go)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f'{folder}: another process is writing there; wait until it has ended, '
                'or name another folder.'
            ) from None
        except OSError:  # a disk without locks
            pass
        yield
    finally:
        held.clear()
        os.close(descriptor)


@contextmanager
def written_file(path: str | Path) -> Iterator[Path]:
    """As :func:`write_whole`, with the folder made and what goes wrong a UserError."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with write_whole(path) as part:
            yield part
    except OSError as error:
        raise UserError(
            f'{path}: cannot be written ({error.strerror}); name another file.'
        ) from error


def write_json(path: str | Path, content: Any, *, indent: int | None = 2) -> None:
    """Write JSON, whole or not at all."""
    with write_whole(path) as part:
        part.write_text(json.dumps(content, indent=indent) + '\n', encoding='utf-8')


class GrowingFile:
    """A text file that grows piece by piece; what does not fit leaves no trace.

    Args:
        path: The file, replaced.
        end: Follows the last piece at any time.
    """

    def __init__(self, path: Path, end: str = '') -> None:
        self._path, self._end = path, end.encode()
        self._file = path.open('wb', buffering=0)
        self._place = 0

    def write(self, piece: str) -> int:
        """Write ``piece`` behind the others, as a text file does.

        Raises:
            OSError: If there is no room: the file is as before, or gone if empty.
        """
        data = piece.encode()
        try:
            self._put(data + self._end)
        except OSError:
            if self._place:
                self._put(self._end)
            else:
                self._path.unlink(missing_ok=True)
            raise
        self._place += len(data)
        return len(piece)

    def _put(self, data: bytes) -> None:
        self._file.truncate(self._place)
        self._file.seek(self._place)
        while data:
            data = data[self._file.write(data) :]

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_json(path: str | Path, *, what: str = 'JSON file') -> Any:
    """The content of a JSON file.

    Raises:
        UserError: If it is missing, no file or no JSON; ``what`` says what it is.
    """
    refuse_special(Path(path))
    try:
        return json.loads(Path(path).read_text(encoding='utf-8'))
    except FileNotFoundError:
        fault = f'there is no such {what}; give the path of one'
    except (OSError, ValueError) as error:
        fault = f'is no readable {what} ({error}); restore the file'
    raise UserError(f'{path}: {fault}.')
