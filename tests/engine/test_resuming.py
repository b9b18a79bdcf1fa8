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


def changes(said, *, world=1, **changed):
    """Hold a changed config against :data:`CONFIG`; what the log says."""
    said.clear()
    now = json.loads(json.dumps(CONFIG))
    for key, value in changed.items():
        part, (*parts, last) = now, key.split('__')
        for word in parts:
            part = part[int(word) if word.isdecimal() else word]
        part[last] = value
    saved = {'meta': {'settings': json.dumps({'config': CONFIG, 'world_size': 1})}}
    check_changes('a.pth', saved, json.dumps({'config': now, 'world_size': world}))
    return said


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
        'optim_wrapper__optimizer__lr': 'optim_wrapper.optimizer.lr was 0.001 and is 9',
        'optim_wrapper__optimizer__fused': 'optimizer.fused was not there and is 9',
        'param_scheduler__0__T_max': r'param_scheduler.0.T_max was 4 and is 9',
        'randomness__seed': 'randomness.seed was 1 and is 9',
    }.items():
        with pytest.raises(UserError, match=rf'^a.pth: .*{text}.*load_from=a.pth'):
            changes(said, **{key: 9})


def test_what_takes_effect_is_said_and_the_rest_may_change(said):
    assert changes(said) == []
    free = {'work_dir': 'y', 'train_dataloader__num_workers': 0, 'test_cfg': {'a': 1}}
    assert changes(said, **free) == []
    assert changes(said, train_cfg__max_epochs=9) == [
        'Resuming: train_cfg.max_epochs was 4 and is 9.'
    ]
    assert changes(said, train_dataloader__dataset__root='b') == [
        'Resuming: train_dataloader.dataset.root was a and is b.'
    ]
    assert changes(said, world=2) == ['Resuming: world_size was 1 and is 2.']
    CONFIG['param_scheduler'][0]['by_epoch'] = False
    try:
        assert len(changes(said, world=2)) == 2
        assert 'param_scheduler counts iterations' in said[-1]
    finally:
        CONFIG['param_scheduler'][0]['by_epoch'] = True


def test_a_checkpoint_of_an_earlier_version_is_not_compared():
    check_changes('a.pth', {'meta': {}}, json.dumps({'config': CONFIG}))
