"""Fused layers change no value, no weight and nothing about training."""

import copy
from collections.abc import Callable

import pytest
import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from fume_mm.inference.fused_layers import fuse_layers
from fume_mm.models.layers import ConvNormAct


def net() -> nn.Sequential:
    """Norms after a bias and none, in an mmcv module, a ReLU6, a bare convolution."""
    torch.manual_seed(0)
    model = nn.Sequential(
        ConvNormAct(1, 4, 3, bias=True),
        ConvNormAct(4, 4, 3, stride=2),
        ConvModule(4, 6, 1, norm_cfg={'type': 'BN'}, act_cfg={'type': 'ReLU6'}),
        nn.Conv2d(6, 2, 1),
    )
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                nn.init.uniform_(values, 0.5, 2)
            for values in (module.bias, module.running_mean):
                nn.init.normal_(values, std=5.0)
    return model.eval()


def fused() -> nn.Sequential:
    model = net()
    fuse_layers(model)
    return model


def passes(model: nn.Module, x: Tensor) -> set[str]:
    """Which norms and activations a pass takes."""
    with torch.profiler.profile() as profile:
        model(x)
    names = {event.name for event in profile.events()}
    return names & {f'aten::{name}' for name in ('batch_norm', 'relu_', 'hardtanh_')}


X = torch.linspace(-2, 2, 2 * 64).reshape(2, 1, 8, 8)


@pytest.mark.parametrize('kind', [torch.float32, torch.float64])
def test_the_values_are_the_same(kind: torch.dtype) -> None:
    model, plain, x = fused().to(kind), net().to(kind), X.to(kind)
    with torch.no_grad():
        torch.testing.assert_close(model(x), plain(x))
        assert plain[:3](x).max() == 6  # or ReLU6 is not tested


def test_norms_and_activations_take_no_pass_of_their_own() -> None:
    with torch.no_grad():
        assert len(passes(net(), X)) == 3
        assert not passes(fused(), X)


def test_weights_and_training_stay_what_they_are() -> None:
    model, plain = fused(), net()
    with torch.no_grad():
        model(X)
    assert list(model.state_dict()) == list(plain.state_dict())
    for key, value in plain.state_dict().items():
        assert torch.equal(model.state_dict()[key], value)
    assert torch.equal(model(X), plain(X))  # with gradients
    model.train(), plain.train()
    for _ in range(2):
        assert torch.equal(model(X), plain(X))
    model(X).sum().backward(), plain(X).sum().backward()
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        assert one.grad is not None and other.grad is not None
        assert torch.equal(one.grad, other.grad)
    model.eval(), plain.eval()
    with torch.no_grad():
        torch.testing.assert_close(model(X), plain(X))


def swap(model: nn.Sequential) -> None:
    """As an average of weights is put in their place."""
    model[1][0].weight.data = model[1][0].weight.data * 2


def replace(model: nn.Sequential) -> None:
    model[0][1].bias = nn.Parameter(torch.ones(4))


def load(model: nn.Sequential) -> None:
    model.load_state_dict({k: v * 2 for k, v in model.state_dict().items()})


def rerun(model: nn.Sequential) -> None:
    nn.init.constant_(model[2].norm.running_mean, 3.0)


@pytest.mark.parametrize('change', [swap, replace, load, rerun, nn.Module.double])
def test_a_change_of_the_weights_is_seen(change: Callable) -> None:
    model, plain = fused(), net()
    with torch.no_grad():
        before = model(X)
        change(model), change(plain)
        x = X.to(plain[3].weight.dtype)
        torch.testing.assert_close(model(x), plain(x))
        assert not torch.equal(model(x), before.to(x.dtype))


def test_a_copy_goes_its_own_way() -> None:
    model = fused()
    with torch.no_grad():
        before = model(X)
        other = copy.deepcopy(model)
        load(other)
        assert not torch.allclose(other(X), before)
        assert torch.equal(model(X), before)


def test_a_convolution_of_two_norms_is_left_alone() -> None:
    conv, norms = nn.Conv2d(1, 4, 1), (nn.BatchNorm2d(4), nn.BatchNorm2d(4))
    nn.init.constant_(norms[1].bias, 5.0)
    model = nn.ModuleList(nn.Sequential(conv, norm) for norm in norms).eval()
    with torch.no_grad():
        expected = [part(X) for part in model]
        fuse_layers(model)
        for part, value in zip(model, expected, strict=True):
            assert torch.equal(part(X), value)


def test_a_shared_activation_serves_both() -> None:
    act = nn.ReLU()
    model = nn.Sequential(nn.Conv2d(1, 4, 1), act, nn.Conv2d(4, 4, 1)).eval()
    model = nn.Sequential(model, act)
    with torch.no_grad():
        expected = model(X)
        fuse_layers(model)
        torch.testing.assert_close(model(X), expected)


def test_weights_made_in_inference_mode_are_used_as_they_are() -> None:
    with torch.inference_mode():
        model = fused()
        assert torch.equal(model(X), net()(X))


def test_what_is_exported_has_the_weights_as_they_are() -> None:
    model = fused()
    with torch.no_grad():
        model(X)
        program = torch.export.export(model, (X,))
    assert set(program.state_dict) == set(model.state_dict())
    assert any('batch_norm' in str(node.target) for node in program.graph.nodes)
