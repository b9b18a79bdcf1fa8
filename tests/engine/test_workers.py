"""Workers of loaders that are killed, stopped or told to end by others."""

import os
import signal
import time
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from fume_mm.engine import workers
from fume_mm.engine.runner import ConfigRunner
from fume_mm.engine.stopping import stop_signals
from fume_mm.engine.workers import TIMEOUT, WatchedLoader, lost_workers, watched
from fume_mm.errors import STOPPED, UserError


class Pids(torch.utils.data.Dataset):
    """Each sample is the worker that made it; the one at ``at`` is signalled."""

    def __init__(self, *numbers: int, at: int = 3) -> None:
        self.numbers, self.at = numbers, at

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> torch.Tensor:
        if index == self.at:
            for number in self.numbers:
                os.kill(os.getpid(), number)
        return torch.tensor([os.getpid()])


def batches(dataset: Pids, **options: Any) -> list[int]:
    loader = watched(DataLoader(dataset, num_workers=2, timeout=1, **options))
    with lost_workers():
        return [int(batch[0]) for batch in loader]


def test_signals_of_others_leave_workers_alone() -> None:
    pids = batches(Pids(signal.SIGTERM, signal.SIGUSR1))
    assert len(pids) == 8
    assert len(set(pids)) == 2


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGSTOP])
def test_a_lost_worker_is_one_error(number: int) -> None:
    begun = time.monotonic()
    with pytest.raises(
        UserError, match=r'^DataLoader .*(killed|died|timed out).*goes on with --resume'
    ):
        batches(Pids(number))
    assert time.monotonic() - begun < 20


def test_a_worker_stopped_while_it_hands_over_a_batch_does_not_hang_the_loader() -> (
    None
):
    """The queue has the batch, but its tensors are still to be asked of the worker."""
    loader = watched(DataLoader(Pids(), num_workers=1, timeout=1))
    with pytest.raises(UserError, match=r'killed|died'), lost_workers():
        for batch in loader:
            time.sleep(0.5)  # others are made meanwhile
            os.kill(int(batch[0]), signal.SIGSTOP)


def test_other_errors_and_loaders_without_workers_are_left_alone() -> None:
    with pytest.raises(RuntimeError, match=r'^shapes differ'), lost_workers():
        raise RuntimeError('shapes differ')
    assert type(watched(DataLoader(Pids()))) is DataLoader


@pytest.mark.parametrize(('asked', 'got'), [({}, TIMEOUT), ({'timeout': 5}, 5)])
def test_loaders_of_a_run_have_a_timeout(asked: dict, got: int) -> None:
    config = {
        'dataset': Pids(),
        'sampler': {'type': 'mmengine.DefaultSampler', 'shuffle': False},
        'batch_size': 1,
        **asked,
    }
    loader = ConfigRunner.build_dataloader({**config, 'num_workers': 1})
    assert isinstance(loader, WatchedLoader)
    assert loader.timeout == got
    if not asked:
        assert ConfigRunner.build_dataloader({**config, 'num_workers': 0}).timeout == 0


@pytest.mark.parametrize('signalled', [False, True])
def test_a_rank_that_is_left_alone_while_all_stop_has_stopped_too(
    monkeypatch: pytest.MonkeyPatch, signalled: bool
) -> None:
    monkeypatch.setattr(workers, 'get_world_size', lambda: 2)
    with stop_signals():
        if signalled:
            os.kill(os.getpid(), signal.SIGUSR1)
        error = SystemExit if signalled else UserError
        with pytest.raises(error) as raised, lost_workers():
            raise RuntimeError('[gloo/pair.cc] Connection closed by peer')
    code = raised.value.code if isinstance(raised.value, SystemExit) else None
    assert code == (STOPPED if signalled else None)
