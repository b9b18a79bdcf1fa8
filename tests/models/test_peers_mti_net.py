from itertools import pairwise
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fume_mm.engine.config import load_config
from fume_mm.models.layers import SingleFrameBN
from fume_mm.models.peers.mti_net import (
    FeaturePropagation,
    MTINetBackbone,
    MultiModalDistillation,
)
from fume_mm.models.rows import CompactRows, DenseRows
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import GASES
from tests.batches import batch

register_all_modules()
CONFIG = Path(__file__).parents[2] / 'configs/peers/mti_net.py'
PRESENT = torch.tensor([[True, True], [True, False], [False, True], [True, True]])
CHANNELS = (18, 36, 72, 144)


class Pyramid(nn.Module):
    """A small encoder: maps of strides 4, 8 and 16."""

    def __init__(self, channels):
        super().__init__()
        widths = (1, *channels)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2 if i else 4, padding=1)
            for i, (before, after) in enumerate(pairwise(widths))
        )

    def forward(self, x):
        maps = []
        for conv in self.convs:
            x = conv(x).relu()
            maps.append(x)
        return maps


def small():
    torch.manual_seed(0)
    channels = (4, 8, 16)
    encoder = {'type': Pyramid, 'channels': channels}
    return MTINetBackbone(encoder, channels=channels)


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return MODELS.build(load_config(str(CONFIG)).model)


def frames_of(present, size=(64, 96)):
    """All frames, and of each gas those that exist."""
    generator = torch.Generator().manual_seed(0)
    rows = len(present)
    full = {gas: torch.randn(rows, 1, *size, generator=generator) for gas in GASES}
    compact = {gas: full[gas][present[:, i]] for i, gas in enumerate(GASES)}
    return full, {gas: x for gas, x in compact.items() if len(x)}


def test_cost_of_the_net_for_two_tasks_of_one_image():
    with torch.device('meta'):
        model = MODELS.build(load_config(str(CONFIG)).model).eval()
    backbone, present = model.backbone, torch.ones(1, 2, dtype=torch.bool)
    assert count(backbone.streams) == 3_859_568  # 3.860 M
    heads = sum(count(model.decode_head[gas]) for gas in GASES)
    initial = sum(count(model.auxiliary_head[gas]) for gas in GASES)
    total = count(backbone) + heads + initial
    assert total == 8_557_412
    # the authors' heads have a bias before their norm, which takes it away again
    assert round((total + 2 * sum(CHANNELS)) / 1e6, 3) == 8.558
    image = torch.empty(1, 1, 480, 640, device='meta')
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        maps = backbone.streams.encoder(image)
        one_image = {gas: tuple(maps) for gas in GASES}
        backbone.streams.forward = lambda frames: one_image
        features = backbone(dict.fromkeys(GASES, image), CompactRows(present))
        for gas in GASES:
            model.decode_head[gas](features[gas])
            for head in model.auxiliary_head[gas]:
                head(features[gas])
    assert counter.get_total_flops() / 2e9 == pytest.approx(16.85, rel=0.001)


def test_parameters_of_the_config(model):
    parts = (model.backbone.refine, model.backbone.propagate, model.backbone.distil)
    assert [count(part) for part in parts] == [2_273_472, 1_282_782, 991_440]
    assert [count(model.decode_head[gas]) for gas in GASES] == [74_253] * 2
    assert [count(model.auxiliary_head[gas]) for gas in GASES] == [822] * 2
    assert model.health_head.mlp[0].in_features == 2 * 144


@pytest.mark.parametrize('size', [(64, 96), (61, 89)])
def test_shapes(model, size):
    model.eval()
    present = torch.tensor([[True, True], [False, True]])
    _, frames = frames_of(present, size)
    with torch.no_grad():
        features = model.backbone(frames, CompactRows(present))
        logits = model.decode_head['ch4'](features['ch4'])
    sides = [[-(-side // 2**scale) for side in size] for scale in (2, 3, 4, 5)]
    for gas, rows in (('co2', 1), ('ch4', 2)):
        shapes = [(rows, width, *hw) for width, hw in zip(CHANNELS, sides, strict=True)]
        found = [tuple(x.shape) for x in features[gas]]
        assert found == [*shapes, *shapes, shapes[-1]]
    assert logits.shape == (2, 3, *sides[0])


def test_propagation_by_hand():
    torch.manual_seed(0)
    unit = FeaturePropagation(16).eval()
    a, b = torch.randn(2, 16, 5, 7), torch.randn(2, 16, 5, 7)
    seen = []
    unit.share.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        nn.init.zeros_(unit.harmonise[-1].weight)
        nn.init.zeros_(unit.harmonise[-1].bias)
        unit.harmonise[-1].bias[:16] = torch.tensor(3.0).log()
        for_a, for_b = unit(a, b)
        shared = unit.share(seen[0])
        # a softmax over the tasks of (log 3, 0)
        torch.testing.assert_close(seen[0], torch.cat([a * 3 / 4, b / 4], dim=1))
        for gate, own, found in zip(unit.gates, (a, b), (for_a, for_b), strict=True):
            hidden = gate.squeeze(shared.mean(dim=(2, 3))).relu()
            scale = gate.excite(hidden).sigmoid()[:, :, None, None]
            torch.testing.assert_close(found, own + scale * shared)


def test_distillation_by_hand():
    torch.manual_seed(0)
    unit = MultiModalDistillation(4)
    a, b = torch.randn(2, 4, 5, 7), torch.randn(2, 4, 5, 7)
    with torch.no_grad():
        for_a, for_b = unit(a, b)
        for found, own, other, message in (
            (for_a, a, b, unit.to_a),
            (for_b, b, a, unit.to_b),
        ):
            value = F.conv2d(other, message.value.weight, padding=1)
            gate = F.conv2d(other, message.gate.weight, padding=1)
            torch.testing.assert_close(found, own + value * gate.sigmoid())


def refined_by_hand(backbone, gas, frames):
    """A task's features without another task, from fine to coarse."""
    maps, handed, out = backbone.streams.encoder(frames), None, []
    for scale in (2, 1, 0):
        x = maps[scale]
        if handed is not None:
            handed = F.interpolate(handed, x.shape[2:], mode='bilinear')
            x = torch.cat([x, handed], dim=1)
        handed = backbone.refine[gas][scale](x)
        out.insert(0, handed)
    return out, maps[-1]


def test_a_task_without_the_other_hands_on_and_keeps_its_own():
    backbone = small().eval()
    full, compact = frames_of(PRESENT)
    with torch.no_grad():
        features = backbone(compact, CompactRows(PRESENT))
        # sample 1 is the second of CO2's, sample 2 the second of CH4's
        for gas, sample in (('co2', 1), ('ch4', 2)):
            frame = full[gas][sample : sample + 1]
            refined, deepest = refined_by_hand(backbone, gas, frame)
            expected = [*refined, *refined, deepest]
            for x, y in zip(features[gas], expected, strict=True):
                torch.testing.assert_close(x[1:2], y)


def test_tasks_of_a_sample_meet_at_every_scale():
    backbone = small().eval()
    present = torch.ones(2, 2, dtype=torch.bool)
    frames, _ = frames_of(present)
    changed = {**frames, 'ch4': frames['ch4'].clone()}
    changed['ch4'][0] += 1
    with torch.no_grad():
        before, after = (
            backbone(x, CompactRows(present))['co2'] for x in (frames, changed)
        )
    moved = [
        (x - y).abs().amax(dim=(1, 2, 3)) > 1e-6
        for x, y in zip(before, after, strict=True)
    ]
    # distilled at each scale; refined but at the coarsest, which none has spoken to yet
    assert [bool(x[0]) for x in moved] == [True] * 3 + [True, True, False] + [False]
    assert not any(bool(x[1]) for x in moved)  # the neighbour


@pytest.mark.parametrize('size', [(64, 96), (61, 89)])
@pytest.mark.parametrize(
    'rows', [[0, 1, 2, 3], [0, 3], [1], [2], [1, 2]], ids=lambda rows: str(rows)
)
def test_dense_and_compact_agree_whatever_stands_in(rows, size):
    backbone = small().eval()
    present = PRESENT[rows]
    full, compact = frames_of(present, size)
    with torch.no_grad():
        expected = backbone(compact, CompactRows(present))
        for i, gas in enumerate(GASES):
            full[gas][~present[:, i]] = 100.0
        found = backbone(full, DenseRows(present))
    for i, gas in enumerate(GASES):
        for x, y in zip(found[gas], expected.get(gas, ()), strict=gas in expected):
            torch.testing.assert_close(x[present[:, i]], y, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('gas', GASES)
def test_a_model_of_one_gas(gas):
    backbone = small().eval()
    present = torch.tensor([[gas == name for name in GASES]] * 2)
    _, compact = frames_of(present)
    with torch.no_grad():
        refined, _ = refined_by_hand(backbone, gas, compact[gas])
        for kind in (CompactRows, DenseRows):
            features = backbone(compact, kind(present))
            assert list(features) == [gas]
            for x, y in zip(features[gas][:3], refined, strict=True):
                torch.testing.assert_close(x, y)


def test_every_parameter_gets_a_gradient():
    backbone = small().train()
    _, compact = frames_of(PRESENT)
    features = backbone(compact, CompactRows(PRESENT))
    sum(x.square().mean() for maps in features.values() for x in maps[:3]).backward()
    assert [n for n, p in backbone.named_parameters() if p.grad is None] == []


def test_exchange_needs_both_gases_to_learn():
    backbone = small().train()
    present = torch.tensor([[True, False], [False, True]])
    _, compact = frames_of(present)
    features = backbone(compact, CompactRows(present))
    sum(x.square().mean() for maps in features.values() for x in maps[:3]).backward()
    idle = {n.split('.')[0] for n, p in backbone.named_parameters() if p.grad is None}
    assert idle == {'propagate', 'distil'}


def test_initial_predictions_are_supervised_at_every_scale(model):
    model.train()
    data = model.data_preprocessor(batch('co2 ch4', 'ch4'), training=True)
    losses = model(**data, mode='loss')
    expected = [f'ch4.aux_{scale}.loss_focal_dice' for scale in range(4)]
    assert [key for key in losses if key.startswith('ch4.aux')] == expected
    assert all(torch.isfinite(losses[key]) for key in expected)
    # they read the refined maps, which stand behind the distilled ones
    heads = model.auxiliary_head['ch4']
    assert [head.in_index for head in heads] == [4, 5, 6, 7]
    assert [head.conv_seg.in_channels for head in heads] == list(CHANNELS)


def test_a_lone_frame_trains(model):
    model.train()
    for gas in GASES:
        data = model.data_preprocessor(batch(gas), training=True)
        total, _ = model.parse_losses(model(**data, mode='loss'))
        assert torch.isfinite(total)


def test_norms_are_the_project_s(model):
    norms = {type(m) for m in model.modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms == {SingleFrameBN}
