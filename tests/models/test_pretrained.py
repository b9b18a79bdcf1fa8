"""Colour weights become gray ones, and what does not fit is named."""

import importlib.util
from pathlib import Path

import pytest
import torch
from mmseg.models.backbones import ResNet

from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.models.pretrained import GrayPretrained
from fume_mm.registry import MODELS, register_all_modules

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


def test_the_first_convolution_is_the_mean_of_its_colours(file: Path) -> None:
    encoder = ResNet(
        18, in_channels=1, init_cfg={'type': GrayPretrained, 'checkpoint': str(file)}
    )
    encoder.init_weights()
    given, state = colour_weights(), encoder.state_dict()
    mean = (
        given['conv1.weight'][:, :1]
        + given['conv1.weight'][:, 1:2]
        + given['conv1.weight'][:, 2:]
    ) / 3
    torch.testing.assert_close(state['conv1.weight'], mean)
    for key in given.keys() - {'conv1.weight', 'fc.weight', 'fc.bias'}:
        assert torch.equal(state[key], given[key]), key


def test_both_encoders_of_the_config_start_from_the_file(tmp_path: Path) -> None:
    torch.save(colour_weights(), tmp_path / 'weights.pth')
    cfg = load_config(str(CONFIG))
    encoder = cfg.model.backbone.encoder
    encoder.depth = 18
    encoder.init_cfg.checkpoint = str(tmp_path / 'weights.pth')
    register_all_modules()
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
        UserError, match=r'needs torchvision.*fume_mm\[pretrained\].*scratch'
    ):
        GrayPretrained('torchvision://resnet50')(ResNet(50, in_channels=1))
