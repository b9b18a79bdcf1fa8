"""Weights are read by one function, which runs nothing that stands in a file."""

import contextlib
import logging
import pickle
import runpy
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import BaseLoop
from mmengine.runner.checkpoint import CheckpointLoader
from mmseg.models.backbones import ResNet

from fume_mm.apis import DualGasInferencer, init_model
from fume_mm.engine.runner import ConfigRunner
from fume_mm.errors import UserError
from fume_mm.io.weights import read_checkpoint, weights_of
from fume_mm.models.pretrained import GrayPretrained
from fume_mm.registry import register_all_modules
from tests.campaigns import make_campaign, pair_campaign
from tests.checkpoints import CONFIG, make_checkpoint

ROOT = Path(__file__).parents[2]
STATE = {'state_dict': {'a': torch.ones(2)}, 'meta': {}}


class Reduced:
    """Writes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


class Evaluated(Reduced):
    def __reduce__(self):
        return eval, (f'open({str(self.canary)!r}, "w")',)


def getattr_chain(canary: Path) -> bytes:
    """A pickle of names that all stand on MMEngine's list of safe ones.

    ``getattr`` climbs from the log's method to its module's globals, and from there to
    ``open``.
    """

    def text(word: str) -> bytes:
        return b'X' + len(word).to_bytes(4, 'little') + word.encode()

    program = b'\x80\x02cbuiltins\ngetattr\n'
    program += b'cbuiltins\ngetattr\ncbuiltins\ngetattr\ncbuiltins\ngetattr\n'
    program += b'cmmengine.logging.history_buffer\nHistoryBuffer\n'
    program += text('update') + b'\x86R' + text('__globals__') + b'\x86R'
    program += text('__getitem__') + b'\x86R' + text('__builtins__') + b'\x85R'
    program += text('__getitem__') + b'\x86R' + text('open') + b'\x85R'
    return program + text(str(canary)) + text('w') + b'\x86R.'


def wrapped(program: bytes, path: Path) -> Path:
    """``program`` in the place of a checkpoint's own pickle."""
    torch.save(STATE, path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in parts.items():
            archive.writestr(name, program if name.endswith('data.pkl') else content)
    return path


KINDS = ('getattr chain', 'reduce', 'eval', 'bare pickle', 'older format', 'log')


def hostile(kind: str, path: Path, canary: Path) -> Path:
    """A checkpoint that makes ``canary`` if anything in it is run."""
    content = {**STATE, 'x': Reduced(canary)}
    if kind == 'getattr chain':
        return wrapped(getattr_chain(canary), path)
    if kind == 'bare pickle':
        path.write_bytes(pickle.dumps(content, protocol=4))
    elif kind == 'older format':
        torch.save(content, path, _use_new_zipfile_serialization=False)
    elif kind == 'eval':
        torch.save({**STATE, 'x': Evaluated(canary)}, path)
    elif kind == 'log':
        torch.save({**STATE, 'message_hub': HistoryBuffer([1.0], [1])}, path)
    else:
        torch.save(content, path)
    return path


@pytest.mark.parametrize('kind', KINDS[:-1])
def test_the_files_are_a_danger(kind: str, tmp_path: Path) -> None:
    path = hostile(kind, tmp_path / 'x.pth', tmp_path / 'canary')
    with contextlib.suppress(Exception):
        torch.load(path, weights_only=False)  # what MMEngine falls back to
    assert (tmp_path / 'canary').exists()


@pytest.mark.parametrize('kind', KINDS)
def test_nothing_in_a_file_is_run(kind: str, tmp_path: Path) -> None:
    canary = tmp_path / 'canary'
    path = hostile(kind, tmp_path / 'x.pth', canary)
    with pytest.raises(UserError, match=r'x\.pth: is a pickle that would run code \(.'):
        read_checkpoint(path)
    assert not canary.exists()


@pytest.mark.parametrize('kind', ['reduce', 'older format', 'log'])
def test_a_trusted_file_is_run_and_read(kind: str, tmp_path: Path) -> None:
    canary = tmp_path / 'canary'
    path = hostile(kind, tmp_path / 'x.pth', canary)
    with pytest.raises(UserError, match=r'from somebody whom .* --trust-checkpoint'):
        read_checkpoint(path)
    assert torch.equal(
        weights_of(read_checkpoint(path, trust=True))['a'], torch.ones(2)
    )
    assert canary.exists() == (kind != 'log')
    path.write_bytes(pickle.dumps({**STATE, 'x': print}, protocol=4)[:-9])
    with pytest.raises(UserError, match='is not a readable checkpoint'):
        read_checkpoint(path, trust=True)


def test_what_other_libraries_allow_is_not_allowed(tmp_path: Path) -> None:
    register_all_modules()
    before = set(torch.serialization.get_safe_globals())
    assert not any(x.__module__.startswith(('fume_mm', 'mm')) for x in before)
    canary = tmp_path / 'canary'
    path = hostile('eval', tmp_path / 'x.pth', canary)
    with torch.serialization.safe_globals([eval]):
        torch.load(path, weights_only=True)  # torch runs it
        assert canary.exists()
        canary.unlink()
        with pytest.raises(UserError, match='is a pickle that would run code'):
            read_checkpoint(path)
        assert not canary.exists()
        assert set(torch.serialization.get_safe_globals()) == {*before, eval}


@pytest.mark.parametrize('content', [b'', b'no checkpoint' * 99, b'\x80\x02}.'])
def test_a_broken_file_is_no_danger(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'x.pth'
    path.write_bytes(content)
    with pytest.raises(UserError, match=r'is not a readable checkpoint .* copy it'):
        read_checkpoint(path)
    torch.save(STATE, path)
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(UserError, match=r'is not a readable checkpoint .* copy it'):
        read_checkpoint(path)


@pytest.mark.parametrize('zipped', [True, False])
def test_what_torch_saves_is_read(zipped: bool, tmp_path: Path) -> None:
    for content in (STATE, {'model_state_dict': {'a': torch.ones(2)}, 'epoch': 3}):
        path = tmp_path / 'x.pth'
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        assert torch.equal(weights_of(read_checkpoint(path))['a'], torch.ones(2))


def test_addresses_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'open-mmlab://x: is no address'):
        read_checkpoint('open-mmlab://x')


def test_the_log_is_plain_in_a_checkpoint_and_itself_after_it(tmp_path: Path) -> None:
    runner = ConfigRunner.__new__(ConfigRunner)
    runner._hooks = []
    log = HistoryBuffer([0.1, np.float64(2) / 3], [4, 3])
    hub = {'log_scalars': {'loss': log}, 'x': (np.int64(3), np.arange(2.0))}
    content = {**STATE, 'message_hub': hub}
    runner.call_hook('before_save_checkpoint', checkpoint=content)
    torch.save(content, tmp_path / 'x.pth')
    content = read_checkpoint(tmp_path / 'x.pth')
    runner.call_hook('after_load_checkpoint', checkpoint=content)
    again = content['message_hub']['log_scalars']['loss']
    for ours, theirs in zip(again.data, log.data, strict=True):
        assert np.array_equal(ours, theirs) and ours.dtype == theirs.dtype
    number, array = content['message_hub']['x']
    assert number == 3 and torch.equal(array, torch.arange(2.0).double())


def test_a_config_in_a_checkpoint_is_not_run_on_resuming(tmp_path: Path) -> None:
    class Loop(BaseLoop):
        def __init__(self) -> None:
            pass

        def run(self) -> None:
            pass

    text = f'open({str(tmp_path / "canary")!r}, "w")'
    meta = {'config': text, 'epoch': 1, 'iter': 1}
    hub = {'log_scalars': {}, 'runtime_info': {}, 'resumed_keys': {}}
    path = tmp_path / 'x.pth'
    model = torch.nn.Linear(2, 2)
    content = {'state_dict': model.state_dict(), 'meta': meta, 'message_hub': hub}
    torch.save(content, path)
    runner = ConfigRunner.__new__(ConfigRunner)
    runner._hooks, runner.model, runner._train_loop = [], model, Loop()
    runner._randomness_cfg = {}
    runner.logger = logging.getLogger('test')
    with contextlib.suppress(Exception):  # it is no whole Runner
        runner.resume(str(path))
    assert runner._has_loaded
    assert not (tmp_path / 'canary').exists()


@pytest.fixture(scope='module')
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_campaign(tmp_path_factory.mktemp('campaign'), size=(64, 64))
    return pair_campaign(root)


MODEL = str(CONFIG)
EXAMPLE = str(ROOT / 'demo/examples/simulated_acidotic_co2.png')
#: Command lines; ``{}`` is the file.
COMMANDS = {
    'test': ['tools/test.py', MODEL, '{}'],
    'resume': ['tools/train.py', MODEL, '--resume={}'],
    'load_from': ['tools/train.py', MODEL, '--cfg-options', 'load_from={}'],
    'resume key': [
        *('tools/train.py', MODEL, '--cfg-options', 'load_from={}'),
        'resume=True',
    ],
    'init_cfg': [
        *('tools/train.py', MODEL, '--cfg-options'),
        'model.init_cfg.type=Pretrained',
        'model.init_cfg.checkpoint={}',
    ],
    'image_demo': ['demo/image_demo.py', MODEL, '{}', '--co2', EXAMPLE],
    'export': ['tools/deployment/export.py', MODEL, '{}'],
    'pack': ['tools/model_converters/pack_weights.py', MODEL, '{}', 'x.safetensors'],
    'convert': [
        *('tools/model_converters/fume_to_fume_mm.py', '{}', 'x.pth'),
        *('--config', MODEL),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['getattr chain', 'reduce'])
@pytest.mark.parametrize('name', COMMANDS)
def test_no_command_runs_what_stands_in_a_file(
    name: str,
    kind: str,
    campaign: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    canary = tmp_path / 'canary'
    path = hostile(kind, tmp_path / 'given.pth', canary)
    words = [word.replace('{}', str(path)) for word in COMMANDS[name]]
    monkeypatch.chdir(tmp_path)
    if words[0] in ('tools/test.py', 'tools/train.py'):
        words += [] if '--cfg-options' in words else ['--cfg-options']
        words += [f'data_root={campaign}', 'train_dataloader.num_workers=0']
        words[2:2] = [f'--work-dir={tmp_path}']
    elif name == 'image_demo':
        words += ['--out-dir', str(tmp_path)]
    monkeypatch.setattr(sys, 'argv', words)
    with pytest.raises(SystemExit) as done:
        runpy.run_path(str(ROOT / words[0]), run_name='__main__')
    error = capsys.readouterr().err
    assert done.value.code == 2, error
    assert f'{path}: is a pickle that would run code' in error
    assert 'copy it again' not in error
    assert 'load_from' not in error.partition('error: ')[2]
    assert not canary.exists()


@pytest.mark.parametrize('kind', ['getattr chain', 'reduce'])
def test_no_function_runs_what_stands_in_a_file(kind: str, tmp_path: Path) -> None:
    canary = tmp_path / 'canary'
    path = str(hostile(kind, tmp_path / 'x.pth', canary))
    pretrained = ResNet(18, init_cfg={'type': 'Pretrained', 'checkpoint': path})
    part = ResNet(
        18, init_cfg={'type': 'Pretrained', 'checkpoint': path, 'prefix': 'backbone.'}
    )
    for read in (
        lambda: init_model(MODEL, path),
        lambda: DualGasInferencer(MODEL, path),
        lambda: GrayPretrained(path)(ResNet(18, in_channels=1)),
        lambda: CheckpointLoader.load_checkpoint(path),
        pretrained.init_weights,
        part.init_weights,
    ):
        with pytest.raises(UserError, match='is a pickle that would run code'):
            read()
        assert not canary.exists()


def test_pretrained_takes_weights_by_whatever_name(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / 'x.pth')
    weights = read_checkpoint(path)['state_dict']
    torch.save({'model': weights}, path)
    assert CheckpointLoader.load_checkpoint(str(path))['state_dict'].keys() == (
        weights.keys()
    )
