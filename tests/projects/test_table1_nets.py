"""The simplified nets that FUME's Table 1 reports: costs, and what sees which gas."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fume_mm.engine.complexity import complexity
from fume_mm.engine.config import load_config
from fume_mm.models.backbones import JOINT
from fume_mm.models.rows import CompactRows, DenseRows
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import GASES
from projects.table1 import (
    CMXT1,
    BiSeNetV2T1,
    DDRNetSlimT1,
    ENetT1,
    StackedConvFusion,
    T1MaskHead,
)
from projects.table1.bisenetv2 import GatherExpansion
from projects.table1.cmx import CrossAttention
from projects.table1.danet import ChannelSelfAttention
from projects.table1.espnetv2 import EESP
from projects.table1.mti_net import TaskExchange
from tests.batches import batch
from tests.checkpoints import as_if_trained
from tests.objective import LOSS_DECODE

register_all_modules()
FOLDER = Path(__file__).parents[2] / 'projects/table1/configs'
# Parameters (millions) and GMACs (FLOPs/2) of FUME's own rewrites, measured: one sample
# with both gases, 480×640.
MEASURED = {
    'bisenetv2': ('2.7749', 20.801),
    'enet': ('0.2575', 1.815),
    'ddrnet_slim': ('3.3876', 16.510),
    'espnetv2': ('2.2166', 17.758),
    'danet': ('1.4330', 5.399),
    'rtfnet': ('35.0123', 49.614),
    'mti_net': ('1.8028', 2.805),
    'cmx': ('4.4147', 16.017),
}
# Channels and stride of the map of the health head, then of the mask heads.
MAPS = {
    'enet': ((128, 8), (16, 1)),
    'ddrnet_slim': ((128, 16), (64, 4)),
    'espnetv2': ((256, 16), (64, 4)),
    'danet': ((128, 32), (32, 4)),
    'rtfnet': ((512, 32), (64, 4)),
    'mti_net': ((128, 32), (32, 4)),
    'cmx': ((256, 16), (64, 4)),
}
BOTH = torch.tensor([[True, True]])
CO2_ONLY = torch.tensor([[True, False]])


def config(name: str) -> Any:
    return load_config(str(FOLDER / f'{name}_t1.py'))


@pytest.fixture(scope='module')
def models() -> dict[str, Any]:
    """The nets with random weights and open attention gates, in evaluation mode."""
    built = {}
    for name in MEASURED:
        torch.manual_seed(0)
        model = MODELS.build(config(name).model)
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith('gamma'):
                nn.init.constant_(parameter, 0.5)
        built[name] = model.eval()
    return built


def frames_of(*gases: str, size: tuple[int, int] = (64, 96)) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    frames = {gas: torch.randn(1, 1, *size) for gas in GASES}
    return {gas: frames[gas] for gas in gases}


@pytest.mark.parametrize('name', MEASURED)
def test_cost_is_that_of_the_rewrite(name: str) -> None:
    parameters, gmacs = MEASURED[name]
    cost = complexity(config(name))
    assert f'{cost.parameters / 1e6:.4f}' == parameters
    macs = cost.macs
    if name == 'ddrnet_slim':  # the rewrite runs the convolution that nothing reads
        macs += 128 * 32 * 120 * 160
    assert macs / 1e9 == pytest.approx(gmacs, rel=5e-4)


@pytest.mark.parametrize('size', [(64, 96), (75, 101)])
@pytest.mark.parametrize('name', MAPS)
def test_joint_maps(name: str, size: tuple[int, int], models: dict[str, Any]) -> None:
    with torch.no_grad():
        features = models[name].backbone(
            frames_of(*GASES, size=size), CompactRows(BOTH)
        )
    expected = [
        (1, channels, *(-(-side // stride) for side in size))
        for channels, stride in MAPS[name]
    ]
    assert set(features) == {JOINT}
    assert [tuple(x.shape) for x in features[JOINT]] == expected


@pytest.mark.parametrize('size', [(64, 96), (75, 101)])
def test_bisenetv2_gives_a_map_per_gas(
    size: tuple[int, int], models: dict[str, Any]
) -> None:
    with torch.no_grad():
        features = models['bisenetv2'].backbone(
            frames_of(*GASES, size=size), CompactRows(BOTH)
        )
    shape = (1, 128, *(-(-side // 8) for side in size))
    assert {gas: [tuple(x.shape) for x in maps] for gas, maps in features.items()} == {
        gas: [shape] for gas in GASES
    }


@pytest.mark.parametrize('name', MEASURED)
def test_a_sample_does_not_depend_on_its_neighbours(
    name: str, models: dict[str, Any]
) -> None:
    patterns = ('co2 ch4', 'co2', 'ch4', 'co2 ch4')
    model = models[name]
    inputs = model.data_preprocessor(batch(*patterns))['inputs']
    present = inputs['present']
    with torch.no_grad():
        together = model(inputs)
        for row, pattern in enumerate(patterns):
            own = {'present': present[row : row + 1]}
            for index, gas in enumerate(GASES):
                if gas in pattern:
                    at = int(present[:row, index].sum())
                    own[gas] = inputs[gas][at : at + 1]
            for key, value in model(own).items():
                torch.testing.assert_close(
                    value[0], together[key][row], rtol=1e-4, atol=1e-5
                )


@pytest.mark.parametrize('name', MEASURED)
def test_which_masks_see_the_other_gas(name: str, models: dict[str, Any]) -> None:
    model = as_if_trained(copy.deepcopy(models[name]), (96, 64))
    frames = frames_of(*GASES)
    other = {**frames, 'ch4': frames['ch4'] + 1}
    with torch.no_grad():
        a = model({**frames, 'present': BOTH})
        b = model({**other, 'present': BOTH})
    assert torch.equal(a['co2'], b['co2']) == (name == 'bisenetv2')
    assert not torch.equal(a['ch4'], b['ch4'])
    assert not torch.equal(a['health'], b['health'])


@pytest.mark.parametrize('name', MEASURED)
def test_mixed_precision_trains(name: str, models: dict[str, Any]) -> None:
    model = models[name]
    data = model.data_preprocessor(batch('co2 ch4', 'co2', 'ch4'), training=True)
    buffers = {key: value.clone() for key, value in model.named_buffers()}
    model.train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    assert next(model.backbone.parameters()).grad is not None
    model.zero_grad(set_to_none=True)
    model.eval()
    for key, value in model.named_buffers():  # as the other tests found them
        value.copy_(buffers[key])


@pytest.mark.parametrize('name', ['enet', 'ddrnet_slim'])
def test_early_mean_is_over_the_gases_that_exist(
    name: str, models: dict[str, Any]
) -> None:
    model = models[name]
    frame = frames_of('co2')['co2']
    with torch.no_grad():
        twice = model({'co2': frame, 'ch4': frame, 'present': BOTH})
        once = model({'co2': frame, 'present': CO2_ONLY})
    torch.testing.assert_close(twice['co2'], once['co2'])
    torch.testing.assert_close(twice['health'], once['health'])


def test_bisenetv2_shares_its_branches_not_its_aggregation(
    models: dict[str, Any],
) -> None:
    model = models['bisenetv2']
    assert isinstance(model.backbone, BiSeNetV2T1) and model.backbone.shared
    frame = frames_of('co2')['co2']
    with torch.no_grad():
        features = model.backbone({'co2': frame, 'ch4': frame}, CompactRows(BOTH))
        assert not torch.equal(features['co2'][0], features['ch4'][0])
        for gas in GASES:
            branches = model.backbone.encoder(frame)
            torch.testing.assert_close(
                features[gas][0], model.backbone.aggregations[gas](*branches)
            )


def test_bisenetv2_health_sees_zeros_for_a_missing_gas(models: dict[str, Any]) -> None:
    model = models['bisenetv2']
    frames = frames_of('co2')
    with torch.no_grad():
        (own,) = model.backbone(frames, CompactRows(CO2_ONLY))['co2']
        fused = model.neck.fuse(torch.cat([own, torch.zeros_like(own)], dim=1))
        found = model({**frames, 'present': CO2_ONLY})['health']
        rows = CompactRows(CO2_ONLY)
        torch.testing.assert_close(found, model.health_head(fused, {}, rows))


@pytest.mark.parametrize(
    ('stride', 'channels', 'plain'), [(1, 8, True), (1, 12, False), (2, 8, False)]
)
def test_gather_expansion(stride: int, channels: int, plain: bool) -> None:
    block = GatherExpansion(8, channels, stride=stride).eval()
    assert isinstance(block.shortcut, nn.Identity) == plain
    depthwise = [m for m in block.modules() if getattr(m, 'groups', 1) > 1]
    assert [(m.in_channels, m.out_channels, m.groups) for m in depthwise] == [
        (8, 48, 8)
    ]
    out = block(torch.randn(2, 8, 7, 9))
    assert out.shape == (2, channels, -(-7 // stride), -(-9 // stride))
    assert out.min() >= 0


def test_enet_frames_of_odd_size_are_padded_and_cut() -> None:
    torch.manual_seed(0)
    net = ENetT1().eval()
    frame = torch.randn(1, 1, 29, 43)
    whole = F.pad(frame, (0, 5, 0, 3), mode='replicate')
    with torch.no_grad():
        deep, full = net(frame)
        expected_deep, expected_full = net(whole)
    assert whole.shape[2:] == (32, 48)
    assert torch.equal(deep, expected_deep)
    assert torch.equal(full, expected_full[..., :29, :43])


def test_enet_sees_both_gases_stacked_too() -> None:
    deep, full = ENetT1(2).eval()(torch.randn(1, 2, 16, 24))
    assert deep.shape == (1, 128, 2, 3)
    assert full.shape == (1, 16, 16, 24)


def test_enet_has_one_slope_per_activation() -> None:
    slopes = [m.weight.numel() for m in ENetT1().modules() if isinstance(m, nn.PReLU)]
    # initial; 3 in each of 14 bottlenecks; 3 in each of the decoder's 5
    assert slopes == [1] * (1 + 3 * 14 + 3 * 5)


def test_ddrnet_slim_neither_runs_nor_trains_what_nothing_reads() -> None:
    net = DDRNetSlimT1().eval()
    frozen = [name for name, p in net.named_parameters() if not p.requires_grad]
    assert len(frozen) == 3
    assert all(name.startswith('unused.') for name in frozen)
    assert sum(p.numel() for p in net.unused.parameters()) == 4160
    frame = torch.randn(1, 1, 32, 48)
    with torch.no_grad():
        before = net(frame)
        for parameter in net.unused.parameters():
            parameter.fill_(float('nan'))
        after = net(frame)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_eesp_joins_running_sums() -> None:
    block = EESP(16).eval()
    for branch in block.branches:
        nn.init.zeros_(branch.weight)
        branch.weight.data[:, :, 1, 1] = 1  # gives its input
    seen = []
    block.norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.randn(1, 16, 6, 7)
    with torch.no_grad():
        block(x)
        reduced = block.reduce(x)
    torch.testing.assert_close(
        seen[0], torch.cat([reduced, 2 * reduced, 3 * reduced, 4 * reduced], dim=1)
    )


def test_channel_attention_by_hand() -> None:
    attention = ChannelSelfAttention()
    x = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1)
    assert torch.equal(attention(x), x)  # the gate starts closed
    nn.init.ones_(attention.gamma)
    # X Xᵀ is [[1, 2], [2, 4]]; a row's softmax weighs the channels 1 and 2
    first = (math.e**1 * 1 + math.e**2 * 2) / (math.e**1 + math.e**2)
    second = (math.e**2 * 1 + math.e**4 * 2) / (math.e**2 + math.e**4)
    torch.testing.assert_close(
        attention(x).flatten(), torch.tensor([1 + first, 2 + second])
    )


def test_rtfnet_joins_zeros_of_a_missing_gas_at_all_levels(
    models: dict[str, Any],
) -> None:
    backbone = models['rtfnet'].backbone
    seen: list[torch.Tensor] = []
    hooks = [
        fuse.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        for fuse in backbone.fuse
    ]
    with torch.no_grad():
        backbone(frames_of('co2'), CompactRows(CO2_ONLY))
    for hook in hooks:
        hook.remove()
    assert [x.shape[1] for x in seen] == [128, 256, 512, 1024]
    for x in seen:
        co2, ch4 = x.chunk(2, dim=1)
        assert co2.abs().max() > 0
        assert ch4.abs().max() == 0


def test_task_exchange_gates_channels_of_the_class_map_and_positions_of_the_masks() -> (
    None
):
    torch.manual_seed(0)
    exchange = TaskExchange(8, width=4)
    exchange.merge = nn.Identity()
    masks, classes = torch.rand(2, 8, 3, 4) + 1, torch.rand(2, 8, 3, 4) + 1
    with torch.no_grad():
        of_masks, of_classes = exchange(masks, classes)
    assert torch.equal(of_masks[:, :8], masks)
    assert torch.equal(of_classes[:, :8], classes)
    gate_of_masks = of_masks[:, 8:] / masks
    gate_of_classes = of_classes[:, 8:] / classes
    for gate in (gate_of_masks, gate_of_classes):
        assert gate.min() > 0 and gate.max() < 1
    assert gate_of_classes.std(dim=(2, 3)).max() < 1e-6
    assert gate_of_masks.std(dim=(2, 3)).min() > 1e-4
    expected = exchange.gate_of_classes(masks.mean(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(gate_of_classes[..., :1, :1], expected)
    torch.testing.assert_close(gate_of_masks, exchange.gate_of_masks(classes))


def test_task_exchange_merges_both_pairs_with_one_convolution() -> None:
    exchange = TaskExchange().eval()
    for gate in (exchange.gate_of_masks, exchange.gate_of_classes):
        nn.init.zeros_(gate[2].weight)
        nn.init.zeros_(gate[2].bias)  # the gate is 1/2
    x = torch.rand(1, 128, 2, 3)
    with torch.no_grad():
        of_masks, of_classes = exchange(x, x)
        expected = exchange.merge(torch.cat([x, x / 2], dim=1))
    torch.testing.assert_close(of_masks, expected)
    torch.testing.assert_close(of_classes, expected)


def test_cross_attention_is_softmax_with_a_scale_per_head() -> None:
    torch.manual_seed(0)
    attention = CrossAttention(8, heads=2, dropout=0.1).eval()
    nn.init.normal_(attention.scale)
    x, source = torch.randn(2, 8, 2, 3), torch.randn(2, 8, 2, 3)
    with torch.no_grad():
        found = attention(x, source)
        query, key, value = (
            conv(y).reshape(2, 2, 4, 6)  # N, heads, C / heads, positions
            for conv, y in (
                (attention.query, x),
                (attention.key, source),
                (attention.value, source),
            )
        )
        weights = torch.einsum('nhci,nhcj->nhij', query * attention.scale, key)
        gathered = torch.einsum('nhij,nhcj->nhci', weights.softmax(dim=-1), value)
        expected = attention.project(gathered.reshape(2, 8, 2, 3))
    torch.testing.assert_close(found, expected)


@pytest.fixture(scope='module')
def cmx(models: dict[str, Any]) -> CMXT1:
    return models['cmx'].backbone


def test_cmx_updates_co2_first_and_shows_it_to_ch4(cmx: CMXT1) -> None:
    frames = frames_of(*GASES)
    with torch.no_grad():
        co2, ch4 = (cmx.streams(frames)[gas][0] for gas in GASES)
        for block in cmx.blocks:
            co2 = block.digest(block.attend(co2, ch4))
            ch4 = block.digest(block.attend(ch4, co2))
        found = cmx(frames, CompactRows(BOTH))[JOINT][0]
    torch.testing.assert_close(found, (co2 + ch4) / 2)


def test_cmx_lone_gas_does_not_attend_and_is_not_halved(cmx: CMXT1) -> None:
    frames = frames_of('co2')
    with torch.no_grad():
        expected = cmx.streams(frames)['co2'][0]
        for block in cmx.blocks:
            expected = block.digest(expected)
        found = cmx(frames, CompactRows(CO2_ONLY))[JOINT][0]
    torch.testing.assert_close(found, expected)


def test_cmx_trains_where_no_sample_has_both(cmx: CMXT1) -> None:
    present = torch.tensor([[True, False], [False, True]])
    maps = cmx(frames_of(*GASES), CompactRows(present))[JOINT]
    maps[0].sum().backward()
    with_gradient = {name for name, p in cmx.named_parameters() if p.grad is not None}
    cmx.zero_grad(set_to_none=True)
    assert any(name.startswith('streams.encoders.ch4') for name in with_gradient)
    assert not any('.attention' in name for name in with_gradient)


@pytest.mark.parametrize(('scale', 'channels'), [(1, None), (4, None), (1, 6), (4, 6)])
def test_mask_head(scale: int, channels: int | None) -> None:
    head = T1MaskHead(8, scale=scale, channels=channels, loss_decode=LOSS_DECODE)
    maps = (torch.randn(2, 5, 1, 1), torch.randn(2, 8, 3, 4))
    assert head(maps).shape == (2, 3, 3 * scale, 4 * scale)
    count = 8 * 3 + 3 if channels is None else 8 * 6 * 9 + 2 * 6 + 6 * 3 + 3
    assert sum(p.numel() for p in head.parameters()) == count
    assert head.dropout is None


@pytest.mark.parametrize('num_convs', [1, 2])
def test_stacked_conv_fusion(num_convs: int) -> None:
    neck = StackedConvFusion(6, 4, num_convs=num_convs).eval()
    assert neck.out_channels == 4
    count = 12 * 4 * 9 + 8 + (num_convs - 1) * (4 * 4 * 9 + 8)
    assert sum(p.numel() for p in neck.parameters()) == count
    rows = torch.randn(1, 6, 3, 5)
    present = torch.tensor([[True, False], [False, True]])
    out = neck({'co2': rows, 'ch4': rows}, CompactRows(present))
    dense = neck({gas: torch.cat([rows, rows]) for gas in GASES}, DenseRows(present))
    assert out.shape == (2, 4, 3, 5)
    torch.testing.assert_close(out, dense)
    assert not torch.equal(out[0], out[1])
