"""auto_scale_lr scales the learning rate and its schedule, or says why not."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.model import BaseModel

from fume_mm.engine.runner import ConfigRunner
from fume_mm.errors import UserError


class Square(BaseModel):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, inputs: Any, data_samples: Any = None, mode: str = '') -> dict:
        return {'loss': self.weight**2}


def trained(folder: Path, **auto_scale_lr: Any) -> ConfigRunner:
    """After one epoch of three batches of two, at a rate of 0.1 before scaling."""
    runner = ConfigRunner(
        model=Square(),
        work_dir=str(folder),
        train_dataloader={
            'dataset': [{'inputs': torch.zeros(1)}] * 6,
            'batch_size': 2,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
            'collate_fn': {'type': 'pseudo_collate'},
        },
        train_cfg={'by_epoch': True, 'max_epochs': 1},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 0.1}},
        param_scheduler={'type': 'ConstantLR', 'factor': 0.5, 'begin': 0, 'end': 9},
        auto_scale_lr=auto_scale_lr,
        log_level='ERROR',
        experiment_name=folder.name,
        default_scope='fume_mm',
    )
    runner.train()
    return runner


def test_the_rate_is_that_of_the_batch_size(tmp_path: Path) -> None:
    runner = trained(tmp_path, enable=True, base_batch_size=8)
    assert runner.param_schedulers[0].base_values == pytest.approx([0.1 * 2 / 8])
    assert runner.optim_wrapper.get_lr()['lr'] == pytest.approx([0.5 * 0.1 * 2 / 8])


def test_a_missing_batch_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'enable=True, base_batch_size=8'):
        trained(tmp_path, enable=True)
