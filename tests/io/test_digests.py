"""A model file that was damaged is refused, or says the same as before."""

import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from fume_mm.errors import UserError
from fume_mm.inference.exported import ExportedModel
from fume_mm.io import weights
from fume_mm.io.digests import UNSEALED, is_sealed, is_whole_zip, sealed
from fume_mm.io.weights import read_checkpoint, write_checkpoint, write_weights
from tests.exports import write_graph
from tests.faults.damage import damaged

STATE = {'a': torch.randn(40, 50), 'b.weight': torch.randn(7)}
META = {'dataset_meta': {'simulated': True}}


def read(path: Path) -> list[Any]:
    """All that stands in a checkpoint, to be compared."""
    content = read_checkpoint(path)
    state = {name: x.numpy().tobytes() for name, x in content['state_dict'].items()}
    return [*state.items(), content['meta']]


def described(path: Path) -> list[Any]:
    """What an export says, and what it predicts is of the same bytes."""
    return [ExportedModel(path, threads=1).info]


def write_pth(path: Path) -> None:
    write_checkpoint(path, {'state_dict': STATE, 'meta': META})


def write_safetensors(path: Path) -> None:
    write_weights(path, STATE, META)


def damages(content: bytes, number: int = 60) -> Iterator[bytes]:
    """One-bit flips, then stretches of zeros."""
    chance, page = random.Random(0), max(len(content) // 20, 64)
    for kind in ('bit flipped', 'page zeroed'):
        for _ in range(number):
            yield damaged(content, kind, chance, page=page)


@pytest.mark.parametrize(
    ('name', 'write', 'look'),
    [
        ('x.pth', write_pth, read),
        ('x.safetensors', write_safetensors, read),
        ('x.onnx', write_graph, described),
    ],
)
def test_a_damaged_file_is_refused_or_says_the_same(
    name: str,
    write: Callable[[Path], Any],
    look: Callable[[Path], list[Any]],
    tmp_path: Path,
) -> None:
    path = tmp_path / name
    write(path)
    content, before = path.read_bytes(), look(path)
    refused = 0
    for broken in damages(content):
        path.write_bytes(broken)
        try:
            after = look(path)
        except UserError as error:
            assert str(path) in str(error)
            refused += 1
        else:  # padding of a zip, and stretches that were zeros
            assert after == before
    assert refused > (75 if name == 'x.pth' else 115)


@pytest.mark.parametrize('attribute', ['folder', 'packed'])
def test_what_torch_would_misread_in_a_zip_is_refused(
    attribute: str, tmp_path: Path
) -> None:
    path = tmp_path / 'x.pth'
    write_pth(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in parts.items():
            record = zipfile.ZipInfo(name)
            if attribute == 'packed':
                record.compress_type = zipfile.ZIP_DEFLATED
            elif name.endswith('data/0'):
                record.external_attr = 0x10
            archive.writestr(record, content)
    with pytest.raises(UserError, match=r'x\.pth: is damaged, or no file that torch'):
        is_whole_zip(path)


def test_a_file_beside_it_is_held_too() -> None:
    content = sealed(f'<xml>{UNSEALED}</xml>'.encode(), b'weights')
    path = Path('x.xml')
    assert is_sealed(content, path, b'weights')
    with pytest.raises(UserError, match=r'x\.xml: is damaged'):
        is_sealed(content, path, b'weighed')
    assert not is_sealed(b'<xml></xml>', path, b'weights')


def test_a_file_without_a_digest_is_said_once_to_be_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(weights, 'print_log', lambda text, *_: said.append(text))
    path = tmp_path / 'x.pth'
    write_pth(path)
    read_checkpoint(path)
    assert not said
    foreign = tmp_path / 'old.pth'
    torch.save(STATE, foreign, _use_new_zipfile_serialization=False)
    read_checkpoint(foreign)
    read_checkpoint(foreign)
    assert len(said) == 1 and said[0].startswith(f'{foreign}: holds no digest')


@pytest.mark.parametrize('meta', [[], {'dataset_meta': 3}])
def test_a_checkpoint_that_describes_itself_wrongly_is_refused(
    meta: Any, tmp_path: Path
) -> None:
    path = tmp_path / 'x.pth'
    write_checkpoint(path, {'state_dict': STATE, 'meta': meta})
    with pytest.raises(UserError, match=r'x\.pth: what it says of itself'):
        read_checkpoint(path)


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / 'x.pth'
    path.mkdir()
    with pytest.raises(UserError, match=r'x\.pth: cannot be written'):
        write_pth(path)
    assert [x.name for x in tmp_path.iterdir()] == ['x.pth']
