"""Who writes to a work dir, what a training goes on from, and what may change."""

import json
import multiprocessing
import os
import time

import pytest
import torch

from fume_mm.engine.config import load_config
from fume_mm.engine.resuming import check_changes, newest_checkpoint
from fume_mm.engine.runner import train
from fume_mm.errors import UserError
from fume_mm.io.files import sole_writer
from fume_mm.simulation import PRESETS, write_campaign


def test_a_run_and_a_simulation_hold_their_folders(tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    with sole_writer(out):
        with pytest.raises(UserError, match='another process is writing there'):
            write_campaign(out, parameters=PRESETS['demo'], seed=0)
        cfg = load_config('configs/fume/fume_fastscnn.py')
        cfg.work_dir = str(out)
        with pytest.raises(UserError, match='another process is writing there'):
            train(cfg)
    assert list(out.iterdir()) == []


def save(path, when):
    torch.save({'state_dict': {'x': torch.zeros(3)}}, path)
    os.utime(path, (when, when))


def test_the_newest_sound_checkpoint(tmp_path):
    with pytest.raises(UserError, match='there is no checkpoint to resume from'):
        newest_checkpoint(tmp_path)
    for when, name in enumerate(('epoch_5.pth', 'last.pth', 'best_seg_epoch_6.pth')):
        save(tmp_path / name, when)
    (tmp_path / 'last_checkpoint').write_text('')
    assert newest_checkpoint(tmp_path)[0] == str(tmp_path / 'last.pth')
    save(tmp_path / 'epoch_10.pth', 9)
    assert newest_checkpoint(tmp_path)[0] == str(tmp_path / 'epoch_10.pth')
    for name in ('epoch_10.pth', 'last.pth'):
        (tmp_path / name).write_bytes(b'PK')
    assert newest_checkpoint(tmp_path)[0] == str(tmp_path / 'epoch_5.pth')
    (tmp_path / 'epoch_5.pth').write_bytes(b'')
    with pytest.raises(UserError, match='is not a readable checkpoint'):
        newest_checkpoint(tmp_path)


def test_a_folder_is_free_when_its_writer_is_killed_though_workers_live_on(tmp_path):
    fork = multiprocessing.get_context('fork')
    ready = fork.Event()

    def write():
        with sole_writer(tmp_path):
            worker = fork.Process(target=time.sleep, args=(20,))
            worker.start()
            (tmp_path / 'worker').write_text(str(worker.pid))
            ready.set()
            time.sleep(20)

    writer = fork.Process(target=write)
    writer.start()
    assert ready.wait(20)
    writer.kill()
    writer.join()
    try:
        with sole_writer(tmp_path):
            pass
    finally:
        os.kill(int((tmp_path / 'worker').read_text()), 9)


CONFIG = {
    'optim_wrapper': {'optimizer': {'type': 'AdamW', 'lr': 1e-3}, 'clip_grad': None},
    'param_scheduler': [{'type': 'CosineAnnealingLR', 'T_max': 4, 'by_epoch': True}],
    'train_dataloader': {'batch_size': 8, 'num_workers': 2, 'dataset': {'root': 'a'}},
    'train_cfg': {'max_epochs': 4},
    'randomness': {'seed': 1},
    'work_dir': 'x',
}


def changes(said, *, world=1, returns=False, **changed):
    """Hold a changed config against :data:`CONFIG`; what is logged, or the answer."""
    said.clear()
    now = json.loads(json.dumps(CONFIG))
    for key, value in changed.items():
        part, (*parts, last) = now, key.split('__')
        for word in parts:
            part = part[int(word) if word.isdecimal() else word]
        part[last] = value
    saved = {'meta': {'settings': json.dumps({'config': CONFIG, 'world_size': 1})}}
    settings = json.dumps({'config': now, 'world_size': world})
    answer = check_changes('a.pth', saved, settings)
    return answer if returns else said


@pytest.fixture
def said(monkeypatch):
    """What is logged."""
    lines = []
    monkeypatch.setattr(
        'fume_mm.engine.resuming.print_log', lambda text, *_: lines.append(text)
    )
    return lines


def test_what_a_checkpoint_would_override_is_refused_by_name(said):
    for key, text in {
        'optim_wrapper__optimizer__type': 'optimizer.type was AdamW and is 9',
        'optim_wrapper__optimizer__fused': 'optimizer.fused was not there and is 9',
        'randomness__seed': 'randomness.seed was 1 and is 9',
    }.items():
        with pytest.raises(UserError, match=rf'^a.pth: .*{text}.*load_from=a.pth'):
            changes(said, **{key: 9})


def test_what_takes_effect_is_said_and_the_rest_may_change(said):
    assert changes(said) == []
    free = {'work_dir': 'y', 'train_dataloader__num_workers': 0, 'test_cfg': {'a': 1}}
    assert changes(said, **free) == []
    assert changes(said, train_dataloader__dataset__root='b') == [
        'Resuming: train_dataloader.dataset.root was a and is b.'
    ]
    assert changes(said, world=2) == ['Resuming: world_size was 1 and is 2.']


def test_another_learning_rate_or_length_of_epochs_is_another_schedule(said):
    assert not changes(said, returns=True)
    assert not changes(said, world=2, returns=True)
    for key in (
        'optim_wrapper__optimizer__lr',
        'param_scheduler__0__T_max',
        'train_cfg__max_epochs',
    ):
        assert changes(said, **{key: 9}, returns=True)
        assert said[0].endswith('and is 9.')
        assert 'as if the run had been scheduled so from its beginning' in said[1]
    steps = [{'type': 'LinearLR', 'by_epoch': False}]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CONFIG, 'param_scheduler', steps)
        assert not changes(said, returns=True)
        assert changes(said, world=2, returns=True)
        assert changes(said, train_dataloader__batch_size=4, returns=True)


def test_a_checkpoint_of_an_earlier_version_is_not_compared():
    check_changes('a.pth', {'meta': {}}, json.dumps({'config': CONFIG}))
