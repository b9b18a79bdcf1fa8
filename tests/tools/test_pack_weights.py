"""Weights in a small file: the same model, safe to read."""

import subprocess
from pathlib import Path

import pytest
import torch

from fume_mm.apis import init_model
from fume_mm.errors import UserError
from fume_mm.io.weights import read_checkpoint, write_weights
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
CONFIG = 'configs/fume/fume_fastscnn.py'


def pack(*words: object) -> subprocess.CompletedProcess:
    return run_tool('tools/model_converters/pack_weights.py', CONFIG, *words)


def test_the_packed_model_says_the_same(tmp_path: Path) -> None:
    model = init_model(str(ROOT / CONFIG))
    checkpoint, target = tmp_path / 'last.pth', tmp_path / 'new/weights.safetensors'
    meta = {'dataset_meta': {'simulated': True, 'left_out': 3}}
    torch.save({'state_dict': model.state_dict(), 'meta': meta}, checkpoint)
    done = pack(checkpoint, target)
    assert done.returncode == 0, done.stderr
    assert target.stat().st_size < 4e6
    packed = init_model(str(ROOT / CONFIG), target)
    assert packed.dataset_meta == {'simulated': True}
    for name, x in model.state_dict().items():
        found = packed.state_dict()[name]
        assert found.dtype == x.dtype
        torch.testing.assert_close(found, x, rtol=1e-3, atol=1e-6)
    assert read_checkpoint(str(target))['meta']['config'] == 'fume_fastscnn.py'


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / 'broken.safetensors'
    broken.write_bytes(b'no weights')
    with pytest.raises(UserError, match=r'broken\.safetensors: is not a readable'):
        read_checkpoint(str(broken))
    done = pack(broken, tmp_path / 'x.pth')
    assert done.returncode == 2 and 'give the file the ending' in done.stderr
    with pytest.raises(UserError, match='big does not fit half precision'):
        write_weights(tmp_path / 'x.safetensors', {'big': torch.tensor([1e5])}, {})
