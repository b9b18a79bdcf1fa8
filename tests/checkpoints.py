"""Models and a checkpoint that are untrained, and yet tell their inputs apart."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from fume_mm.apis import init_model
from fume_mm.structures import GASES

CONFIG = Path(__file__).parents[1] / 'configs/fume/fume_fastscnn.py'


def as_if_trained(model: Any, size: tuple[int, int]) -> Any:
    """Give the maps of a fresh model unit size, and its masks every class.

    As they are initialised, nets make their maps smaller from layer to layer, until
    frames differ by less than rounding.

    Args:
        model: Its gates, norms' statistics and last convolutions are changed.
        size: (width, height) of the noise that it is shown for that.
    """
    for module in model.modules():
        if isinstance(getattr(module, 'gamma', None), nn.Parameter):
            nn.init.constant_(module.gamma, 0.5)
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    frames = {gas: torch.randn(8, 1, *size[::-1]) for gas in model.gases}
    present = torch.tensor([[gas in model.gases for gas in GASES]] * 8)
    with torch.no_grad():
        model.train()({**frames, 'present': present})
        logits = model.eval()({**frames, 'present': present})
        for gas, head in (model.decode_head or {}).items():
            if hasattr(head, 'conv_seg'):
                # no class has the whole frame, none is out of reach
                std, mean = torch.std_mean(logits[gas], dim=(0, 2, 3))
                head.conv_seg.bias.sub_(mean).div_(std / 2)
                head.conv_seg.weight.div_(std[:, None, None, None] / 2)
    return model


def make_checkpoint(path: Path, *, simulated: bool = True) -> Path:
    """Write a checkpoint of :data:`CONFIG`, as the Runner would, and return its path.

    Its masks show more than one class.

    Args:
        path: Where to write it.
        simulated: Whether its training data are said to be simulated.
    """
    torch.manual_seed(0)
    model = as_if_trained(init_model(CONFIG), (96, 64))
    meta = {'dataset_meta': {'simulated': simulated, 'classes': ('background', 'tube')}}
    torch.save({'meta': meta, 'state_dict': model.state_dict()}, path)
    return path
