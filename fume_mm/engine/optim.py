"""Mixed precision where there is a GPU, full precision where there is none."""

from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper

from fume_mm.registry import OPTIM_WRAPPERS


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
