"""Weights of colour images become those of gray frames; what does not fit is named."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from mmseg.models.backbones import ResNet

from fume_mm.engine.config import load_config
from fume_mm.engine.fitting import check_parts
from fume_mm.errors import UserError
from fume_mm.models.pretrained import GrayPretrained
from fume_mm.registry import MODELS, register_all_modules

register_all_modules()
CONFIG = Path(__file__).parents[2] / 'configs/fume/fume_r50_pretrained.py'


def colour_weights() -> dict[str, torch.Tensor]:
    """Of torchvision's layout: mmseg's names, three channels and a classifier."""
    torch.manual_seed(0)
    state = {
        key: torch.randn_like(x.float()) for key, x in ResNet(18).state_dict().items()
    }
    counters = [key for key in state if key.endswith('num_batches_tracked')]
    for key in counters:  # as in files of torchvision before 0.3
        del state[key]
    return state | {'fc.weight': torch.zeros(10, 512), 'fc.bias': torch.zeros(10)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(colour_weights(), tmp_path / 'resnet18.pth')
    return tmp_path / 'resnet18.pth'


def started(file: Path, **options: Any) -> ResNet:
    init = {'type': GrayPretrained, 'checkpoint': str(file), **options}
    encoder = ResNet(18, in_channels=1, init_cfg=init)
    encoder.init_weights()
    return encoder


def test_the_first_convolution_is_the_mean_of_its_colours(file: Path) -> None:
    encoder = started(file, colours='mean')
    given, state = colour_weights(), encoder.state_dict()
    mean = (
        given['conv1.weight'][:, :1]
        + given['conv1.weight'][:, 1:2]
        + given['conv1.weight'][:, 2:]
    ) / 3
    torch.testing.assert_close(state['conv1.weight'], mean)
    for key in given.keys() - {'conv1.weight', 'fc.weight', 'fc.bias'}:
        assert torch.equal(state[key], given[key]), key


def test_a_gray_frame_gives_what_it_gave_in_three_colours(file: Path) -> None:
    colour = ResNet(18)
    colour.load_state_dict(colour_weights(), strict=False)
    gray = torch.randn(2, 1, 32, 32, dtype=torch.float64)
    found = started(file).double().conv1(gray)
    expected = colour.double().conv1(gray.expand(-1, 3, -1, -1))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    with pytest.raises(UserError, match="colours is 'first'; choose 'sum' or 'mean'"):
        started(file, colours='first')


def test_a_segmentor_gives_its_encoder_by_prefix(tmp_path: Path) -> None:
    weights = colour_weights()
    segmentor = {f'backbone.{k}': x for k, x in weights.items() if k[:3] != 'fc.'}
    segmentor['decode_head.conv_seg.weight'] = torch.zeros(19, 8, 1, 1)
    file = tmp_path / 'segmentor.pth'
    torch.save({'state_dict': segmentor, 'meta': {}}, file)
    encoder = started(file, prefix='backbone.')
    key = 'layer4.1.conv2.weight'
    assert torch.equal(encoder.state_dict()[key], weights[key])
    with pytest.raises(
        UserError, match=r"names begin with backbone\., so set prefix='"
    ):
        started(file)
    with pytest.raises(
        UserError, match=r"prefix='encoder\.'; .* begin with backbone\., decode_head\."
    ):
        started(file, prefix='encoder.')


def test_plain_pretrained_does_not_leave_the_first_convolution_random(
    tmp_path: Path,
) -> None:
    weights = {f'backbone.{key}': x for key, x in colour_weights().items()}
    file = tmp_path / 'colour.pth'
    torch.save(weights, file)
    init = {'type': 'Pretrained', 'checkpoint': str(file), 'prefix': 'backbone.'}
    with pytest.raises(
        UserError,
        match=r'conv1\.weight is \(64, 3, 7, 7\), of colour images, but the model has '
        r"\(64, 1, 7, 7\) .*type='GrayPretrained', .*, prefix='backbone\.'",
    ):
        ResNet(18, in_channels=1, init_cfg=init).init_weights()
    encoder = ResNet(18, init_cfg=init)  # of colour images it is MMEngine's
    encoder.init_weights()
    assert torch.equal(encoder.conv1.weight, weights['backbone.conv1.weight'])
    del init['prefix']
    with pytest.raises(UserError, match=r"none of its weights .* prefix='backbone\.'"):
        ResNet(18, init_cfg=init).init_weights()


def test_an_encoder_whose_package_is_missing_is_one_line() -> None:
    if importlib.util.find_spec('timm') is not None:
        pytest.skip('timm is here')
    cfg = load_config(str(CONFIG.with_name('fume_fastscnn.py')))
    cfg.model.backbone.encoder = {
        'type': 'mmseg.TIMMBackbone',
        'model_name': 'resnet18',
        'in_channels': 1,
        'pretrained': False,
    }
    with pytest.raises(
        UserError,
        match=r'fume_fastscnn\.py: .* timm is not installed; pip install timm',
    ):
        check_parts(cfg)


def test_both_encoders_of_the_config_start_from_the_file(tmp_path: Path) -> None:
    torch.save(colour_weights(), tmp_path / 'weights.pth')
    cfg = load_config(str(CONFIG))
    encoder = cfg.model.backbone.encoder
    encoder.depth = 18
    encoder.init_cfg.checkpoint = str(tmp_path / 'weights.pth')
    backbone = MODELS.build(cfg.model.backbone)
    backbone.init_weights()
    given = colour_weights()['layer4.1.conv2.weight']
    for gas in ('co2', 'ch4'):
        assert torch.equal(backbone.encoders[gas].layer4[1].conv2.weight, given)


def test_another_architecture_is_refused(file: Path) -> None:
    init = GrayPretrained(str(file))
    with pytest.raises(
        UserError, match=r'resnet18\.pth: is of another architecture.*first: l'
    ):
        init(ResNet(34, in_channels=1))
    with pytest.raises(UserError, match=r'no\.pth: cannot be loaded \(.*give a file'):
        GrayPretrained(str(file.with_name('no.pth')))(ResNet(18, in_channels=1))


@pytest.mark.skipif(
    importlib.util.find_spec('torchvision') is not None, reason='torchvision is here'
)
def test_without_torchvision_the_way_out_is_named() -> None:
    with pytest.raises(
        UserError, match=r'needs torchvision.*pip install torchvision.*scratch'
    ):
        GrayPretrained('torchvision://resnet50')(ResNet(50, in_channels=1))
