"""Nets start as the original's do: the size of each parameter, and open attention."""

import math
import re
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch
from torch import nn

from fume_mm.engine.config import load_config
from fume_mm.models.layers import PositionAttention
from fume_mm.models.original import rename
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import GASES, HEALTH_CLASSES
from tests.models import golden

ROOT = Path(__file__).parents[2]
SEEDS = (0, 1, 2)
#: Root mean squares of the original's parameters at the start, seeds 0 to 2 together,
#: measured; by what its names begin with, of both gases and all that have this one.
STARTS = {
    r'_encoder\.learning_to_downsample\.conv\.conv\.': 0.190,
    r'\.(depthwise|bottleneck\d\.\d\.conv\.3)\.': 0.193,
    r'\.dsconv1\.pointwise\.': 0.103,
    r'\.dsconv2\.pointwise\.': 0.083,
    r'\.bottleneck(1\.\d|2\.0)\.conv\.0\.': 0.0721,
    r'\.bottleneck(2\.[12]|3\.0)\.conv\.0\.': 0.0590,
    r'\.bottleneck3\.[12]\.conv\.0\.': 0.0511,
    r'\.bottleneck(1\.\d|2\.0)\.conv\.6\.': 0.0294,
    r'\.bottleneck(2\.[12]|3\.0)\.conv\.6\.': 0.0241,
    r'\.bottleneck3\.[12]\.conv\.6\.': 0.0208,
    r'\.ppm\.conv\d\.': 0.0510,
    r'\.ppm\.out_conv\.conv\.': 0.0361,
    r'fusion\.(self_att_co2|self_att_ch4|cross_att)\.(query|key|value)_': 0.0510,
    r'fusion\.channel_att\.fc1\.': 0.0359,
    r'fusion\.channel_att\.fc2\.': 0.1448,
    r'fusion\.fusion_conv\.0\.': 0.0120,
    r'\.feature_fusion\.dwconv\.pointwise\.': 0.0720,
    r'\.feature_fusion\.(conv_high\.0|attention\.1)\.': 0.0510,
    r'\.feature_fusion\.attention\.3\.': 0.1015,
    r'\.classifier\.([01]\.pointwise|3)\.': 0.0511,
    r'cls_head\.[28]\.': 0.0511,
    r'cls_head\.5\.': 0.0361,
}
register_all_modules()


def started(seed: int) -> Any:
    """FUME on Fast-SCNN as a run begins with it."""
    torch.manual_seed(seed)
    model = MODELS.build(load_config(str(ROOT / 'configs/fume/fume_fastscnn.py')).model)
    model.init_weights()
    return model


@pytest.fixture(scope='module')
def models() -> list[Any]:
    return [started(seed) for seed in SEEDS]


def size_of(key: str) -> float | None:
    """Of an original parameter; None for those that start at one number."""
    sizes = {size for begin, size in STARTS.items() if re.search(begin, key)}
    assert len(sizes) <= 1, key
    return sizes.pop() if sizes else None


def test_every_parameter_starts_as_large_as_the_original_s(models: list[Any]) -> None:
    parameters = [dict(model.named_parameters()) for model in models]
    seen = set()
    for key in golden.shapes('fume_fastscnn'):
        name = re.sub(r'^(backbone\.encoder)s\.\w+', r'\1', rename(key))
        if name not in parameters[0]:
            continue  # a norm's running statistics
        seen.add(name)
        values = torch.cat([named[name].detach().flatten() for named in parameters])
        size = size_of(key)
        if size is None:  # a norm, or a gate
            one = key.endswith('weight')
            assert torch.equal(values, torch.full_like(values, one)), name
            continue
        # few values: four standard errors of a uniform distribution's
        allowed = max(0.1, 4 * math.sqrt(0.2 / len(values)))
        found = values.square().mean().sqrt().item()
        assert found == pytest.approx(size, rel=allowed), name
    assert seen == set(parameters[0])


def test_a_resnet_starts_as_the_original_s() -> None:
    cfg = load_config(str(ROOT / 'configs/fume/fume_r50_original.py'))
    torch.manual_seed(0)
    encoder = MODELS.build(cfg.model.backbone.encoder)
    encoder.init_weights()
    # torchvision's; the original's first convolution, made anew, starts at 0.0825 where
    # it does not start from weights, which it does by default
    sizes = {
        'layer1.0.conv1': 0.1768,
        'layer2.0.conv2': 0.0417,
        'layer4.2.conv3': 0.0312,
    }
    for name, size in sizes.items():
        weight = encoder.get_submodule(name).weight
        assert weight.std().item() == pytest.approx(size, rel=0.1), name
    for name, module in encoder.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.weight == 1).all() and (module.bias == 0).all(), name


def frames() -> dict[str, torch.Tensor]:
    """Simulated frames of a vessel of each class, normalised."""
    frames = {}
    for gas in GASES:
        paths = [
            ROOT / f'demo/examples/simulated_{name.lower()}_{gas}.png'
            for name in HEALTH_CLASSES
        ]
        images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
        frames[gas] = torch.stack([torch.from_numpy(x)[None] for x in images])
        frames[gas] = frames[gas] / 127.5 - 1
    return frames


@pytest.mark.parametrize('seed', SEEDS)
def test_attention_starts_open(seed: int, models: list[Any]) -> None:
    # the original's: 0.94 to 0.97 within a gas, 0.84 to 0.88 between the gases
    model = models[seed].train()
    entropies = {}
    for name, module in model.named_modules():
        if isinstance(module, PositionAttention):
            module.register_forward_pre_hook(
                lambda module, maps, name=name: entropies.update(
                    {name: module.entropy(*maps).item()}
                )
            )
    with torch.no_grad():
        model(frames() | {'present': torch.ones(3, 2, dtype=torch.bool)})
    assert len(entropies) == 3
    assert min(entropies.values()) >= 0.8, entropies
    assert max(entropies.values()) < 1
