"""Weights are read by one function, which runs nothing that stands in a file."""

import contextlib
import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import BaseLoop
from mmengine.runner.checkpoint import CheckpointLoader

from fume_mm.engine.runner import ConfigRunner
from fume_mm.errors import UserError
from fume_mm.io.weights import read_checkpoint, weights_of
from fume_mm.registry import register_all_modules
from tests.campaigns import make_campaign, pair_campaign
from tests.checkpoints import make_checkpoint
from tests.faults.pickles import FORMS, entries, read

ROOT = Path(__file__).parents[2]
STATE = {'state_dict': {'a': torch.ones(2)}, 'meta': {}}


def hostile(kind: str, path: Path, canary: Path) -> Path:
    """A checkpoint that makes ``canary`` if anything in it is run."""
    FORMS[kind](path, canary)
    return path


@pytest.mark.parametrize('kind', ['reduce', 'legacy stream', 'log'])
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


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['getattr chain', 'reduce'])
@pytest.mark.parametrize('name', entries())
def test_nothing_that_reads_weights_runs_what_stands_in_a_file(
    name: str,
    kind: str,
    campaign: Path,
    tmp_path: Path,
) -> None:
    canary = tmp_path / 'canary'
    path = hostile(kind, tmp_path / 'given.pth', canary)
    assert read(name, path, tmp_path, campaign) == ''
    assert not canary.exists()


def test_pretrained_takes_weights_by_whatever_name(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / 'x.pth')
    weights = read_checkpoint(path)['state_dict']
    torch.save({'model': weights}, path)
    assert CheckpointLoader.load_checkpoint(str(path))['state_dict'].keys() == (
        weights.keys()
    )
