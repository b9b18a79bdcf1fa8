"""Whether a model file is as it was written: a digest inside, held by every reader.

Two kinds, neither of which needs another file: a zip (``.pth``, ``.pt2``) has a CRC-32
of each of its records, which torch writes and does not look at; other files
(``.safetensors``, ``.onnx``, ``.xml``) get a SHA-256 of all their bytes, and of those
of a ``.bin`` beside them, in their metadata. The place of the digest itself counts as
zeros. Both show damage and changes by hand. Against a forger they are no help: who
writes a file can write its digest.
"""

import hashlib
import re
import zipfile
from pathlib import Path

from fume_mm.errors import UserError

_MARK = 'fume_mm-sha256-'
_DIGEST = re.compile(_MARK.encode() + rb'[0-9a-f]{64}')
#: What a writer puts into a file for :func:`seal` to replace.
UNSEALED = _MARK + '0' * 64
_DOS_FOLDER = 0x10
_AGAIN = 'copy or download it again, or write it again'


def sealed(content: bytes, beside: bytes = b'') -> bytes:
    """``content``, which holds :data:`UNSEALED`, with the digest in that one's place.

    Args:
        content: Of a file.
        beside: Of the file that belongs to it.
    """
    start, _ = place = _place(content)
    assert start, 'UNSEALED is not in the file'
    return _with(content, place, _digest(content, place, beside))


def seal(path: Path, beside: Path | None = None) -> None:
    """:func:`sealed`, of files, in place."""
    other = beside.read_bytes() if beside else b''
    path.write_bytes(sealed(path.read_bytes(), other))


def is_sealed(content: bytes, path: Path, beside: bytes = b'') -> bool:
    """Whether a digest stands in the content of ``path``; False of another program's.

    Raises:
        UserError: If it is not that of the content.
    """
    start, end = place = _place(content)
    if not start:
        return False
    if content[start:end] != _digest(content, place, beside):
        raise UserError(
            f'{path}: is damaged, or was changed after it was written (its digest is '
            f'another); {_AGAIN}.'
        )
    return True


def _place(content: bytes) -> tuple[int, int]:
    found = _DIGEST.search(content)
    return found.span() if found else (0, 0)


def _digest(content: bytes, place: tuple[int, int], beside: bytes) -> bytes:
    start, end = place
    total = hashlib.sha256(memoryview(content)[:start])
    for part in (UNSEALED.encode(), memoryview(content)[end:], beside):
        total.update(part)
    return (_MARK + total.hexdigest()).encode()


def _with(content: bytes, place: tuple[int, int], digest: bytes) -> bytes:
    return b''.join((content[: place[0]], digest, content[place[1] :]))


def is_whole_zip(path: Path) -> bool:
    """Whether a file is a zip, each of whose records is as it was written.

    Returns:
        False if it is no zip, which this cannot tell from one without its end.

    Raises:
        UserError: If a record is damaged, or packed: torch packs none, and a small file
            could fill the memory.
    """
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            # Of what is marked a folder torch reads nothing, and gives what lay in
            # the memory.
            plain = all(
                not (x.compress_type or x.external_attr & _DOS_FOLDER) for x in records
            )
            plain &= sum(x.file_size for x in records) < path.stat().st_size
            damaged = archive.testzip() if plain else 'directory'
    except Exception as error:  # zipfile and zlib have many kinds
        raise UserError(f'{path}: is damaged ({error}); {_AGAIN}.') from error
    if damaged:
        name = damaged.partition('/')[2] or damaged  # all are in one folder
        raise UserError(
            f'{path}: is damaged, or no file that torch wrote (its {name} is not as it '
            f'was written); {_AGAIN}.'
        )
    return True
