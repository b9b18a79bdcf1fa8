"""Optimiser wrappers: mixed precision where there is a GPU, and one of nothing."""

from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from torch import nn

from fume_mm.errors import UserError
from fume_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module(name='AutoAmpOptimWrapper')
def auto_amp_optim_wrapper(
    optimizer: torch.optim.Optimizer,
    *,
    loss_scale: str | float = 'dynamic',
    dtype: str | None = None,
    clip_grad: dict[str, Any] | None = None,
    accumulative_counts: int = 1,
) -> OptimWrapper:
    """An ``AmpOptimWrapper`` on a GPU; on a CPU an ``OptimWrapper`` and a log line."""
    common = {'clip_grad': clip_grad, 'accumulative_counts': accumulative_counts}
    if torch.cuda.is_available():
        return AmpOptimWrapper(
            optimizer=optimizer, loss_scale=loss_scale, dtype=dtype, **common
        )
    print_log('No GPU: training in float32 instead of mixed precision.', 'current')
    return OptimWrapper(optimizer=optimizer, **common)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class NoOptimizer:
    """The optimiser wrapper of a model that has nothing to optimise, an empty one.

    MMEngine's Runner asks for one in any training.

    Args:
        optim_wrapper_cfg: What the config gives beside ``constructor``: nothing.
        paramwise_cfg: None.
    """

    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict | None = None
    ) -> None:
        # the Runner puts the type in
        if paramwise_cfg or optim_wrapper_cfg not in ({}, {'type': 'OptimWrapper'}):
            raise UserError(
                'optim_wrapper has options, but this model is fitted without an '
                "optimiser; set optim_wrapper=dict(constructor='NoOptimizer') and "
                'leave --amp out.'
            )

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        """The empty wrapper."""
        return OptimWrapperDict()
