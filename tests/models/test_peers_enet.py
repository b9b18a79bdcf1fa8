from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fume_mm.engine.config import load_config
from fume_mm.models.layers import SingleFrameBN
from fume_mm.models.losses import FocalDiceLoss
from fume_mm.models.peers.enet import (
    Bottleneck,
    DownBottleneck,
    ENetEncoder,
    ENetHead,
    UpBottleneck,
    max_pool,
    max_unpool,
)
from fume_mm.models.rows import CompactRows, DenseRows
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import GASES
from tests.batches import batch
from tests.objective import LOSS_DECODE

register_all_modules()
CONFIG = Path(__file__).parents[2] / 'configs/peers/enet.py'


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.fixture(scope='module')
def net():
    torch.manual_seed(0)
    return ENetEncoder(), ENetHead(loss_decode=LOSS_DECODE)


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return MODELS.build(load_config(str(CONFIG)).model)


def test_cost_of_the_net_for_one_colour_image():
    with torch.device('meta'):
        encoder, head = ENetEncoder(3).eval(), ENetHead(loss_decode=LOSS_DECODE).eval()
    assert count(encoder) + count(head) == 349_337
    assert round((count(encoder) + count(head)) / 1e6, 3) == 0.349
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        head(encoder(torch.empty(1, 3, 480, 640, device='meta')))
    assert counter.get_total_flops() / 2e9 == pytest.approx(2.19, rel=0.01)


def test_parameters_of_the_config(model):
    # one channel: 13 kernels of 3 channels become 15 of one
    assert count(model.backbone) == 317_006
    assert count(ENetEncoder(3)) - count(model.backbone) == 9 * (13 * 3 - 15)
    assert [count(model.decode_head[gas]) for gas in GASES] == [32_115] * 2
    assert model.health_head.mlp[0].in_features == 2 * 128


def kinds_of_values(kind, shape):
    x = torch.randn(shape, dtype=torch.float64)
    if kind == 'ties':
        return x.round()
    return torch.zeros_like(x) if kind == 'equal' else x


@pytest.mark.parametrize('kind', ['distinct', 'ties', 'equal'])
def test_pooling_and_unpooling_are_torch_s(kind):
    torch.manual_seed(0)
    ours = kinds_of_values(kind, (2, 3, 10, 14)).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    values, places = max_pool(ours)
    expected, indices = F.max_pool2d(theirs, 2, return_indices=True)
    assert torch.equal(values, expected)
    # torch counts in the whole map, row by row
    rows = 2 * torch.arange(5)[:, None] + places // 2
    columns = 2 * torch.arange(7) + places % 2
    assert torch.equal(14 * rows + columns, indices)
    unpooled = max_unpool(values * 3, places)
    reference = nn.MaxUnpool2d(2)(expected * 3, indices)
    assert torch.equal(unpooled, reference)
    weights = torch.randn_like(ours)
    (unpooled * weights).sum().backward()
    (reference * weights).sum().backward()
    assert torch.equal(ours.grad, theirs.grad)


def test_unpooling_by_hand():
    x = torch.tensor([[1.0, 5.0, 0.0, 2.0], [3.0, 4.0, 2.0, 1.0]])[None, None]
    values, places = max_pool(x)
    assert values.flatten().tolist() == [5, 2]
    assert places.flatten().tolist() == [1, 1]  # of the two 2s the first
    back = max_unpool(torch.tensor([7.0, -8.0]).reshape(1, 1, 1, 2), places)
    assert back[0, 0].tolist() == [[0, 7, 0, -8], [0, 0, 0, 0]]


def test_unpooling_can_be_exported():
    class Both(nn.Module):
        def forward(self, x):
            values, places = max_pool(x)
            return max_unpool(values, places)

    x = torch.randn(1, 3, 8, 12)
    program = torch.export.export(Both(), (x,))
    names = {str(node.target) for node in program.graph.nodes}
    assert not any('unpool' in name or 'with_indices' in name for name in names)
    assert torch.equal(program.module()(x), Both()(x))


@pytest.mark.parametrize('size', [(64, 96), (61, 89), (237, 315), (9, 8)])
def test_shapes_of_every_stage_and_of_the_masks(net, size):
    encoder, head = (module.eval() for module in net)
    with torch.no_grad():
        maps = encoder(torch.randn(2, 1, *size))
        logits = head(maps)
    quarter = [2 * -(-side // 8) for side in size]
    eighth = [-(-side // 8) for side in size]
    assert [tuple(x.shape) for x in maps] == [
        (2, 1, *size),
        (2, 16, *quarter),
        (2, 64, *eighth),
        (2, 128, *eighth),
    ]
    assert logits.shape == (2, 3, *size)


def test_a_frame_that_8_does_not_divide_is_continued_and_cut(net):
    encoder, head = (module.eval() for module in net)
    x = torch.randn(1, 1, 61, 90)
    with torch.no_grad():
        whole = head(encoder(F.pad(x, (0, 6, 0, 3), mode='replicate')))
        cut = head(encoder(x))
    torch.testing.assert_close(cut, whole[..., :61, :90])


def test_stages_two_and_three_are_table_1_s():
    encoder = ENetEncoder()
    for stage in (encoder.stage2, encoder.stage3):
        convs = [
            [layer for layer in unit.branch if isinstance(layer, nn.Conv2d)][1:-1]
            for unit in stage
        ]
        assert [c[0].dilation[0] for c in convs] == [1, 2, 1, 4, 1, 8, 1, 16]
        kernels = [[conv.kernel_size for conv in c] for c in convs]
        assert kernels[2] == kernels[6] == [(5, 1), (1, 5)]
        assert all(kernels[i] == [(3, 3)] for i in (0, 1, 3, 4, 5, 7))
    dropouts = [m.p for m in encoder.modules() if isinstance(m, nn.Dropout2d)]
    assert dropouts == [0.01] * 5 + [0.1] * 17


def test_prelu_in_the_encoder_relu_in_the_decoder():
    def activations(module):
        return {type(m) for m in module.modules() if isinstance(m, (nn.PReLU, nn.ReLU))}

    assert activations(ENetEncoder()) == {nn.PReLU}
    assert activations(ENetHead(loss_decode=LOSS_DECODE)) == {nn.ReLU}


def test_skips_by_hand():
    torch.manual_seed(0)
    x = torch.rand(1, 8, 4, 6)
    regular, down = Bottleneck(8).eval(), DownBottleneck(8, 12).eval()
    up = UpBottleneck(8, 4).eval()
    with torch.no_grad():
        for unit in (regular, down, up):
            unit.branch[-2].weight.zero_()  # the norm at the end of the branch
        assert torch.equal(regular(x), x)
        pooled, places = down(x)
        assert torch.equal(pooled[:, :8], F.max_pool2d(x, 2))
        assert pooled[:, 8:].abs().max() == 0
        narrow = x[:, :4]
        up.skip[0].weight.copy_(torch.eye(4, 8)[:, :, None, None])
        up.skip[1].eps = 0.0
        _, places = max_pool(torch.rand(1, 4, 8, 12))
        assert torch.equal(up(x, places), max_unpool(narrow, places))
    assert places.shape == (1, 4, 4, 6)


def test_every_parameter_gets_a_gradient(net):
    encoder, head = (module.train() for module in net)
    head(encoder(torch.randn(2, 1, 64, 96))).square().mean().backward()
    for module in net:
        assert [n for n, p in module.named_parameters() if p.grad is None] == []
        module.zero_grad(set_to_none=True)


def test_norm_and_loss_are_the_project_s_unless_given(net):
    assert type(net[1].loss_decode) is FocalDiceLoss
    for module in net:
        norms = {type(m) for m in module.modules() if isinstance(m, nn.BatchNorm2d)}
        assert norms == {SingleFrameBN}
    encoder = ENetEncoder(norm_cfg={'type': 'GN', 'num_groups': 1})
    assert not any(isinstance(m, nn.BatchNorm2d) for m in encoder.modules())


def test_a_gas_is_unpooled_where_its_own_maxima_were(model):
    model.eval()
    frames = {gas: torch.randn(2, 1, 64, 96) for gas in GASES}
    present = torch.tensor([[True, True], [False, True]])
    compact = {'co2': frames['co2'][:1], 'ch4': frames['ch4']}
    with torch.no_grad():
        maps = model.backbone(compact, CompactRows(present))
        for gas, x in compact.items():
            alone = model.backbone.encoder(x)
            for found, expected in zip(maps[gas], alone, strict=True):
                torch.testing.assert_close(found, expected)
            assert not maps[gas][1].is_floating_point()
    assert not torch.equal(maps['co2'][1], maps['ch4'][1][:1])


def test_a_lone_frame_trains(model):
    model.train()
    data = model.data_preprocessor(batch('ch4'), training=True)
    total, _ = model.parse_losses(model(**data, mode='loss'))
    total.backward()
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
