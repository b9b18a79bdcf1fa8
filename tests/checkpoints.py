"""An untrained checkpoint whose masks show more than one class."""

from pathlib import Path

import torch

from fume_mm.apis import init_model

CONFIG = Path(__file__).parents[1] / 'configs/fume/fume_fastscnn.py'


def make_checkpoint(path: Path, *, simulated: bool = True) -> Path:
    """Write a checkpoint of :data:`CONFIG`, as the Runner would, and return its path.

    Args:
        path: Where to write it.
        simulated: Whether its training data are said to be simulated.
    """
    torch.manual_seed(0)
    model = init_model(CONFIG)
    for head in model.decode_head.values():
        # as they are initialised, one class has the whole frame
        torch.nn.init.normal_(head.conv_seg.weight)
        torch.nn.init.zeros_(head.conv_seg.bias)
    meta = {'dataset_meta': {'simulated': simulated, 'classes': ('background', 'tube')}}
    torch.save({'meta': meta, 'state_dict': model.state_dict()}, path)
    return path
