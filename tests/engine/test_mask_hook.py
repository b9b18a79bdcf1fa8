from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from fume_mm.engine.hooks import sample_hooks
from fume_mm.engine.hooks.sample_hooks import MaskHook
from fume_mm.errors import UserError
from fume_mm.io.images import read_mask
from fume_mm.structures import DualGasDataSample

MASKS = {
    'co2': torch.tensor([[[0, 1, 2]]]),
    'ch4': torch.tensor([[[2], [2], [0], [1]]]),
}


def sample(name, gases=('co2', 'ch4'), *, predicted=True):
    sample = DualGasDataSample(metainfo={'sample_id': name})
    for gas in gases:
        part = SegDataSample()
        if predicted:
            part.pred_sem_seg = PixelData(data=MASKS[gas])
        sample.set_gas(gas, part)
    return sample


def runner(samples):
    dataset = list(range(samples))
    return SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_masks_are_files_named_by_sample_and_gas(tmp_path):
    hook = MaskHook(out_dir=str(tmp_path / 'masks'))
    hook.before_test_epoch(runner(2))
    hook.after_test_iter(runner(2), 0, None, [sample('a/0'), sample('b', ['ch4'])])
    assert names(tmp_path / 'masks') == ['a%2F0_ch4.png', 'a%2F0_co2.png', 'b_ch4.png']
    for gas, mask in MASKS.items():
        path = tmp_path / 'masks' / f'a%2F0_{gas}.png'
        read = read_mask(path)
        assert read.dtype == np.uint8
        assert (read == mask[0].numpy()).all()


def test_a_sample_that_fills_the_last_round_is_not_written_again(tmp_path, monkeypatch):
    """Three samples in two processes: the second one's second is the first again."""
    monkeypatch.setattr(sample_hooks, 'get_world_size', lambda: 2)
    shares = {0: ['s0', 's2'], 1: ['s1', 's0']}
    written = {0: ['s0_co2.png', 's2_co2.png'], 1: ['s1_co2.png']}
    for rank, share in shares.items():
        monkeypatch.setattr(sample_hooks, 'get_rank', lambda rank=rank: rank)
        hook = MaskHook(out_dir=str(tmp_path / str(rank)))
        hook.before_test_epoch(runner(3))
        for index, name in enumerate(share):
            hook.after_test_iter(runner(3), index, None, [sample(name, ['co2'])])
        assert names(tmp_path / str(rank)) == written[rank]


def test_a_second_test_counts_from_the_start(tmp_path):
    hook = MaskHook(out_dir=str(tmp_path))
    for name in ('first', 'second'):
        hook.before_test_epoch(runner(1))
        hook.after_test_iter(runner(1), 0, None, [sample(name, ['co2'])])
    assert names(tmp_path) == ['first_co2.png', 'second_co2.png']


def test_model_without_masks_is_an_error(tmp_path):
    hook = MaskHook(out_dir=str(tmp_path))
    hook.before_test_epoch(runner(1))
    with pytest.raises(UserError, match="sample 's' has no predicted co2 mask"):
        hook.after_test_iter(runner(1), 0, None, [sample('s', predicted=False)])
