"""Entropy and gate of attention are drawn at the iterations asked for."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from fume_mm.engine.hooks import attention_hook
from fume_mm.engine.hooks.attention_hook import AttentionHook
from fume_mm.models.layers import CrossModalAttention, SpatialSelfAttention


class Drawn:
    """In the place of TensorBoard's writer."""

    def __init__(self) -> None:
        self.scalars: dict[int, dict[str, float]] = {}

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.setdefault(step, {})[name] = value


def iterate(hook: AttentionHook, model: Any, maps: Any, *iterations: int) -> Drawn:
    drawn = Drawn()
    for i in iterations:
        runner = SimpleNamespace(iter=i, model=model, drawn=drawn)
        hook.before_train_iter(runner, i)
        model['cross'](*maps)
        hook.after_train_iter(runner, i)
    return drawn


def test_entropy_and_gate_are_drawn_and_nothing_stays_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention_hook, 'summary_writer', lambda runner: runner.drawn)
    model = torch.nn.ModuleDict(
        {'cross': CrossModalAttention(8), 'idle': SpatialSelfAttention(8)}
    )
    torch.nn.init.zeros_(model['cross'].query.weight)
    torch.nn.init.zeros_(model['cross'].query.bias)
    torch.nn.init.constant_(model['cross'].gamma, 0.25)
    maps = torch.randn(2, 8, 3, 4), torch.randn(2, 8, 3, 4)
    drawn = iterate(AttentionHook(interval=2), model, maps, 0, 1, 2)
    assert drawn.scalars.keys() == {0, 2}
    # queries of zeros attend to all positions alike; what is not used is not drawn
    assert drawn.scalars[2] == {
        'attention/cross/entropy': pytest.approx(1.0),
        'attention/cross/gamma': 0.25,
    }
    assert not model['cross']._forward_pre_hooks


@pytest.mark.parametrize('scaled', [False, True])
def test_entropy_is_that_of_the_softmax(scaled: bool) -> None:
    attention = SpatialSelfAttention(16, reduction=4, scaled=scaled)
    x = torch.randn(2, 16, 2, 3)
    query, key = (f(x).flatten(2) for f in (attention.query, attention.key))
    products = query.transpose(1, 2) @ key / (2.0 if scaled else 1.0)  # √4 channels
    p = products.softmax(dim=2)
    expected = -(p * p.log()).sum(dim=2).mean() / math.log(6)
    torch.testing.assert_close(attention.entropy(x), expected)
    assert attention.entropy(x[..., :1, :1]).isnan()
