"""The loop that fits, by itself; tests/tools/test_random_forest.py has the whole."""

from types import SimpleNamespace
from typing import Any

import pytest
from torch import nn
from torch.utils.data import DataLoader

from fume_mm.engine.loops import FitLoop, NoOptimizer
from fume_mm.errors import UserError


class Model(nn.Module):
    def __init__(self, calls: list) -> None:
        super().__init__()
        self.calls = calls

    def train_step(self, batch: Any, optim_wrapper: Any) -> dict:
        self.calls.append(batch)
        return {}

    def fit(self, *, seed: int) -> int:
        self.calls.append(f'fit {seed}')
        return 3


def runner(model: nn.Module, calls: list) -> SimpleNamespace:
    return SimpleNamespace(
        model=model,
        seed=7,
        optim_wrapper=None,
        val_loop=SimpleNamespace(run=lambda: calls.append('validate')),
        visualizer=SimpleNamespace(),
        logger=SimpleNamespace(info=lambda text: None),
        call_hook=lambda name, **_: calls.append(name),
    )


def loader(**options: Any) -> DataLoader:
    return DataLoader(['a', 'b', 'c'], collate_fn=''.join, batch_size=2, **options)


def test_every_batch_once_then_the_fit_then_the_validation() -> None:
    calls: list = []
    loop = FitLoop(runner(Model(calls), calls), loader())
    assert (loop.max_epochs, loop.max_iters) == (1, 2)
    loop.run()
    step = ['before_train_iter', 'ab', 'after_train_iter']
    assert calls == [
        'before_train',
        'before_train_epoch',
        *step,
        *(call.replace('ab', 'c') for call in step),
        'fit 7',
        'after_train_epoch',
        'validate',
        'after_train',
    ]
    assert (loop.epoch, loop.iter) == (1, 2)
    del calls[:]
    loop.run()  # as a resumed run does: there is nothing left
    assert calls == ['before_train', 'after_train']


def test_a_loader_that_drops_samples_is_refused() -> None:
    with pytest.raises(UserError, match=r'train_dataloader\.drop_last=False'):
        FitLoop(runner(Model([]), []), loader(drop_last=True))


def test_a_model_that_learns_by_gradients_is_refused() -> None:
    with pytest.raises(UserError, match='Linear learns by gradients'):
        FitLoop(runner(nn.Linear(1, 1), []), loader())


def test_several_processes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('fume_mm.engine.loops.get_world_size', lambda: 2)
    with pytest.raises(UserError, match='one process'):
        FitLoop(runner(Model([]), []), loader())


def test_nothing_is_optimised() -> None:
    wrapper = NoOptimizer({'type': 'OptimWrapper'})(nn.Linear(1, 1))
    assert len(wrapper) == 0
    assert wrapper.state_dict() == wrapper.get_lr() == {}


@pytest.mark.parametrize(
    'options',
    [{'type': 'AutoAmpOptimWrapper'}, {'type': 'OptimWrapper', 'clip_grad': {}}],
)
def test_options_of_an_optimiser_that_is_not_there_are_refused(options: dict) -> None:
    with pytest.raises(UserError, match='leave --amp out'):
        NoOptimizer(options)
