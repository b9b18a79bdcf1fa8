"""Frozen parts keep weights and running statistics while the rest learns."""

from types import SimpleNamespace

import pytest
import torch

from fume_mm.engine.hooks.training_hooks import FreezeHook
from fume_mm.errors import UserError
from tests.batches import batch
from tests.exports import small_model


def test_frozen_parts_stay_and_the_rest_learns() -> None:
    model = small_model()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    runner = SimpleNamespace(model=model)
    hook = FreezeHook(['backbone', 'decode_head'])
    hook.before_train(runner)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1)
    for _ in range(2):
        model.train()
        hook.before_train_iter(runner, 0)
        data = model.data_preprocessor(batch('co2 ch4', 'co2', 'ch4'), True)
        losses = model(**data, mode='loss')
        sum(v for k, v in losses.items() if 'loss' in k).backward()
        optimizer.step()
        optimizer.zero_grad()
    changed = {
        key.split('.')[0]
        for key, value in model.state_dict().items()
        if not torch.equal(value, before[key])
    }
    assert changed == {'neck', 'health_head'}
    assert model.health_head.training and not model.backbone.training


def test_parts_that_are_not_there_are_named() -> None:
    runner = SimpleNamespace(model=small_model())
    with pytest.raises(UserError, match=r"has no 'encoder'; its parts are .*backbone"):
        FreezeHook(['encoder']).before_train(runner)
    parts = [name for name, _ in runner.model.named_children()]
    with pytest.raises(UserError, match='is all that the model could train'):
        FreezeHook(parts).before_train(runner)
