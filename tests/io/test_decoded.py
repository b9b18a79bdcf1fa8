"""Decoded frames and masks kept on disk."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.errors import UserError
from fume_mm.io import decoded
from fume_mm.io.decoded import DecodedFiles
from fume_mm.io.images import read_frame, read_mask_values, write_mask


@pytest.fixture
def frame(tmp_path: Path) -> str:
    """Of 16 bits, so that its limits matter and something was done to it."""
    path = tmp_path / 'frame.png'
    cv2.imwrite(str(path), np.arange(20 * 24, dtype=np.uint16).reshape(20, 24) * 9)
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> DecodedFiles:
    return DecodedFiles(tmp_path / 'decoded')


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been decoded."""
    found: list[str] = []
    for name in ('read_frame', 'read_mask_values'):
        read = getattr(decoded, name)

        def counted(path: str, *, read=read, **options):
            found.append(Path(path).name)
            return read(path, **options)

        monkeypatch.setattr(decoded, name, counted)
    return found


def test_a_file_is_decoded_once_and_reads_the_same(
    frame: str, files: DecodedFiles, decodings: list[str], tmp_path: Path
) -> None:
    mask = str(tmp_path / 'mask.png')
    write_mask(mask, np.eye(20, 24, dtype=np.uint8) * 2)
    expected, done = read_frame(frame)
    for again in (files, files, DecodedFiles(files.folder)):
        pixels, said = again.frame(frame)
        assert (pixels == expected).all()
        assert said == done == 'uint16 stretched to 8 bits'
        assert (again.mask(mask) == read_mask_values(mask)).all()
        pixels[:] = 0  # the reader's own
    assert decodings == ['frame.png', 'mask.png']
    assert {path.suffix for path in Path(files.folder).iterdir()} == {'.u8'}


def test_a_file_as_frame_and_as_mask(files: DecodedFiles, tmp_path: Path) -> None:
    path = str(tmp_path / 'mask.png')
    write_mask(path, np.eye(20, 24, dtype=np.uint8))
    for _ in range(2):
        assert files.frame(path)[0].max() > 1  # the palette's colour
        assert files.mask(path).max() == 1


def replaced(frame: str) -> None:
    before = Path(frame).stat()
    pixels = cv2.imread(frame, cv2.IMREAD_UNCHANGED)
    Path(frame).unlink()
    cv2.imwrite(frame, pixels[::-1])
    os.utime(frame, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


CHANGES = {
    'the file': lambda frame, files: replaced(frame),
    'the code': lambda frame, files: decoded._code.cache_clear(),
    'cut short': lambda frame, files: cut(files, -1),
    'empty': lambda frame, files: cut(files, 0),
    'no JSON': lambda frame, files: [x.write_bytes(b'x') for x in only(files)],
}


def only(files: DecodedFiles) -> list[Path]:
    (entry,) = Path(files.folder).iterdir()
    return [entry]


def cut(files: DecodedFiles, end: int) -> None:
    for entry in only(files):
        entry.write_bytes(entry.read_bytes()[:end])


@pytest.mark.parametrize('change', CHANGES)
def test_what_has_changed_is_decoded_again(
    change: str,
    frame: str,
    files: DecodedFiles,
    decodings: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files.frame(frame)
    CHANGES[change](frame, files)
    if change == 'the code':
        monkeypatch.setattr(cv2, '__version__', 'another')
    for _ in range(2):
        assert (files.frame(frame)[0] == read_frame(frame)[0]).all()
    decoded._code.cache_clear()
    assert decodings == ['frame.png'] * 2
    assert len(only(files)) == 1  # in place of the old one


def test_limits_are_part_of_it(frame: str, files: DecodedFiles) -> None:
    for limits in (None, (0.0, 9000.0), (0.0, 4500.0), None):
        for _ in range(2):
            expected = read_frame(frame, limits=limits)
            pixels, done = files.frame(frame, limits=limits)
            assert (pixels == expected[0]).all()
            assert done == expected[1]


def test_a_file_that_is_no_frame_stays_an_error(
    frame: str, files: DecodedFiles
) -> None:
    files.frame(frame)
    Path(frame).write_bytes(b'<html>')
    for _ in range(2):
        with pytest.raises(UserError, match=r'frame\.png: is not an image that can be'):
            files.frame(frame)
    Path(frame).unlink()
    with pytest.raises(UserError, match=r'there is no such ch4 frame'):
        files.frame(frame, what='the ch4 frame')


def test_a_disk_without_room(
    frame: str, files: DecodedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, name = f'{Path(frame).parent}/', Path(frame).name
    usage = shutil.disk_usage(files.folder)
    needed = 20 * 24 + 512
    for free, fits in ((needed, True), (needed - 1, False)):
        left = usage._replace(free=free)
        monkeypatch.setattr(shutil, 'disk_usage', lambda _, left=left: left)
        if fits:
            files.check_room(at, {'frame': {name}})
            continue
        with pytest.raises(UserError, match=r'of 1 files of 24x20 take 0\.0 GiB'):
            files.check_room(at, {'frame': {name}})
    files.frame(frame)  # what is there needs no more
    files.check_room(at, {'frame': {name}})


def test_a_folder_that_fails_is_named(frame: str, files: DecodedFiles) -> None:
    shutil.rmtree(files.folder)
    with pytest.raises(UserError, match=r'decoded: the pixels of .*frame\.png cannot'):
        files.frame(frame)
    Path(files.folder).write_bytes(b'')
    with pytest.raises(UserError, match=r'decoded: cannot be made a folder'):
        DecodedFiles(files.folder)
