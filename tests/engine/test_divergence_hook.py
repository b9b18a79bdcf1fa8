"""A loss that is no number, or no longer a sensible one, ends the run."""

from types import SimpleNamespace

import pytest
import torch

from fume_mm.engine.hooks.training_hooks import DivergenceHook
from fume_mm.errors import UserError

RUNNER = SimpleNamespace(iter=41)


@pytest.mark.parametrize(
    ('value', 'said'), [(float('nan'), 'nan'), (float('inf'), 'inf'), (2e6, r'2e\+06')]
)
def test_the_part_that_is_to_blame_is_named(value: float, said: str) -> None:
    bad = torch.tensor(value, requires_grad=True)
    outputs = {'loss': bad * 1, 'co2.loss_seg': torch.tensor(0.5), 'loss_health': bad}
    with pytest.raises(UserError, match=rf'^loss_health is {said} at iteration 42: '):
        DivergenceHook().after_train_iter(RUNNER, 0, outputs=outputs)


def test_accuracies_and_losses_within_the_limit_pass() -> None:
    hook = DivergenceHook(limit=10)
    hook.after_train_iter(
        RUNNER, 0, outputs={'loss': 9.9, 'loss_seg': 9.9, 'acc_seg': float('nan')}
    )
    hook.after_train_iter(RUNNER, 0, outputs=None)
    with pytest.raises(UserError, match='above 10'):
        hook.after_train_iter(RUNNER, 0, outputs={'loss': 10.1})
