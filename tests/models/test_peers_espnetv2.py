from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.models.layers import SingleFrameBN
from fume_mm.models.losses import FocalDiceLoss
from fume_mm.models.peers import espnetv2
from fume_mm.models.peers.espnetv2 import (
    EESP,
    DepthwisePyramid,
    ESPNetv2Encoder,
    ESPNetv2Head,
    StridedEESP,
    espnetv2_channels,
)
from fume_mm.models.rows import DenseRows
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import GASES
from tests.batches import batch
from tests.objective import LOSS_DECODE

register_all_modules()
CONFIG = Path(__file__).parents[2] / 'configs/peers/espnetv2.py'


def count(module):
    return sum(p.numel() for p in module.parameters())


def small():
    """The narrowest net, with norms that do something in evaluation."""
    torch.manual_seed(0)
    encoder = ESPNetv2Encoder(scale=0.5)
    head = ESPNetv2Head(espnetv2_channels(0.5), loss_decode=LOSS_DECODE)
    for module in (encoder, head):
        module.init_weights()
        for norm in module.modules():
            if isinstance(norm, SingleFrameBN):
                nn.init.uniform_(norm.running_mean, -0.1, 0.1)
                nn.init.uniform_(norm.running_var, 0.5, 1.5)
    return encoder, head


@pytest.mark.parametrize(
    ('scale', 'exact', 'millions', 'giga'),
    [
        (0.5, 96_521, 0.097, 0.26),
        (1.0, 335_869, 0.336, 0.88),
        (1.5, 718_493, 0.719, 1.84),
        (2.0, 1_244_605, 1.245, 3.18),
    ],
)
def test_cost_of_the_net_for_one_colour_image(scale, exact, millions, giga):
    channels = espnetv2_channels(scale)
    with torch.device('meta'):
        encoder = ESPNetv2Encoder(3, scale=scale).eval()
        head = ESPNetv2Head(channels, loss_decode=LOSS_DECODE).eval()
    total = count(encoder) + count(head)
    assert total == exact
    # the authors' strided units hold slopes that nothing calls, one per channel they
    # add, and their last classifier has no bias
    unused, bias = channels[-1] - channels[0], 3
    assert round((total + unused - bias) / 1e6, 3) == millions
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        head(encoder(torch.empty(1, 3, 480, 640, device='meta')))
    assert counter.get_total_flops() / 2e9 == pytest.approx(giga, rel=0.02)


def test_one_channel_costs_less_by_the_stem_and_the_reinforcements():
    colour, gray = ESPNetv2Encoder(3, scale=2.0), ESPNetv2Encoder(1, scale=2.0)
    saved = 2 * 9 * 32  # the stem
    for width in (128, 256, 512):
        # c→c 3×3, norm and slopes (3c), then c→width
        saved += 9 * (3**2 - 1) + 3 * 2 + 2 * width
    assert count(colour) - count(gray) == saved
    assert count(gray) == 742_604


@pytest.mark.parametrize(
    ('scale', 'expected'),
    [
        (0.5, (16, 32, 64, 128)),
        (1.0, (32, 64, 128, 256)),
        (1.5, (32, 96, 192, 384)),
        (2.0, (32, 128, 256, 512)),
    ],
)
def test_channels_of_the_scales(scale, expected):
    assert espnetv2_channels(scale) == expected


@pytest.mark.parametrize('scale', [0.25, 0.3, 0.75, 0.0, -1.0])
def test_scales_that_groups_do_not_divide_are_named(scale):
    with pytest.raises(UserError, match=rf'encoder\.scale is {scale}.*as with 0\.5'):
        ESPNetv2Encoder(scale=scale)


@pytest.mark.parametrize('size', [(64, 96), (79, 107), (237, 315), (61, 33)])
def test_shapes_of_every_level_and_of_the_logits(size):
    encoder, head = (module.eval() for module in small())
    with torch.no_grad():
        maps = encoder(torch.randn(2, 1, *size))
        logits = head(maps)
    expected, sides = [], size
    for width in (16, 32, 64, 128):
        sides = [-(-side // 2) for side in sides]
        expected.append((2, width, *sides))
    assert [tuple(x.shape) for x in maps] == expected
    assert logits.shape == (2, 3, *expected[0][2:])


def test_dilations_and_units_of_every_level():
    encoder, head = small()

    def dilations(unit):
        return tuple(branch.dilation[0] for branch in unit.branches)

    assert [len(units) for units in encoder.units] == [0, 3, 7]
    assert {dilations(down.eesp) for down in encoder.down} == {(1, 2, 3, 4)}
    assert {dilations(unit) for unit in encoder.units[1]} == {(1, 2, 3, 4)}
    assert {dilations(unit) for unit in encoder.units[2]} == {(1, 1, 2, 3)}
    assert dilations(head.context[0]) == (1, 1, 2, 3)


def test_a_unit_by_hand():
    torch.manual_seed(0)
    unit = EESP(16, 16, dilations=(1, 2, 3, 4)).eval()
    for norm in unit.modules():
        if isinstance(norm, SingleFrameBN):
            norm.eps = 0.0
    with torch.no_grad():
        unit.reduce[0].weight.fill_(0.25)  # means of 4 channels, group by group
        for number, branch in enumerate(unit.branches, start=1):
            branch.weight.zero_()
            branch.weight[:, :, 1, 1] = number  # number times the reduced map
        unit.expand[0].weight.copy_(torch.eye(4).repeat(4, 1)[:, :, None, None])
    x = torch.rand(2, 16, 5, 6)
    reduced = x.reshape(2, 4, 4, 5, 6).mean(dim=2)
    # running sums of 1, 2, 3 and 4
    joined = torch.cat([total * reduced for total in (1, 3, 6, 10)], dim=1)
    torch.testing.assert_close(unit(x), x + joined)
    # below zero the last PReLU's slopes, 1/4 at first, are seen
    negative = unit(x - 20)
    reduced, slope = reduced - 20, 0.25
    joined = torch.cat([total * reduced for total in (1, 3, 6, 10)], dim=1)
    expected = slope * (x - 20 + slope * slope * joined)
    torch.testing.assert_close(negative, expected)


def test_no_shortcut_where_widths_differ_or_a_stride_is_taken():
    assert EESP(16, 16).residual
    assert not EESP(32, 16).residual
    strided = EESP(16, 16, stride=2)
    assert not strided.residual
    assert isinstance(strided.act, nn.Identity)


def test_downsampling_is_reminded_of_the_image():
    torch.manual_seed(0)
    down = StridedEESP(16, 32, image_channels=1).eval()
    x, image = torch.randn(2, 16, 9, 7), torch.randn(2, 1, 5, 4)
    with torch.no_grad():
        plain = torch.cat([nn.functional.avg_pool2d(x, 3, 2, 1), down.eesp(x)], dim=1)
        expected = down.act(plain + down.reinforce(image))
        torch.testing.assert_close(down(x, image), expected)
        down.reinforce[1][0].weight.zero_()  # its norm then gives zeros
        torch.testing.assert_close(down(x, image), down.act(plain))


def test_every_level_sees_the_image_at_its_size():
    encoder, _ = small()
    seen = []
    for down in encoder.down:
        down.reinforce.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    x = torch.randn(1, 1, 237, 315)
    with torch.no_grad():
        encoder.eval()(x)
    for image in seen:
        times = {60: 2, 30: 3, 15: 4}[image.shape[2]]
        expected = x
        for _ in range(times):
            expected = espnetv2.halve(expected)
        torch.testing.assert_close(image, expected)
    assert [tuple(image.shape[2:]) for image in seen] == [(60, 79), (30, 40), (15, 20)]


def test_the_pyramid_of_a_constant_is_constant_in_the_middle():
    pyramid = DepthwisePyramid(4).eval()
    with torch.no_grad():
        for conv in pyramid.convs:
            conv.weight.zero_()
            conv.weight[:, :, 1, 1] = 1
        found = pyramid.project[0]
        found.weight.fill_(1 / 20)  # the mean of the five maps of four channels
        pyramid.project[1].eps = 0.0
        out = pyramid(torch.ones(1, 4, 64, 64))
    # zeros beyond the border enter the means of 3×3 along it, here and in deeper maps
    torch.testing.assert_close(out[..., 32:56, 32:56], torch.ones(1, 4, 24, 24))
    assert out[..., 0, 0].max() < 1


def test_training_gives_level_3_s_logits_too_and_their_loss():
    encoder, head = small()
    maps = encoder.train()(torch.randn(2, 1, 64, 96))
    pair = head.train()(maps)
    assert [tuple(x.shape) for x in pair] == [(2, 3, 32, 48), (2, 3, 8, 12)]
    samples = [sample.get('co2') for sample in batch('co2', 'co2')['data_samples']]
    losses = head.loss_by_feat(pair, samples)
    assert list(losses) == ['loss_focal_dice', 'level3.loss_focal_dice']
    # each is what the loss says of these logits alone
    for logits, prefix in zip(pair, ('', 'level3.'), strict=True):
        alone = head.loss_by_feat(logits, samples)
        assert losses[f'{prefix}loss_focal_dice'] == alone['loss_focal_dice']
    halved = ESPNetv2Head(
        espnetv2_channels(0.5), auxiliary_weight=0.5, loss_decode=LOSS_DECODE
    )
    weighted = halved.loss_by_feat(pair, samples)
    torch.testing.assert_close(
        weighted['level3.loss_focal_dice'], losses['level3.loss_focal_dice'] / 2
    )
    assert isinstance(head.eval()(maps), torch.Tensor)


def test_level_3_s_loss_leaves_the_shallow_classifiers_alone():
    encoder, head = small()
    _, deep = head.train()(encoder.train()(torch.randn(2, 1, 64, 96)))
    deep.square().mean().backward()
    reached = {name for name, p in head.named_parameters() if p.grad is not None}
    assert {name.split('.')[0] for name in reached} == {
        'narrow',
        'context',
        'classify3',
    }


def test_every_parameter_gets_a_gradient():
    encoder, head = small()
    main, _ = head.train()(encoder.train()(torch.randn(2, 1, 64, 96)))
    main.square().mean().backward()
    for module in (encoder, head):
        assert [n for n, p in module.named_parameters() if p.grad is None] == []


def test_norm_and_loss_are_the_project_s_unless_given():
    head = ESPNetv2Head(loss_decode=LOSS_DECODE)
    assert type(head.loss_decode) is FocalDiceLoss
    norms = [m for m in head.modules() if isinstance(m, nn.BatchNorm2d)]
    norms += [m for m in ESPNetv2Encoder().modules() if isinstance(m, nn.BatchNorm2d)]
    assert {type(norm) for norm in norms} == {SingleFrameBN}
    encoder = ESPNetv2Encoder(norm_cfg={'type': 'GN', 'num_groups': 1})
    assert not any(isinstance(m, nn.BatchNorm2d) for m in encoder.modules())


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return MODELS.build(load_config(str(CONFIG)).model)


def test_parameters_of_the_config(model):
    assert count(model.backbone) == 742_604
    assert [count(model.decode_head[gas]) for gas in GASES] == [499_399] * 2
    assert model.health_head.mlp[0].in_features == 2 * 512


def test_a_lone_frame_trains(model):
    model.train()
    data = model.data_preprocessor(batch('ch4'), training=True)
    losses = model(**data, mode='loss')
    assert [key for key in losses if 'loss' in key] == [
        'ch4.loss_focal_dice',
        'ch4.level3.loss_focal_dice',
        'loss_health',
    ]
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    model.zero_grad(set_to_none=True)


def test_samples_do_not_depend_on_their_neighbours_and_dense_agrees(model):
    model.eval()
    present = torch.tensor([[True, True], [True, False], [False, True]])
    frames = {gas: torch.randn(3, 1, 61, 89) for gas in GASES}
    with torch.no_grad():
        together = model({**frames, 'present': present})
        dense = model.tensor(frames, DenseRows(present))
        for key, value in together.items():
            torch.testing.assert_close(dense[key], value, rtol=1e-3, atol=1e-4)
        for n in range(3):
            own = {gas: x[n : n + 1] for gas, x in frames.items()}
            alone = model({**own, 'present': present[n : n + 1]})
            for key, value in alone.items():
                torch.testing.assert_close(
                    value[0], together[key][n], rtol=1e-3, atol=1e-4
                )
