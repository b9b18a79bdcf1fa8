import re
from pathlib import Path

import pytest
import torch
from torch import nn

from fume_mm.models.necks import (
    AddFusion,
    AttentionFusion,
    ConcatFusion,
    FusionNeck,
)
from fume_mm.models.rows import CompactRows, DenseRows
from fume_mm.registry import MODELS
from fume_mm.structures import GASES
from tests.models import golden

BOTH, CO2, CH4 = (True, True), (True, False), (False, True)
BATCHES = {
    'all both': [BOTH, BOTH],
    'mixed': [CO2, BOTH, CH4, BOTH],
    'one both': [CO2, BOTH, CO2],
    'one ch4, none both': [CO2, CH4, CO2],
    'one of each': [CO2, CH4],
    'co2 only': [CO2, CO2],
    'ch4 only': [CH4, CH4],
    'one sample': [BOTH],
    'one frame': [CH4],
}
VARIANTS = {
    'attention': lambda: AttentionFusion(16),
    'scaled': lambda: AttentionFusion(16, scaled=True),
    'projected': lambda: AttentionFusion(16, 8),
    'self only': lambda: AttentionFusion(16, cross_attention=False),
    'cross only': lambda: AttentionFusion(16, self_attention=False),
    'conv only': lambda: AttentionFusion(
        16, self_attention=False, cross_attention=False, channel_attention=False
    ),
    'concat': lambda: ConcatFusion(16),
    'concat narrow': lambda: ConcatFusion(16, 8, bias=True),
    'add': lambda: AddFusion(16),
}


def compact(present, channels=16, size=(3, 4), seed=0, requires_grad=False):
    """Features of the frames that exist, and ``present`` as a tensor."""
    present = torch.tensor(present)
    generator = torch.Generator().manual_seed(seed)
    features = {}
    for index, gas in enumerate(GASES):
        shape = (len(present), channels, *size)
        rows = torch.randn(shape, generator=generator)[present[:, index]]
        if len(rows):
            features[gas] = rows.requires_grad_(requires_grad)
    return features, present


def open_gates(neck):
    torch.manual_seed(0)
    for name, parameter in neck.named_parameters():
        if name.endswith('gamma'):
            nn.init.constant_(parameter, 0.5)
        elif name.endswith('bias'):
            nn.init.normal_(parameter)
    return neck


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS.keys())
def neck(request):
    return open_gates(request.param())


@pytest.fixture(params=BATCHES.values(), ids=BATCHES.keys())
def batch(request):
    return request.param


def test_add_by_hand():
    present = torch.tensor([BOTH, CO2, CH4])
    features = {
        'co2': torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1),
        'ch4': torch.tensor([10.0, 30.0]).reshape(2, 1, 1, 1),
    }
    assert AddFusion(1)(features, CompactRows(present)).flatten().tolist() == [
        11.0,
        2.0,
        30.0,
    ]


def test_shape_and_gradients_of_every_batch(neck, batch):
    features, present = compact(batch, size=(3, 5), requires_grad=True)
    out = neck.train()(features, CompactRows(present))
    assert out.shape == (len(batch), neck.out_channels, 3, 5)
    out.square().sum().backward()
    assert all(x.grad.abs().sum() > 0 for x in features.values())
    used = ['fuse', 'channel_attention']
    used += [
        f'{part}.{gas}' for part in ('project', 'self_attention') for gas in features
    ]
    if BOTH in batch:
        used.append('cross_attention')
    for name, parameter in neck.named_parameters():
        if name.startswith(tuple(used)):
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_one_pixel_of_one_frame_trains(neck):
    features, present = compact([CO2], size=(1, 1), requires_grad=True)
    neck.train()(features, CompactRows(present)).sum().backward()
    assert features['co2'].grad.isfinite().all()


def dense_of(features, present):
    """A row per sample, what is not there NaN."""
    dense = CompactRows(present).spread(features)
    for index, gas in enumerate(GASES):
        dense[gas] = dense[gas].clone()
        dense[gas][~present[:, index]] = float('nan')
    return dense


def assert_dense_equals_compact(neck, features, present):
    with torch.no_grad():
        out = neck(dense_of(features, present), DenseRows(present))
        expected = neck(features, CompactRows(present))
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-5)


def test_dense_equals_compact(neck, batch):
    assert_dense_equals_compact(neck.eval(), *compact(batch))


def test_dense_needs_no_control_flow_on_data(neck):
    neck.eval()
    features, present = compact([CO2, BOTH, CH4])
    dense = CompactRows(present).spread(features)

    class Dense(nn.Module):
        def __init__(self):
            super().__init__()
            self.neck = neck

        def forward(self, co2, ch4, present):
            return self.neck({'co2': co2, 'ch4': ch4}, DenseRows(present))

    traced = torch.export.export(Dense(), (*dense.values(), present)).module()
    torch.testing.assert_close(
        traced(*dense.values(), present),
        neck(features, CompactRows(present)),
        atol=1e-5,
        rtol=1e-5,
    )
    swapped = present.flip(0)
    torch.testing.assert_close(
        traced(*dense.values(), swapped),
        neck(dense, DenseRows(swapped)),
        atol=1e-5,
        rtol=1e-5,
    )


def test_a_sample_does_not_depend_on_its_neighbours(neck):
    neck.eval()
    results = []
    for other in (BOTH, CO2, CH4):
        features, present = compact([CO2, other])
        with torch.no_grad():
            results.append(neck(features, CompactRows(present))[0])
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_cross_attention_joins_the_gases_of_one_sample():
    neck = open_gates(AttentionFusion(16, self_attention=False)).eval()
    features, present = compact([CO2, BOTH, CH4, BOTH])
    streams = neck.spread(features, CompactRows(present))
    with torch.no_grad():
        for sample, co2, ch4 in ((1, 1, 0), (3, 2, 2)):
            a, b = neck.cross_attention(
                features['co2'][co2 : co2 + 1], features['ch4'][ch4 : ch4 + 1]
            )
            torch.testing.assert_close(streams['co2'][sample], a[0])
            torch.testing.assert_close(streams['ch4'][sample], b[0])
    assert torch.equal(streams['co2'][0], features['co2'][0])
    assert torch.equal(streams['ch4'][2], features['ch4'][1])


def test_absent_gas_is_what_self_attention_makes_of_zeros():
    neck = open_gates(AttentionFusion(16)).eval()
    features, present = compact([CO2, BOTH])
    stream = neck.spread(features, CompactRows(present))['ch4']
    expected = neck.self_attention['ch4'](torch.zeros(1, 16, 3, 4))[0]
    torch.testing.assert_close(stream[0], expected)


def test_half_precision():
    features, present = compact([CO2, BOTH, CH4])
    for name, build in VARIANTS.items():
        with torch.autocast('cpu', dtype=torch.bfloat16):
            half = {gas: x.bfloat16() for gas, x in features.items()}
            out = open_gates(build()).train()(half, CompactRows(present))
        assert out.isfinite().all(), name


@pytest.mark.parametrize(
    ('build', 'count'),
    [
        (
            lambda: AttentionFusion(128),
            # self-attention: query, key (16), value, gate; a gas each
            2 * (2 * 129 * 16 + 129 * 128 + 1)
            # cross-modal attention: query, key (64), value, gate
            + (2 * 129 * 64 + 129 * 128 + 1)
            # channel attention 256-16-256; 3×3 convolution with bias; norm
            + (257 * 16 + 17 * 256)
            + (9 * 256 + 1) * 128
            + 2 * 128,
        ),
        (lambda: ConcatFusion(128), 256 * 128 + 2 * 128),
        (lambda: ConcatFusion(128, 64, bias=True), 257 * 64 + 2 * 64),
        (lambda: AddFusion(128), 0),
    ],
)
def test_parameter_counts(build, count):
    assert sum(p.numel() for p in build().parameters()) == count


def test_out_channels():
    channels = {name: build().out_channels for name, build in VARIANTS.items()}
    narrow = {name for name, value in channels.items() if value == 8}
    assert narrow == {'projected', 'concat narrow'}
    assert set(channels.values()) == {8, 16}


def test_names_and_unknown_options():
    for name in ('AttentionFusion', 'ConcatFusion', 'AddFusion'):
        neck = MODELS.build({'type': name, 'in_channels': 16})
        assert isinstance(neck, FusionNeck)
        neck.init_weights()
        with pytest.raises(TypeError, match='heads'):
            MODELS.build({'type': name, 'in_channels': 16, 'heads': 4})


def test_initialisation_leaves_the_gates_closed():
    neck = AttentionFusion(16)
    neck.init_weights()
    gates = [p.item() for name, p in neck.named_parameters() if name.endswith('gamma')]
    assert gates == [0.0, 0.0, 0.0]


@pytest.fixture(scope='module')
def documented():
    """The fusion that docs/add_a_model.md shows."""
    text = (Path(__file__).parents[2] / 'docs/add_a_model.md').read_text()
    (code,) = re.findall(r'```python title="[^"]+\.py"\n(.*?)```', text, re.DOTALL)
    names = {}
    exec(code, names)  # the code of our own document
    yield MODELS.get('GatedMaximum')
    MODELS.module_dict.pop('GatedMaximum')


def test_a_new_fusion_is_one_method(documented, batch):
    torch.manual_seed(0)
    neck = documented(16).eval()
    features, present = compact(batch)
    assert_dense_equals_compact(neck, features, present)
    out = neck(features, CompactRows(present))
    assert out.shape == (len(batch), 16, 3, 4)
    if batch[0] == CO2:  # all that is known of CH4 is that it is missing
        alone = {'co2': features['co2'][:1]}
        expected = neck(alone, CompactRows(present[:1]))
        torch.testing.assert_close(out[:1], expected)


def test_parity_with_the_original():
    outputs = golden.Outputs('blocks')
    neck = AttentionFusion(64).eval()
    block = 'dual_stream_fusion'
    neck.load_state_dict(golden.block_state(block, 'fusion'))
    inputs = golden.block_inputs()
    a, b = inputs['a'], inputs['b']
    with torch.no_grad():
        both = neck({'co2': a, 'ch4': b}, CompactRows(torch.tensor([BOTH, BOTH])))
        single = neck({'co2': a}, CompactRows(torch.tensor([CO2, CO2])))
        mixed = neck({'co2': a, 'ch4': b[1:]}, CompactRows(torch.tensor([CO2, BOTH])))
    outputs.hold(f'out.{block}.both', both)
    outputs.hold(f'out.{block}.co2_only', single)
    outputs.hold(f'out.{block}.co2_only', torch.stack([mixed[0], single[1]]))
    outputs.hold(f'out.{block}.both', torch.stack([both[0], mixed[1]]))
