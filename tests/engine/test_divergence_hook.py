"""Losses are read together; one that is no number or runs away ends the run."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.hooks import LoggerHook

from fume_mm.engine.hooks.training_hooks import LossHook
from fume_mm.errors import UserError

Noted = list[tuple[str, float]]


def runner(noted: Noted, *, interval: int = 1) -> Any:
    hub = SimpleNamespace(update_scalar=lambda name, x: noted.append((name, x)))
    return SimpleNamespace(
        iter=41,
        message_hub=hub,
        hooks=[LoggerHook(interval=interval)],
        optim_wrapper=SimpleNamespace(grad_norm=torch.tensor(0.25)),
        train_dataloader=range(5),
    )


@pytest.mark.parametrize(
    ('value', 'said'), [(float('nan'), 'nan'), (float('inf'), 'inf'), (2e6, r'2e\+06')]
)
def test_the_part_that_is_to_blame_is_named(value: float, said: str) -> None:
    bad = torch.tensor(value, requires_grad=True)
    outputs = {'loss': bad * 1, 'co2.loss_seg': torch.tensor(0.5), 'loss_health': bad}
    with pytest.raises(UserError, match=rf'^loss_health is {said} at iteration 42: '):
        LossHook().after_train_iter(runner([]), 0, outputs=outputs)


def test_accuracies_and_losses_within_the_limit_pass() -> None:
    hook = LossHook(limit=10)
    hook.after_train_iter(
        runner([]), 0, outputs={'loss': 9.9, 'loss_seg': 9.9, 'acc_seg': float('nan')}
    )
    hook.after_train_iter(runner([]), 0, outputs=None)
    with pytest.raises(UserError, match='above 10'):
        hook.after_train_iter(runner([]), 0, outputs={'loss': 10.1})


def test_losses_are_noted_in_order_when_the_log_or_the_epoch_wants_them() -> None:
    noted: Noted = []
    hook, run = LossHook(), runner(noted, interval=2)
    read = []
    for index in range(5):
        hook.after_train_iter(run, index, outputs={'loss': torch.tensor(float(index))})
        read.append(len(noted))
    assert read == [0, 4, 4, 8, 10]
    assert noted[:2] == [('train/grad_norm', 0.25), ('train/loss', 0.0)]
    assert [x for name, x in noted if name == 'train/loss'] == [0, 1, 2, 3, 4]


def test_the_iteration_that_diverged_is_named_before_a_checkpoint() -> None:
    hook, run = LossHook(), runner([], interval=4)
    for run.iter, value in enumerate((0.5, float('nan'), 0.5)):
        hook.after_train_iter(run, run.iter, outputs={'loss': torch.tensor(value)})
    with pytest.raises(UserError, match='loss is nan at iteration 2: '):
        hook.before_save_checkpoint(run, {})


def test_the_samples_of_the_batch_that_diverged_are_named() -> None:
    hook, run = LossHook(), runner([], interval=2)
    for names, value in (('ab', 0.5), ('cd', float('nan'))):
        batch = {'data_samples': [{'sample_id': name} for name in names]}
        losses = {'loss': torch.tensor(value)}
        if names == 'cd':
            with pytest.raises(UserError, match=r'Its batch: c, d$'):
                hook.after_train_iter(run, 1, batch, losses)
        else:
            hook.after_train_iter(run, 0, batch, losses)
