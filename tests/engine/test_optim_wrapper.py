"""The precision of training, and the norm of the gradient, which nobody waits for."""

import pytest
import torch
from torch import nn

from fume_mm.engine import runner
from fume_mm.engine.runner import auto_amp_optim_wrapper


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(runner, 'print_log', lambda text, logger: lines.append(text))
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    return lines


@pytest.mark.parametrize(
    ('dtype', 'has', 'expected', 'line'),
    [
        (None, True, torch.float32, 'in float32 instead of mixed precision'),
        ('bfloat16', True, torch.bfloat16, 'in bfloat16 and float32 on the CPU'),
        ('bfloat16', False, torch.float32, 'in float32 since this CPU has no bfloat16'),
    ],
)
def test_a_cpu_trains_in_bfloat16_where_it_can(
    dtype: str | None,
    has: bool,
    expected: torch.dtype,
    line: str,
    said: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, 'cpu_has_bfloat16', lambda: has)
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = auto_amp_optim_wrapper(optimizer, dtype=dtype)
    with wrapper.optim_context(model):
        assert model(torch.ones(1, 2)).dtype == expected
    assert line in said[0]


def test_the_norm_of_a_clipped_gradient_stays_a_tensor(said: list[str]) -> None:
    model = nn.Linear(2, 1, bias=False)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    wrapper = auto_amp_optim_wrapper(optimizer, clip_grad={'max_norm': 1.0})
    before = model.weight.detach().clone()
    wrapper.update_params(model(torch.tensor([[3.0, 4.0]])).sum())
    # the gradient is (3, 4), of length 5, clipped to 1
    assert isinstance(wrapper.grad_norm, torch.Tensor)
    assert wrapper.grad_norm.item() == pytest.approx(5)
    moved = (before - model.weight.detach()).flatten().tolist()
    assert moved == pytest.approx([0.6, 0.8], rel=1e-5)
