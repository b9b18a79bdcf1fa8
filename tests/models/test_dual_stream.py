"""The backbone per gas: recomputing activations changes memory, nothing else."""

import copy

import pytest
import torch
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.models.backbones import DualStreamBackbone, FastSCNNEncoder


def encode(backbone: nn.Module, frames: dict[str, Tensor]) -> dict[str, Tensor]:
    """The sum of the features' squares, differentiated; by gas its high features."""
    features = backbone(frames)
    total = sum((stage**2).mean() for stages in features.values() for stage in stages)
    assert isinstance(total, Tensor)
    total.backward()
    return {gas: stages[-1] for gas, stages in features.items()}


@pytest.mark.parametrize('shared', [True, False])
@pytest.mark.parametrize('frames', [2, 1])
def test_recomputing_gives_the_same_features_gradients_and_statistics(
    shared: bool, frames: int
) -> None:
    torch.manual_seed(0)
    plain = DualStreamBackbone({'type': FastSCNNEncoder}, shared=shared)
    plain.init_weights()
    again = copy.deepcopy(plain)
    again.recompute = 'always'
    x = {gas: torch.randn(frames, 1, 64, 96) for gas in ('co2', 'ch4')}
    expected, found = encode(plain, x), encode(again, x)
    for gas in x:
        assert torch.equal(found[gas], expected[gas])
    twins = dict(again.named_parameters())
    for name, parameter in plain.named_parameters():
        assert parameter.grad is not None and twins[name].grad is not None, name
        torch.testing.assert_close(twins[name].grad, parameter.grad)
    buffers = dict(again.named_buffers())
    for name, buffer in plain.named_buffers():
        assert torch.equal(buffers[name], buffer), name


def test_recompute_is_one_of_three() -> None:
    with pytest.raises(UserError, match=r"backbone\.recompute is 'sometimes'; choose"):
        DualStreamBackbone({'type': FastSCNNEncoder}, recompute='sometimes')


@pytest.mark.parametrize('shared', [True, False])
def test_every_encoder_is_initialised(shared: bool) -> None:
    backbone = DualStreamBackbone(
        {
            'type': FastSCNNEncoder,
            'init_cfg': {'type': 'Constant', 'layer': 'Conv2d', 'val': 0.5},
        },
        shared=shared,
    )
    backbone.init_weights()
    convolutions = [m for m in backbone.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == (1 if shared else 2) * 37
    assert all((m.weight == 0.5).all() for m in convolutions)
