"""What a model costs: parameters and multiply-accumulates, counted one way for all.

The counter is ``torch.utils.flop_counter.FlopCounterMode`` and a MAC is two of its
FLOPs: convolutions, matrix products and attention, whoever calls them. Norms,
activations, pooling and enlargement are not counted. (FUME's table 1 was made with
``thop``, which counts norms and misses bare matrix products: peers differ by up to 1.8
times for it.)
"""

from dataclasses import dataclass

import torch
from mmengine.config import Config
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fume_mm.registry import register_all_modules
from fume_mm.structures import GASES

from .fitting import PARTS, shape_model

COUNTER = f'torch.utils.flop_counter (torch {torch.__version__.split("+")[0]}), FLOPs/2'


@dataclass(frozen=True)
class Complexity:
    """A model's cost.

    Attributes:
        parameters: All that inference has; what only training has is left out.
        training_parameters: Auxiliary heads, learnt task weights.
        macs: Of one sample.
        by_part: (parameters, MACs) of each part that the model has.
        gases: The gases of that sample.
        size: (height, width) of its frames.
        counter: What counted.
    """

    parameters: int
    training_parameters: int
    macs: int
    by_part: dict[str, tuple[int, int]]
    gases: tuple[str, ...]
    size: tuple[int, int]
    counter: str = COUNTER


def complexity(
    cfg: Config,
    *,
    size: tuple[int, int] = (480, 640),
    gases: tuple[str, ...] = GASES,
) -> Complexity:
    """Count the model of ``cfg`` for one sample, without computing anything.

    Args:
        cfg: A whole config.
        size: (height, width) of the frames.
        gases: The gases of the sample.

    Returns:
        The counts. A model that is no network (the random forest) has none: zeros.

    Raises:
        UserError: If the model cannot be built.
    """
    register_all_modules()
    # shapes without numbers: a second where computing takes ten
    model = shape_model(cfg).eval()
    gases = tuple(gas for gas in getattr(model, 'gases', ()) if gas in gases)
    if not gases:
        return Complexity(0, 0, 0, {}, gases, size)
    inputs = {gas: torch.empty(1, 1, *size, device='meta') for gas in gases}
    inputs['present'] = torch.tensor([[gas in gases for gas in GASES]])
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(inputs)
    counts = {
        name: sum(ops.values()) // 2 for name, ops in counter.get_flop_counts().items()
    }
    root = type(model).__name__
    parts = {name: x for name in PARTS if (x := getattr(model, name, None)) is not None}
    extra = _parameters(parts.pop('auxiliary_head', nn.Identity()))
    extra += _parameters(getattr(model, 'task_weights', None) or nn.Identity())
    return Complexity(
        parameters=_parameters(model) - extra,
        training_parameters=extra,
        macs=counts['Global'],
        by_part={
            name: (_parameters(part), _macs_of(f'{root}.{name}', counts))
            for name, part in parts.items()
        },
        gases=gases,
        size=size,
    )


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _macs_of(prefix: str, counts: dict[str, int]) -> int:
    """MACs of a part; a container that is never called has its members'."""
    start, depth = f'{prefix}.', prefix.count('.') + 1
    members = [x for x in counts if x.startswith(start) and x.count('.') == depth]
    return counts.get(prefix) or sum(counts[name] for name in members)
