"""Who writes to a work dir, and what a training goes on from."""

import os

import pytest
import torch

from fume_mm.engine.config import load_config
from fume_mm.engine.resuming import newest_checkpoint
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
