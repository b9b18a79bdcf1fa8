import pytest
import torch
from mmseg.models.decode_heads import SegformerHead

from fume_mm.errors import UserError
from fume_mm.models.backbones import JOINT
from fume_mm.models.peers import cmx
from fume_mm.models.rows import CompactRows, DenseRows
from fume_mm.registry import register_all_modules
from fume_mm.structures import GASES
from tests.objective import LOSS_DECODE

register_all_modules()
WIDTHS = (32, 64, 160, 256)
PATTERNS = ((True, True), (True, False), (False, True), (True, True))


def encoder(**options):
    return {
        'type': 'mmseg.MixVisionTransformer',
        'in_channels': 1,
        'embed_dims': 32,
        'num_layers': [2, 2, 2, 2],
        'num_heads': [1, 2, 5, 8],
        **options,
    }


def small():
    """Two stages of 8 and 16 channels, with gates and contexts that matter."""
    torch.manual_seed(0)
    config = encoder(
        embed_dims=8,
        num_stages=2,
        num_layers=[1, 1],
        num_heads=[1, 2],
        patch_sizes=[7, 3],
        strides=[4, 2],
        sr_ratios=[4, 2],
        out_indices=(0, 1),
    )
    net = cmx.CMXBackbone(config)
    for parameter in net.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    return net


def count(module):
    return sum(p.numel() for p in module.parameters())


def frames_of(present, size=(32, 48), seed=1):
    generator = torch.Generator().manual_seed(seed)
    dense = {
        gas: torch.randn(len(present), 1, *size, generator=generator) for gas in GASES
    }
    compact = {
        gas: x[present[:, i]]
        for i, (gas, x) in enumerate(dense.items())
        if present[:, i].any()
    }
    return dense, compact


def test_parameters_of_the_parts_and_of_the_single_net():
    net = cmx.CMXBackbone(encoder())
    assert count(net.encoders['co2']) == count(net.encoders['ch4']) == 3_316_256
    assert count(net.rectify) == 2_507_272
    assert count(net.fuse) == 1_649_664
    head = SegformerHead(
        in_channels=list(WIDTHS),
        in_index=[0, 1, 2, 3],
        channels=512,
        num_classes=3,
        norm_cfg={'type': 'SingleFrameBN'},
        loss_decode=LOSS_DECODE,
    )
    assert count(head) == 1_317_379
    assert round((count(net) + count(head)) / 1e6, 2) == 12.11


@pytest.mark.parametrize('size', [(64, 96), (79, 107)])
def test_a_map_of_the_samples_at_every_stage(size):
    net = cmx.CMXBackbone(encoder()).eval()
    present = torch.tensor([[True, True], [False, True]])
    _, frames = frames_of(present, size)
    with torch.no_grad():
        stages = net(frames, CompactRows(present))[JOINT]
    expected, sides = [], size
    for i, width in enumerate(WIDTHS):
        sides = [-(-side // (2 if i else 4)) for side in sides]
        expected.append((2, width, *sides))
    assert [tuple(stage.shape) for stage in stages] == expected


def test_rectification_by_hand():
    module = cmx.FeatureRectification(2)
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    a, b = torch.randn(3, 2, 4, 5), torch.randn(3, 2, 4, 5)
    # all gates are sigmoid(0) = 1/2: half of (1/2 + 1/2) of the other stream
    found_a, found_b = module(a, b)
    torch.testing.assert_close(found_a, a + b / 2)
    torch.testing.assert_close(found_b, b + a / 2)
    # the first gate of each kind is a's: open, it lets all of a into b
    with torch.no_grad():
        module.channel_gates[2].bias.copy_(torch.tensor([99.0, 99.0, -99.0, -99.0]))
        module.spatial_gates[2].bias.copy_(torch.tensor([99.0, -99.0]))
    found_a, found_b = module(a, b)
    torch.testing.assert_close(found_a, a)
    torch.testing.assert_close(found_b, b + a)


def test_rectification_sees_mean_and_maximum_of_both_maps():
    module = cmx.FeatureRectification(1)
    seen = []
    module.channel_gates.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    a = torch.tensor([[[[1.0, 3.0]]]])
    b = torch.tensor([[[[-4.0, 0.0]]]])
    module(a, b)
    assert seen[0].tolist() == [[2.0, -2.0, 3.0, 0.0]]


def test_attention_against_a_loop_over_heads():
    torch.manual_seed(0)
    fusion = cmx.FeatureFusion(6, heads=2).double()
    a, b = (torch.randn(2, 3, 4, 6, dtype=torch.float64) for _ in range(2))
    found, _ = fusion._attend(a, b)
    weight = fusion.paths['ch4'].key_value.weight
    for n in range(2):
        tokens, asking = b[n].reshape(12, 6), a[n].reshape(12, 6)
        keys, values = tokens @ weight[:6].T, tokens @ weight[6:].T
        heads = []
        for part in (slice(0, 3), slice(3, 6)):
            context = (keys[:, part].T @ values[:, part] / 3**0.5).softmax(dim=0)
            heads.append(asking[:, part] @ context)
        expected = torch.cat(heads, dim=1).reshape(3, 4, 6)
        torch.testing.assert_close(found[n], expected, rtol=1e-5, atol=1e-6)


def test_sums_over_all_positions_do_not_overflow_in_half_precision():
    path = cmx._CrossPath(8, heads=2)
    asking = torch.full((1, 60, 80, 8), 6.0)
    torch.nn.init.constant_(path.key_value.weight, 0.5)
    with torch.autocast('cpu', dtype=torch.float16):
        context = path.context(asking)
    # keys and values are 24; their products sum to 24² · 4800 / 2, far beyond 65504
    torch.testing.assert_close(context, torch.full((1, 2, 4, 4), 0.25))


def test_a_sample_with_one_gas_is_encoded_by_its_own_stream_alone():
    net = small().eval()
    present = torch.tensor(PATTERNS)
    _, frames = frames_of(present)
    given = []
    for fuse in net.fuse:
        fuse.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    with torch.no_grad():
        net(frames, CompactRows(present))
        for gas in GASES:
            plain = net.encoders[gas](frames[gas])
            for found, expected in zip(given, plain, strict=True):
                # row 1 of the gas's three is the sample that has no other
                torch.testing.assert_close(found[gas][1], expected[1])
                for row in (0, 2):
                    assert (found[gas][row] - expected[row]).abs().max() > 0.01


def test_fusion_of_one_gas_has_zeros_for_the_other():
    torch.manual_seed(0)
    fusion = cmx.FeatureFusion(4, heads=1).eval()
    present = torch.tensor([[False, True]])
    x = torch.randn(1, 4, 5, 6)
    found = fusion({'ch4': x}, CompactRows(present))
    path = fusion.paths['ch4']
    tokens = x.permute(0, 2, 3, 1)
    kept = path.split(tokens).relu()[..., :4]
    own = path.norm(tokens + path.merge(torch.cat([kept, 0 * kept], dim=-1)))
    own = own.permute(0, 3, 1, 2)
    joined = torch.cat([0 * own, own], dim=1)
    expected = fusion.norm(fusion.residual(joined) + fusion.embed(joined))
    torch.testing.assert_close(found, expected)


def test_rectified_maps_go_on_to_the_next_stage():
    net = small().eval()
    present = torch.tensor([[True, True]])
    _, frames = frames_of(present)
    frames = {gas: x.requires_grad_() for gas, x in frames.items()}
    given = []
    net.encoders['co2'].layers[1][0].register_forward_pre_hook(
        lambda _, args: given.append(args[0])
    )
    net(frames, CompactRows(present))
    (gradient,) = torch.autograd.grad(given[0].square().sum(), frames['ch4'])
    assert gradient.abs().max() > 0


def test_samples_do_not_depend_on_their_neighbours():
    net = small().eval()
    present = torch.tensor(PATTERNS)
    dense, frames = frames_of(present)
    with torch.no_grad():
        together = net(frames, CompactRows(present))[JOINT]
        for n, own in enumerate(present):
            alone = {
                gas: x[n : n + 1]
                for (gas, x), here in zip(dense.items(), own, strict=True)
                if here
            }
            for found, expected in zip(
                net(alone, CompactRows(own[None]))[JOINT], together, strict=True
            ):
                torch.testing.assert_close(found[0], expected[n], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    'patterns', [PATTERNS, ((True, True),), ((False, True),), ((True, False),) * 2]
)
def test_dense_says_the_same(patterns):
    net = small().eval()
    present = torch.tensor(patterns)
    dense, frames = frames_of(present)
    with torch.no_grad():
        expected = net(frames, CompactRows(present))[JOINT]
        found = net(dense, DenseRows(present))[JOINT]
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_every_parameter_gets_a_gradient():
    net = small().train()
    present = torch.tensor(PATTERNS)
    _, frames = frames_of(present)
    sum(
        stage.square().mean() for stage in net(frames, CompactRows(present))[JOINT]
    ).backward()
    assert [n for n, p in net.named_parameters() if p.grad is None] == []


def test_half_precision_keeps_compact_and_dense_together():
    net = small().eval()
    present = torch.tensor(PATTERNS)
    dense, frames = frames_of(present)
    with torch.no_grad(), torch.autocast('cpu', dtype=torch.bfloat16):
        expected = net(frames, CompactRows(present))[JOINT][-1].float()
        found = net(dense, DenseRows(present))[JOINT][-1].float()
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


def test_errors():
    present = torch.tensor([[True, True]])
    frames = {'co2': torch.randn(1, 1, 32, 48), 'ch4': torch.randn(1, 1, 32, 32)}
    with pytest.raises(UserError, match='differ in size'):
        small()(frames, CompactRows(present))
    with pytest.raises(UserError, match='MSCAN, whose stages CMX cannot run'):
        cmx.CMXBackbone({'type': 'mmseg.MSCAN', 'norm_cfg': {'type': 'BN'}})
