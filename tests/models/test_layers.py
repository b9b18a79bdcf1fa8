import math

import pytest
import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule, build_norm_layer
from mmseg.models.utils import InvertedResidual
from torch import nn

from fume_mm.models.layers import (
    ChannelAttention,
    ConvNormAct,
    CrossModalAttention,
    DepthwiseSeparableConv,
    PyramidPooling,
    SingleFrameBN,
    SpatialSelfAttention,
    pool_to_bins,
)
from fume_mm.models.layers.conv import _pool_by_matmul
from fume_mm.registry import MODELS
from tests.models import golden


def trained_norm(channels: int = 2) -> SingleFrameBN:
    norm = SingleFrameBN(channels)
    with torch.no_grad():
        norm.running_mean.copy_(torch.tensor([1.0, 2.0]))
        norm.running_var.copy_(torch.tensor([4.0, 9.0]))
        norm.weight.copy_(torch.tensor([2.0, 3.0]))
        norm.bias.copy_(torch.tensor([0.5, -1.0]))
    return norm


@pytest.mark.parametrize('shape', [(2, 2, 1, 1), (1, 2, 1, 2), (3, 2, 4, 5)])
@pytest.mark.parametrize('training', [True, False])
def test_norm_is_batch_norm_for_more_than_one_value(shape, training):
    ours = trained_norm().train(training)
    theirs = nn.BatchNorm2d(2).train(training)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(shape)
    assert torch.equal(ours(x), theirs(x))
    assert torch.equal(ours.running_mean, theirs.running_mean)
    assert torch.equal(ours.running_var, theirs.running_var)
    assert torch.equal(ours.num_batches_tracked, theirs.num_batches_tracked)


def test_norm_of_one_value_uses_running_statistics_and_keeps_them():
    x = torch.tensor([5.0, -4.0]).reshape(1, 2, 1, 1)
    with pytest.raises(ValueError, match='more than 1 value'):
        nn.BatchNorm2d(2)(x)
    norm = trained_norm()
    # (5 - 1) / 2 * 2 + 0.5 and (-4 - 2) / 3 * 3 - 1
    expected = torch.tensor([4.5, -7.0])
    torch.testing.assert_close(norm(x).flatten(), expected, atol=1e-4, rtol=0)
    assert norm.running_mean.tolist() == [1.0, 2.0]
    assert norm.running_var.tolist() == [4.0, 9.0]
    assert norm.num_batches_tracked == 0


@pytest.mark.parametrize('shape', [(0, 2, 1, 1), (0, 2, 3, 4)])
def test_norm_of_no_frame(shape):
    norm = trained_norm()
    x = torch.zeros(shape, requires_grad=True)
    out = norm(x)
    out.sum().backward()
    assert out.shape == shape
    assert norm.running_mean.tolist() == [1.0, 2.0]
    assert norm.weight.grad.tolist() == [0.0, 0.0]


def test_norm_without_statistics_still_refuses_one_value():
    with pytest.raises(ValueError, match='more than 1 value'):
        SingleFrameBN(2, track_running_stats=False)(torch.zeros(1, 2, 1, 1))


def test_norm_by_name_in_mmcv_and_mmseg_modules():
    cfg = {'type': 'fume_mm.SingleFrameBN'}
    assert MODELS.get('SingleFrameBN') is SingleFrameBN
    name, layer = build_norm_layer(cfg, 4)
    assert (name, type(layer)) == ('bn', SingleFrameBN)
    x = torch.zeros(1, 4, 1, 1)
    assert ConvModule(4, 4, 1, norm_cfg=cfg)(x).shape == (1, 4, 1, 1)
    block = InvertedResidual(4, 4, stride=1, expand_ratio=2, norm_cfg=cfg)
    assert block(x).shape == (1, 4, 1, 1)


def test_conv_blocks_shapes_and_parameters():
    x = torch.randn(2, 4, 7, 9)
    assert ConvNormAct(4, 6, 3, stride=2)(x).shape == (2, 6, 4, 5)
    assert ConvNormAct(4, 6, 3, dilation=6)(x).shape == (2, 6, 7, 9)
    separable = DepthwiseSeparableConv(4, 6, stride=2)
    assert separable(x).shape == (2, 6, 4, 5)
    # depthwise 3·3·4, pointwise 4·6, norm 2·6
    assert sum(p.numel() for p in separable.parameters()) == 36 + 24 + 12
    assert ConvNormAct(4, 6)(x).min() == 0
    assert ConvNormAct(4, 6, act=False)(x).min() < 0


def test_norm_cfg_reaches_the_blocks():
    block = DepthwiseSeparableConv(4, 6, norm_cfg={'type': 'GN', 'num_groups': 2})
    assert isinstance(block[2], nn.GroupNorm)


@pytest.mark.parametrize('size', [(15, 20), (8, 10), (3, 4), (1, 1)])
@pytest.mark.parametrize('bins', [1, 2, 3, 6])
def test_pooling_for_export_equals_adaptive_pooling(size, bins):
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = F.adaptive_avg_pool2d(x, bins)
    torch.testing.assert_close(_pool_by_matmul(x, bins), expected)
    assert torch.equal(pool_to_bins(x, bins), expected)


def test_pyramid_pooling_exports_without_adaptive_pooling():
    module = PyramidPooling(8, 6).eval()
    x = torch.randn(1, 8, 8, 10)
    program = torch.export.export(module, (x,))
    assert 'adaptive' not in str(program.graph)
    torch.testing.assert_close(program.module()(x), module(x), atol=1e-5, rtol=0)


def identity_attention(gamma: float) -> SpatialSelfAttention:
    """One channel whose query, key and value are the input itself."""
    module = SpatialSelfAttention(1)
    for conv in (module.query, module.key, module.value):
        nn.init.ones_(conv.weight)
        nn.init.zeros_(conv.bias)
    nn.init.constant_(module.gamma, gamma)
    return module


def test_self_attention_by_hand():
    x = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    # Position 0 has products (0, 0), so it sees the mean; position 1 has (0, 1).
    expected = [0 + 2 * 1 / 2, 1 + 2 * math.e / (1 + math.e)]
    out = identity_attention(gamma=2.0)(x)
    assert out.flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize('scaled', [False, True])
def test_attention_is_softmax_of_products(scaled):
    torch.manual_seed(0)
    a, b = torch.randn(2, 2, 16, 3, 5).unbind(0)
    module = CrossModalAttention(16, min_channels=4, scaled=scaled)
    assert module.query.out_channels == 4
    nn.init.constant_(module.gamma, 0.5)

    def attend(x, source):
        q, k, v = (
            conv(y).flatten(2)
            for conv, y in (
                (module.query, x),
                (module.key, source),
                (module.value, source),
            )
        )
        products = torch.einsum('ncp,ncq->npq', q, k) / (2.0 if scaled else 1.0)
        gathered = torch.einsum('npq,ncq->ncp', products.softmax(dim=2), v)
        return x + 0.5 * gathered.reshape(x.shape)

    out_a, out_b = module(a, b)
    torch.testing.assert_close(out_a, attend(a, b))
    torch.testing.assert_close(out_b, attend(b, a))


def test_attention_starts_closed():
    a, b = torch.randn(2, 1, 8, 3, 4).unbind(0)
    assert torch.equal(SpatialSelfAttention(8)(a), a)
    out_a, out_b = CrossModalAttention(8)(a, b)
    assert torch.equal(out_a, a)
    assert torch.equal(out_b, b)


def test_key_channels():
    assert SpatialSelfAttention(64).query.out_channels == 8
    assert SpatialSelfAttention(4).query.out_channels == 1
    assert CrossModalAttention(128).query.out_channels == 64
    assert CrossModalAttention(2048).query.out_channels == 256


def test_self_attention_of_zeros():
    module = SpatialSelfAttention(8)
    nn.init.constant_(module.gamma, 0.5)
    out = module(torch.zeros(1, 8, 3, 4))
    expected = module.of_zeros()[None, :, None, None].expand(1, 8, 3, 4)
    torch.testing.assert_close(out, expected)


def test_attention_keeps_half_precision():
    a, b = torch.randn(2, 1, 8, 3, 4).bfloat16().unbind(0)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert SpatialSelfAttention(8)(a).dtype == torch.bfloat16
        assert CrossModalAttention(8)(a, b)[1].dtype == torch.bfloat16


def test_channel_attention_by_hand():
    module = ChannelAttention(2, reduction=1)
    with torch.no_grad():
        module.squeeze.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        module.squeeze.bias.zero_()
        module.excite.weight.copy_(torch.tensor([[0.0, 0.0], [math.log(3), 0.0]]))
        module.excite.bias.zero_()
    # Channel means are 1 and -2; ReLU leaves (1, 0): gates σ(0) and σ(log 3).
    x = torch.tensor([[0.0, 2.0], [-1.0, -3.0]]).reshape(1, 2, 1, 2)
    expected = [0.0, 2 * 1 / 2, -1 * 3 / 4, -3 * 3 / 4]
    assert module(x).flatten().tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ('block', 'module', 'part', 'names'),
    [
        ('self_attention', SpatialSelfAttention, 'attention', ['a']),
        ('channel_attention', ChannelAttention, 'channel_attention', ['a']),
        ('cross_modal_attention', CrossModalAttention, 'attention', 'ab'),
    ],
)
def test_parity_with_the_original(block, module, part, names):
    outputs, inputs = golden.Outputs('blocks'), golden.block_inputs()
    module = module(64).eval()
    module.load_state_dict(golden.block_state(block, part))
    with torch.no_grad():
        out = module(*(inputs[name] for name in names))
    if len(names) == 1:
        outputs.hold(f'out.{block}', out)
        return
    for name, value in zip(names, out, strict=True):
        outputs.hold(f'out.{block}.{name}', value)
