import itertools

import pytest
import torch
from mmcv.cnn.bricks import DropPath
from mmseg.models.backbones.twins import LocallyGroupedSelfAttention

from fume_mm.models.heads import HealthHead
from fume_mm.models.peers.gas_twin_former import (
    AdaptiveLRASPPHead,
    GasTwinFormerEncoder,
    WindowAttention,
    WindowLayer,
)
from fume_mm.registry import register_all_modules
from tests.objective import HEALTH, MASKS

register_all_modules()
WIDTHS = (32, 64, 160, 256)


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ('in_channels', 'exact', 'millions'), [(1, 3_344_678, 3.345), (3, 3_347_814, 3.348)]
)
def test_parameters_of_the_net_for_one_image(in_channels, exact, millions):
    health = HealthHead(WIDTHS[-1], hidden_channels=(256,), **HEALTH)
    parts = (GasTwinFormerEncoder(in_channels), AdaptiveLRASPPHead(**MASKS), health)
    total = sum(map(count, parts))
    assert total == exact
    assert round(total / 1e6, 3) == millions


@pytest.mark.parametrize('size', [(64, 96), (79, 107)])
def test_shapes_of_every_stage_and_of_the_masks(size):
    encoder, head = GasTwinFormerEncoder().eval(), AdaptiveLRASPPHead(**MASKS).eval()
    with torch.no_grad():
        maps = encoder(torch.randn(2, 1, *size))
        logits = head(maps)
    expected, sides = [], size
    for i, width in enumerate(WIDTHS):
        sides = [-(-side // (2 if i else 4)) for side in sides]
        expected.append((2, width, *sides))
    assert [tuple(x.shape) for x in maps] == expected
    assert logits.shape == (2, 3, *expected[0][2:])


def test_layers_take_turns_and_drop_path_rises():
    encoder = GasTwinFormerEncoder(drop_path_rate=0.7)
    rates = []
    for first, second in (stage[1] for stage in encoder.layers):
        assert not isinstance(first, WindowLayer)
        assert isinstance(second, WindowLayer)
        assert second.attn.window_size == 5
        for layer in (first.attn.dropout_layer, second.drop_path):
            assert isinstance(layer, DropPath)
            rates.append(layer.drop_prob)
        assert second.ffn.dropout_layer.drop_prob == rates[-1]
    assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])


def by_hand(module, x, size):
    """Each window's real positions attend to each other, one window at a time."""
    n, _, channels = x.shape
    height, width = size
    maps = x.reshape(n, height, width, channels)
    out = torch.zeros_like(maps)
    side, heads = module.window_size, module.heads
    for top, left in itertools.product(range(0, height, side), range(0, width, side)):
        window = maps[:, top : top + side, left : left + side]
        tokens = window.flatten(1, 2)
        query, key, value = (
            part.unflatten(-1, (heads, -1)).transpose(1, 2)
            for part in module.qkv(tokens).chunk(3, dim=-1)
        )
        weights = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
        found = (weights.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        out[:, top : top + side, left : left + side] = found.reshape(window.shape)
    return module.proj(out.flatten(1, 2))


SIZES = [(10, 15), (10, 13), (12, 15), (12, 13), (3, 4), (1, 6)]


@pytest.mark.parametrize('size', SIZES)
def test_padding_is_attended_to_by_none(size):
    torch.manual_seed(0)
    module = WindowAttention(8, heads=2, window_size=5).double()
    x = torch.randn(2, size[0] * size[1], 8, dtype=torch.float64)
    torch.testing.assert_close(module(x, size), by_hand(module, x, size))


@pytest.mark.parametrize(
    ('size', 'same'), [((10, 15), True), ((12, 13), True), ((10, 13), False)]
)
def test_parity_with_twins_but_for_its_mask(size, same):
    torch.manual_seed(0)
    ours = WindowAttention(8, heads=2, window_size=5)
    theirs = LocallyGroupedSelfAttention(8, 2, qkv_bias=True, window_size=5)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, size[0] * size[1], 8)
    difference = (ours(x, size) - theirs(x, size)).abs().max()
    assert (difference < 1e-6) == same


def test_window_layer_drops_no_sample_as_a_whole():
    torch.manual_seed(0)
    layer = WindowLayer(8, heads=2, window_size=5, drop_path_rate=0.999).train()
    x = torch.randn(4, 30, 8)
    # attention and Mix-FFN are both dropped: what is left is the sample itself
    torch.testing.assert_close(layer(x, (5, 6)), x)


def test_the_gate_scales_the_deepest_map():
    torch.manual_seed(0)
    head = AdaptiveLRASPPHead((2, 4), in_index=(0, 1), channels=8, **MASKS).eval()
    shallow, deep = torch.randn(1, 2, 6, 8), torch.rand(1, 4, 3, 4) + 1
    with torch.no_grad():
        head.gate.weight.zero_()  # a gate of sigmoid(0) = 1/2
        head.mix.weight.mul_(2)
        halved_and_doubled = head((shallow, deep))
        head.gate.weight.fill_(1e4)  # a gate of 1
        head.mix.weight.div_(2)
        open_gate = head((shallow, deep))
    torch.testing.assert_close(halved_and_doubled, open_gate)


def test_a_gate_is_a_sample_s_own_global_mean():
    torch.manual_seed(0)
    head = AdaptiveLRASPPHead((2, 4), in_index=(0, 1), channels=8, **MASKS).eval()
    seen = []
    head.gate.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    deep = torch.arange(24.0).reshape(2, 4, 1, 3)
    head((torch.randn(2, 2, 2, 6), deep))
    assert seen[0].flatten().tolist() == [1, 4, 7, 10, 13, 16, 19, 22]


def test_every_parameter_gets_a_gradient():
    encoder, head = GasTwinFormerEncoder().train(), AdaptiveLRASPPHead(**MASKS).train()
    head(encoder(torch.randn(2, 1, 64, 96))).square().mean().backward()
    for module in (encoder, head):
        assert [n for n, p in module.named_parameters() if p.grad is None] == []
