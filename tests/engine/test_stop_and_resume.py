"""A small net that is stopped anywhere goes on as if it had not been."""

import itertools
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import Tensor, nn

from fume_mm.engine.hooks.checkpoint_hooks import RollingCheckpointHook
from fume_mm.engine.runner import ConfigRunner
from fume_mm.engine.stopping import stop_signals
from fume_mm.errors import STOPPED, UserError
from fume_mm.io.weights import read_checkpoint
from fume_mm.registry import register_all_modules

NAMES = itertools.count()
#: Batches of an epoch: 11 samples, two at a time, the last dropped.
BATCHES = 5


class Samples(torch.utils.data.Dataset):
    """Numbers with noise that is drawn for each; it notes what was loaded."""

    metainfo: dict = {}

    def __init__(self, length: int = 11) -> None:
        self.length, self.loaded = length, []

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> dict[str, Tensor]:
        index.seed_generators()
        self.loaded.append(int(index))
        noise = np.random.normal(size=3)  # noqa: NPY002
        return {'inputs': torch.tensor(index + noise, dtype=torch.float32)}


class Net(BaseModel):
    """Linear, normalised, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1)
        )

    def forward(self, inputs: Tensor, mode: str = 'tensor') -> Any:
        return {'loss': (self.layers(inputs) ** 2).mean()}


class Meddler(Hook):
    """Sends a signal in the iteration ``at``, or only notes the losses."""

    priority = 'VERY_HIGH'

    def __init__(self, at: int | None, number: int) -> None:
        self.at, self.number, self.losses = at, number, {}

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        self.losses[runner.iter, runner.epoch, batch_idx] = float(outputs['loss'])
        if runner.iter == self.at:
            os.kill(os.getpid(), self.number)


def run(
    folder: Path,
    *,
    resume: str | None = None,
    at: int | None = None,
    number: int = signal.SIGTERM,
    samples: int = 11,
    accumulate: int = 1,
    **rolling: Any,
) -> tuple[dict, Samples]:
    """Train three epochs into ``folder``: losses by iteration, and what was loaded."""
    register_all_modules()
    torch.manual_seed(next(NAMES))  # nothing may depend on it
    model, dataset = Net(), Samples(samples)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.3)
    meddler = Meddler(at, number)
    runner = ConfigRunner(
        model,
        str(folder),
        cfg=Config(),
        experiment_name=f'{folder.name}{next(NAMES)}',
        train_dataloader={
            'dataset': dataset,
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            'batch_size': 2,
            'num_workers': 0,
            'drop_last': True,
            'collate_fn': {'type': 'default_collate'},
        },
        train_cfg={'by_epoch': True, 'max_epochs': 3},
        optim_wrapper={
            'optimizer': {'type': 'AdamW', 'lr': 0.05},
            'accumulative_counts': accumulate,
        },
        param_scheduler=[
            {'type': 'LinearLR', 'start_factor': 0.1, 'by_epoch': False, 'end': 8}
        ],
        default_hooks={
            'runtime_info': {'type': 'LossHook'},
            'logger': {'type': 'LoggerHook', 'interval': 2},
            'checkpoint': None,
        },
        custom_hooks=[
            {'type': 'EpochSeedHook'},
            {'type': 'RollingCheckpointHook', **rolling},
            meddler,
        ],
        load_from=resume,
        resume=resume is not None,
        default_scope='fume_mm',
        randomness={'seed': 3},
        log_level='ERROR',
    )
    runner.train()
    return meddler.losses, dataset


def weights(folder: Path) -> dict[str, Tensor]:
    return read_checkpoint(folder / 'last.pth')['state_dict']


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, Samples, dict]:
    folder = tmp_path_factory.mktemp('whole')
    losses, dataset = run(folder)
    assert len(losses) == 3 * BATCHES
    return losses, dataset, weights(folder)


@pytest.mark.parametrize(
    ('number', 'at'),
    [(signal.SIGTERM, 6), (signal.SIGUSR1, 0), (signal.SIGTERM, BATCHES - 1)],
    ids=['within', 'first', 'last of an epoch'],
)
def test_a_signal_saves_and_the_run_goes_on_bit_by_bit(
    whole: tuple[dict, Samples, dict], tmp_path: Path, number: int, at: int
) -> None:
    losses, dataset, final = whole
    before = signal.getsignal(number)
    with stop_signals(), pytest.raises(SystemExit) as stopped:
        run(tmp_path, at=at, number=number)
    assert stopped.value.code == STOPPED == 75
    assert signal.getsignal(number) == before
    last = tmp_path / 'last.pth'
    done = read_checkpoint(last)['meta']
    assert (done['epoch'], done['iter']) == ((at + 1) // BATCHES, at + 1)
    after, rest = run(tmp_path, resume=str(last))
    assert after == {key: losses[key] for key in losses if key[0] > at}
    # what was seen before is not loaded again
    whole_epochs, part = divmod(at + 1, BATCHES)
    per_epoch = len(dataset.loaded) // 3
    assert rest.loaded == dataset.loaded[whole_epochs * per_epoch + 2 * part :]
    for key, value in weights(tmp_path).items():
        assert torch.equal(value, final[key]), key


def test_saves_every_so_many_iterations_or_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = []
    save = RollingCheckpointHook._save

    def note(hook: Any, runner: Any, **place: int) -> None:
        places.append((place['epoch'], place['iteration'], place.get('samples', 0)))
        save(hook, runner, **place)

    monkeypatch.setattr(RollingCheckpointHook, '_save', note)
    run(tmp_path / 'iterations', interval=4)
    assert [x for x in places if x[2]] == [(0, 4, 8), (1, 8, 6), (2, 12, 4)]
    assert [x[0] for x in places if not x[2]] == [1, 2, 3]
    places.clear()
    run(tmp_path / 'minutes', minutes=1e-9)
    # the last iteration of an epoch is saved with the epoch
    assert [x[1] for x in places if x[2]] == [1, 2, 3, 4, 6, 7, 8, 9, 11, 12, 13, 14]
    places.clear()
    run(tmp_path / 'accumulated', interval=1, accumulate=3)
    assert [x[1] for x in places if x[2]] == [3, 6, 9, 12]


def test_a_finished_run_and_other_data_are_told_apart(tmp_path: Path) -> None:
    with stop_signals(), pytest.raises(SystemExit):
        run(tmp_path, at=1)
    last = str(tmp_path / 'last.pth')
    with pytest.raises(UserError, match='has 12 samples, and had 11 when'):
        run(tmp_path, resume=last, samples=12)
    run(tmp_path, resume=last)
    assert run(tmp_path, resume=last)[0] == {}


@pytest.mark.parametrize('name', ['interval', 'minutes'])
def test_impossible_intervals_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=rf'RollingCheckpointHook\.{name} is 0'):
        RollingCheckpointHook(**{name: 0})
