"""The encoder, and FUME's models put together by hand from their parts."""

import pytest
import torch
import torch.nn.functional as F
from mmseg.models.backbones import ResNet
from torch import nn

from fume_mm.models.backbones.fast_scnn import FastSCNNEncoder
from fume_mm.models.heads import DeepLabV3PlusHead, FastSCNNHead, HealthHead
from fume_mm.models.layers import SingleFrameBN
from fume_mm.models.necks import AttentionFusion, ConcatFusion
from fume_mm.models.original import convert_original
from fume_mm.models.rows import CompactRows
from fume_mm.registry import MODELS
from fume_mm.structures import GASES
from tests.models import golden
from tests.objective import HEALTH, MASKS


def test_shapes_of_each_stage():
    encoder = FastSCNNEncoder().eval()
    x = torch.randn(2, 1, 96, 128)
    with torch.no_grad():
        sizes = []
        for layer in (*encoder.downsample, *encoder.stages, encoder.pyramid):
            x = layer(x)
            sizes.append(tuple(x.shape[1:]))
    assert sizes == [
        (32, 48, 64),
        (48, 24, 32),
        (64, 12, 16),
        (64, 6, 8),
        (96, 3, 4),
        (128, 3, 4),
        (128, 3, 4),
    ]


@pytest.mark.parametrize(
    ('size', 'low', 'high'),
    [
        ((96, 128), (12, 16), (3, 4)),
        ((237, 315), (30, 40), (8, 10)),
        ((33, 32), (5, 4), (2, 1)),
    ],
)
def test_features_for_even_and_odd_sizes(size, low, high):
    encoder = FastSCNNEncoder().eval()
    with torch.no_grad():
        features = encoder(torch.randn(1, 1, *size))
    assert [tuple(x.shape) for x in features] == [(1, 64, *low), (1, 128, *high)]
    assert encoder.out_channels == (64, 128)


def test_every_parameter_gets_a_gradient():
    encoder = FastSCNNEncoder(3).train()
    low, high = encoder(torch.randn(2, 3, 64, 64))
    (low.square().sum() + high.square().sum()).backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_one_frame_with_one_position_trains():
    encoder = FastSCNNEncoder().train()
    _, high = encoder(torch.randn(1, 1, 32, 32))
    assert high.shape == (1, 128, 1, 1)
    high.sum().backward()
    assert encoder.downsample[0][0].weight.grad.isfinite().all()


def test_widths_norm_and_name():
    encoder = MODELS.build(
        {
            'type': 'FastSCNNEncoder',
            'downsample_channels': (4, 6, 8),
            'stage_channels': (8, 10),
            'stage_blocks': (1, 2),
            'stage_strides': (2, 1),
            'out_channels': 12,
            'norm_cfg': {'type': 'BN', 'eps': 1e-3},
        }
    )
    assert encoder.out_channels == (8, 12)
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {type(norm) for norm in norms} == {nn.BatchNorm2d}
    assert {norm.eps for norm in norms} == {1e-3}
    encoder.init_weights()
    with torch.no_grad():
        low, high = encoder.eval()(torch.randn(1, 1, 32, 32))
    assert (low.shape[1:], high.shape[1:]) == ((8, 4, 4), (12, 2, 2))
    assert all(isinstance(m, SingleFrameBN) for m in norms_of(FastSCNNEncoder()))
    with pytest.raises(TypeError, match='width'):
        FastSCNNEncoder(width=2)


def norms_of(module):
    return [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]


class Parts(nn.Module):
    """What a DualGasModel holds, under the same names, with the shortest forward."""

    def __init__(self, encoder, neck, head, health_head, shared):
        super().__init__()
        self.backbone = nn.Module()
        if shared:
            self.backbone.encoder = encoder()
        else:
            self.backbone.encoders = nn.ModuleDict({gas: encoder() for gas in GASES})
        self.neck = neck()
        self.decode_head = nn.ModuleDict({gas: head() for gas in GASES})
        self.health_head = health_head()

    def forward(self, frames):
        shared = getattr(self.backbone, 'encoder', None)
        features = {
            gas: (shared or self.backbone.encoders[gas])(x) for gas, x in frames.items()
        }
        n = len(next(iter(frames.values())))
        present = torch.tensor([[gas in frames for gas in GASES]] * n)
        deep = {gas: maps[-1] for gas, maps in features.items()}
        rows = CompactRows(present)
        fused = self.neck(deep, rows)
        masks = {
            gas: F.interpolate(
                self.decode_head[gas](maps),
                size=frames[gas].shape[2:],
                mode='bilinear',
                align_corners=False,
            )
            for gas, maps in features.items()
        }
        return masks, self.health_head(fused, masks, rows)


def fast_scnn(neck, hidden, shared=True):
    return Parts(
        FastSCNNEncoder,
        lambda: neck(128),
        lambda: FastSCNNHead(**MASKS),
        lambda: HealthHead(128, hidden_channels=hidden, **HEALTH),
        shared,
    )


def resnet(neck, shared=False):
    return Parts(
        lambda: ResNet(depth=50, in_channels=1),
        neck,
        lambda: DeepLabV3PlusHead(**MASKS),
        lambda: HealthHead(2048, **HEALTH),
        shared,
    )


# original name → (build, has a shared encoder, parameters)
MODELS_OF_THE_PAPER = {
    'fume_fastscnn': (
        lambda: fast_scnn(AttentionFusion, (256, 128)),
        True,
        1_656_236,
    ),
    'fume_fastscnn_separate': (
        lambda: fast_scnn(AttentionFusion, (256, 128), shared=False),
        False,
        2_728_124,
    ),
    'fume_fastscnn_concat': (
        lambda: fast_scnn(ConcatFusion, (256,)),
        True,
        1_278_681,
    ),
    'fume_r50': (lambda: resnet(lambda: AttentionFusion(2048)), False, 175_209_388),
    'fume_r50_concat': (
        lambda: resnet(lambda: ConcatFusion(2048, bias=True)),
        False,
        90_262_697,
    ),
}


@pytest.mark.parametrize('name', MODELS_OF_THE_PAPER)
def test_parameters_of_the_published_models(name):
    build, _, count = MODELS_OF_THE_PAPER[name]
    with torch.device('meta'):
        model = build()
    assert sum(p.numel() for p in model.parameters()) == count


def test_parameters_of_the_encoder_and_the_shared_resnet():
    with torch.device('meta'):
        assert sum(p.numel() for p in FastSCNNEncoder().parameters()) == 1_071_888
        shared = resnet(lambda: AttentionFusion(2048), shared=True)
    assert sum(p.numel() for p in shared.parameters()) == 151_707_628


@pytest.mark.parametrize('name', MODELS_OF_THE_PAPER)
def test_original_names_and_shapes_map_one_to_one(name):
    build, _, _ = MODELS_OF_THE_PAPER[name]
    shapes = golden.shapes(name)
    original = {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}
    with torch.device('meta'):
        model = build()
    converted = convert_original(original, model)
    assert {key: value.shape for key, value in converted.items()} == {
        key: value.shape for key, value in model.state_dict().items()
    }


@pytest.mark.parametrize(
    ('name', 'cases'),
    [
        ('fume_fastscnn', ('both', 'co2_only', 'ch4_only')),
        ('fume_fastscnn_separate', ('both', 'co2_only', 'ch4_only')),
        # With one gas the original fuses the encoding of a black frame instead.
        ('fume_fastscnn_concat', ('both',)),
    ],
)
def test_parity_with_the_original(name, cases):
    build, _, _ = MODELS_OF_THE_PAPER[name]
    outputs = golden.Outputs(name)
    model = build().eval()
    model.load_state_dict(golden.model_state(name, model))
    inputs = dict(zip(GASES, golden.model_inputs(), strict=True))
    for case in cases:
        gases = GASES if case == 'both' else (case[:3],)
        with torch.no_grad():
            masks, health = model({gas: inputs[gas] for gas in gases})
        outputs.hold(f'{case}.cls_logits', health)
        for gas in gases:
            outputs.hold(f'{case}.{gas}_seg_logits', masks[gas])
