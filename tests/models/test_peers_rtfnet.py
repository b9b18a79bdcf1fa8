from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.models.backbones import JOINT
from fume_mm.models.layers import SingleFrameBN
from fume_mm.models.losses import FocalDiceLoss
from fume_mm.models.peers.rtfnet import RTFNetBackbone, RTFNetHead, UpStage
from fume_mm.models.rows import CompactRows, DenseRows
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import GASES
from tests.batches import batch
from tests.objective import LOSS_DECODE

register_all_modules()
CONFIG = Path(__file__).parents[2] / 'configs/peers/rtfnet.py'
PRESENT = torch.tensor([[True, True], [True, False], [False, True], [True, True]])


def count(module):
    return sum(p.numel() for p in module.parameters())


def small(**options):
    """A backbone of 8 to 64 channels, whose blocks do something from the start."""
    torch.manual_seed(0)
    encoder = {
        'type': 'mmseg.ResNet',
        'depth': 18,
        'in_channels': 1,
        'stem_channels': 8,
        'base_channels': 8,
        'zero_init_residual': False,
        'norm_eval': False,
        'norm_cfg': {'type': 'SingleFrameBN'},
    }
    backbone = RTFNetBackbone(encoder, **options)
    backbone.init_weights()
    return backbone


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return MODELS.build(load_config(str(CONFIG)).model)


def frames_of(present, size=(64, 96), seed=0):
    """All frames, and of each gas those that exist."""
    generator = torch.Generator().manual_seed(seed)
    count = len(present)
    full = {gas: torch.randn(count, 1, *size, generator=generator) for gas in GASES}
    compact = {gas: full[gas][present[:, i]] for i, gas in enumerate(GASES)}
    return full, {gas: x for gas, x in compact.items() if len(x)}


def test_cost_of_the_net_for_one_pair_of_images():
    with torch.device('meta'):
        model = MODELS.build(load_config(str(CONFIG)).model).eval()
    backbone, head = model.backbone, model.decode_head['co2']
    encoders = [count(backbone.encoders[gas]) for gas in GASES]
    decoder = count(backbone.decoder) + count(head)
    assert encoders == [11_170_240] * 2
    assert decoder == 8_646_829
    assert round(decoder / 1e6, 3) == 8.647
    assert round((sum(encoders) + decoder) / 1e6, 2) == 30.99
    frames = {gas: torch.empty(1, 1, 480, 640, device='meta') for gas in GASES}
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        head(backbone(frames, CompactRows(torch.ones(1, 2, dtype=torch.bool)))[JOINT])
    assert counter.get_total_flops() / 2e9 == pytest.approx(30.57, rel=0.01)


def test_parameters_of_the_config(model):
    assert count(model.backbone) == 30_967_040
    assert [count(model.decode_head[gas]) for gas in GASES] == [20_269] * 2
    assert model.health_head.mlp[0].in_features == 512


def steps(encoder):
    """An mmseg ResNet's parts between the five places of fusion."""
    yield lambda x: encoder.relu(encoder.norm1(encoder.conv1(x)))
    yield lambda x: encoder.layer1(encoder.maxpool(x))
    yield from (encoder.layer2, encoder.layer3, encoder.layer4)


@pytest.mark.parametrize('carrier', GASES)
def test_the_other_gas_is_added_five_times_and_stays_pure(carrier):
    backbone = small(carrier=carrier).eval()
    (other,) = (gas for gas in GASES if gas != carrier)
    present = torch.ones(2, 2, dtype=torch.bool)
    frames, _ = frames_of(present)
    with torch.no_grad():
        deep = backbone(frames, CompactRows(present))[JOINT][0]
        carried, added = frames[carrier], frames[other]
        pairs = zip(
            steps(backbone.encoders[carrier]),
            steps(backbone.encoders[other]),
            strict=True,
        )
        for run_carrier, run_other in pairs:
            added = run_other(added)
            carried = run_carrier(carried) + added
        pure = backbone.encoders[other](frames[other])[-1]
    torch.testing.assert_close(deep, carried)
    torch.testing.assert_close(added, pure)


@pytest.mark.parametrize('carrier', GASES)
def test_a_lone_gas_is_what_its_own_encoder_says(carrier):
    backbone = small(carrier=carrier).eval()
    full, compact = frames_of(PRESENT)
    with torch.no_grad():
        deep = backbone(compact, CompactRows(PRESENT))[JOINT][0]
        for row, gas in ((1, 'co2'), (2, 'ch4')):
            expected = backbone.encoders[gas](full[gas][row : row + 1])[-1]
            torch.testing.assert_close(deep[row : row + 1], expected)


@pytest.mark.parametrize('size', [(64, 96), (61, 89)])
@pytest.mark.parametrize(
    'rows', [[0, 1, 2, 3], [0, 3], [1], [2], [1, 2]], ids=lambda rows: str(len(rows))
)
def test_dense_and_compact_agree_whatever_stands_in(rows, size):
    backbone = small().eval()
    present = PRESENT[rows]
    full, compact = frames_of(present, size)
    with torch.no_grad():
        expected = backbone(compact, CompactRows(present))[JOINT]
        for i, gas in enumerate(GASES):
            full[gas][~present[:, i]] = 100.0
        found = backbone(full, DenseRows(present))[JOINT]
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('gas', GASES)
def test_a_model_of_one_gas(gas):
    backbone = small().eval()
    present = torch.tensor([[gas == name for name in GASES]] * 2)
    _, compact = frames_of(present)
    with torch.no_grad():
        expected = backbone.encoders[gas](compact[gas])[-1]
        for kind in (CompactRows, DenseRows):
            torch.testing.assert_close(
                backbone(compact, kind(present))[JOINT][0], expected
            )


@pytest.mark.parametrize('size', [(64, 96), (61, 89), (237, 315)])
def test_shapes(size):
    backbone, head = small().eval(), RTFNetHead(4, loss_decode=LOSS_DECODE).eval()
    present = torch.ones(1, 2, dtype=torch.bool)
    frames, _ = frames_of(present, size)
    with torch.no_grad():
        deep, trunk = backbone(frames, CompactRows(present))[JOINT]
        logits = head((deep, trunk))
    half = [-(-side // 2) for side in size]
    assert deep.shape == (1, 64, *(-(-side // 32) for side in size))
    assert trunk.shape == (1, 4, *half)
    assert logits.shape == (1, 3, *(2 * side for side in half))
    # as published
    assert logits.min() == 0


def test_an_up_stage_by_hand():
    torch.manual_seed(0)
    stage = UpStage(4, 2).eval()
    for norm in stage.modules():
        if isinstance(norm, SingleFrameBN):
            norm.eps = 0.0
    x = torch.randn(1, 4, 3, 5)
    with torch.no_grad():
        stage.keep[-1][-1].weight.zero_()  # block A then keeps its input
        stage.grow[-1][-1].weight.zero_()  # and block B is its shortcut
        kernel = torch.zeros(4, 2, 2, 2)
        kernel[0, 0] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        stage.shortcut[0].weight.copy_(kernel)
        out = stage(x)
    assert out.shape == (1, 2, 6, 10)
    first = x[0, 0].relu()
    assert torch.equal(out[0, 0, ::2, ::2], first)
    assert torch.equal(out[0, 0, 1::2, ::2], 3 * first)
    assert torch.equal(out[0, 0, 1::2, 1::2], 4 * first)
    assert out[0, 1].abs().max() == 0


def test_every_parameter_gets_a_gradient():
    backbone, head = small().train(), RTFNetHead(4, loss_decode=LOSS_DECODE).train()
    _, compact = frames_of(PRESENT)
    deep, trunk = backbone(compact, CompactRows(PRESENT))[JOINT]
    (head((deep, trunk)).square().mean() + deep.mean()).backward()
    for module in (backbone, head):
        assert [n for n, p in module.named_parameters() if p.grad is None] == []


def test_statistics_are_of_frames_that_exist():
    together, alone = small().train(), small().train()
    full, compact = frames_of(PRESENT)
    together(compact, CompactRows(PRESENT))
    alone.encoders['ch4'](full['ch4'][[0, 2, 3]])
    carrying = alone.encoders['co2']
    carrying.norm1(carrying.conv1(full['co2'][[0, 1, 3]]))
    # CH4 goes on pure; CO2 up to the first sum
    expected = alone.encoders['ch4'].state_dict()
    for name, value in together.encoders['ch4'].state_dict().items():
        torch.testing.assert_close(value, expected[name])
    torch.testing.assert_close(
        together.encoders['co2'].norm1.running_mean, carrying.norm1.running_mean
    )


def test_a_lone_frame_trains(model):
    model.train()
    for gas in GASES:
        data = model.data_preprocessor(batch(gas), training=True)
        total, _ = model.parse_losses(model(**data, mode='loss'))
        assert torch.isfinite(total)


def test_norm_and_loss_are_the_project_s_unless_given():
    head = RTFNetHead(loss_decode=LOSS_DECODE)
    assert type(head.loss_decode) is FocalDiceLoss
    norms = [m for m in head.modules() if isinstance(m, nn.BatchNorm2d)]
    norms += [m for m in small().modules() if isinstance(m, nn.BatchNorm2d)]
    assert {type(norm) for norm in norms} == {SingleFrameBN}


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'carrier': 'n2o'}, r"backbone\.carrier is 'n2o'; choose one of co2, ch4"),
        (
            {'encoder': {'type': 'mmseg.MixVisionTransformer', 'in_channels': 1}},
            r'backbone\.encoder is MixVisionTransformer.*mmseg\.ResNet',
        ),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    encoder = {'type': 'mmseg.ResNet', 'depth': 18, 'in_channels': 1}
    with pytest.raises(UserError, match=message):
        RTFNetBackbone(**{'encoder': encoder, **options})
