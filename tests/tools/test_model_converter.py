"""Checkpoints of the original implementation become ours, or one error says why not."""

import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from fume_mm.apis import init_model
from fume_mm.errors import UserError
from fume_mm.io.weights import read_checkpoint
from fume_mm.models.original import NUMPY_SCALARS, convert_original
from tests.commands import run_tool
from tests.models import golden

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
#: Config, whether the original shares its encoder, and where the two must agree: with
#: one gas the original's concatenation fuses the encoding of a black frame.
CASES = {
    'fume_fastscnn': (True, ('both', 'co2_only', 'ch4_only')),
    'fume_fastscnn_separate': (False, ('both', 'co2_only', 'ch4_only')),
    'fume_fastscnn_concat': (True, ('both',)),
}


def config(name: str) -> str:
    return f'configs/fume/{name}.py'


def convert(*command: object) -> subprocess.CompletedProcess:
    return run_tool('tools/model_converters/fume_to_fume_mm.py', *command)


def saved_by_numpy_1(content: dict, path: Path) -> None:
    """As the original's pinned environment saves a checkpoint."""
    torch.save(content, path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for name, part in parts.items():
            archive.writestr(name, part.replace(b'cnumpy._core.', b'cnumpy.core.'))


@pytest.mark.parametrize('name', CASES)
def test_a_converted_checkpoint_says_what_the_original_said(
    name: str, tmp_path: Path
) -> None:
    shared, cases = CASES[name]
    state = golden.original_state(name, shared_encoder=shared)
    source, target = tmp_path / 'best_model.pth', tmp_path / 'new' / 'ours.pth'
    best = np.float64(0.25)
    saved_by_numpy_1(
        {'epoch': 3, 'model_state_dict': state, 'best_metric': best}, source
    )
    with pytest.raises(UserError, match=r'run code \(numpy\.core\.multiarray\.scalar'):
        read_checkpoint(source)  # the converter alone reads it
    done = convert(source, target, '--config', config(name))
    assert done.returncode == 0, done.stderr
    model = init_model(str(ROOT / config(name)), target)
    assert f'{len(model.state_dict())} tensors' in done.stdout
    golden.Outputs(name).hold_model(model, cases)


def test_every_key_that_does_not_map_is_named(tmp_path: Path) -> None:
    state = golden.original_state('fume_fastscnn_concat', shared_encoder=True)
    source, target = tmp_path / 'best_model.pth', tmp_path / 'ours.pth'
    torch.save(state, source)
    done = convert(source, target, '--config', config('fume_fastscnn'))
    assert done.returncode == 2
    assert not target.exists()
    (line,) = [x for x in done.stderr.splitlines() if x.startswith('error: ')]
    assert f'error: {source}: ' in line
    assert 'keys do not map: fusion.fusion_conv.0.weight ' in line or 'fusion' in line
    assert 'give the config of the model' in line


def test_names_of_another_program_and_unequal_shared_encoders_are_refused() -> None:
    shapes = golden.shapes('fume_fastscnn')
    model = init_model(str(ROOT / config('fume_fastscnn')))
    state = {f'module.{key}': torch.zeros(shape) for key, shape in shapes.items()}
    assert convert_original(state, model).keys() == model.state_dict().keys()
    key = 'ch4_encoder.learning_to_downsample.conv.bn.bias'
    other = state | {f'module.{key}': torch.ones(shapes[key])}
    with pytest.raises(UserError, match=rf'^1 keys do not map: {key} differs'):
        convert_original(other, model)
    with pytest.raises(UserError, match=r'^1 keys do not map: backbone is no name'):
        convert_original(state | {'backbone': torch.zeros(1)}, model)
    del state['module.cls_head.8.bias']
    with pytest.raises(
        UserError, match=r'^1 keys do not map: health_head\.mlp\.6\.bia'
    ):
        convert_original(state, model)


class Harmful:
    """Writes a file when it is unpickled, as the data of a number."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple:
        return Path.touch, (self.canary,)


@pytest.mark.parametrize('kind', ['f8', 'O', 'V8', 'f4,f4'])
def test_a_number_of_numpy_opens_no_door(kind: str, tmp_path: Path) -> None:
    path, canary = tmp_path / 'best_model.pth', tmp_path / 'canary'
    weights = {'a': torch.zeros(1)}

    class Number:
        def __reduce__(self) -> tuple:
            scalar = np.float64(0).__reduce__()[0]
            return scalar, (np.dtype(kind), Harmful(canary))

    saved_by_numpy_1({'model_state_dict': weights, 'best_metric': Number()}, path)
    with pytest.raises(UserError, match=r'code|readable'):
        read_checkpoint(path, readers=NUMPY_SCALARS)
    assert not canary.exists()


@pytest.mark.parametrize('kind', ['O', 'V8', 'f4,f4', '>f8', 'S4', 'M8[s]'])
def test_types_that_are_no_numbers_are_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / 'best_model.pth'
    content = {'model_state_dict': {'a': torch.zeros(1)}, 'best': np.dtype(kind)}
    saved_by_numpy_1(content, path)
    with pytest.raises(UserError, match=r'code|readable'):
        read_checkpoint(path, readers=NUMPY_SCALARS)


def test_numbers_of_numpy_are_plain_numbers(tmp_path: Path) -> None:
    path = tmp_path / 'best_model.pth'
    numbers = [np.float64(0.3), np.float32(0.5), np.int64(-7), np.int32(9)]
    torch.save({'state_dict': {'a': torch.zeros(1)}, 'numbers': numbers}, path)
    read = read_checkpoint(path, readers=NUMPY_SCALARS)['numbers']
    assert read == [0.3, 0.5, -7, 9]
    assert {type(x) for x in read} == {float, int}
