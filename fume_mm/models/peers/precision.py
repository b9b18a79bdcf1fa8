"""Products that mixed precision must leave alone."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def full_precision(x: Tensor) -> AbstractContextManager:
    """A context in which operations on float32 tensors like ``x`` stay in float32."""
    kind = x.device.type
    if not torch.amp.is_autocast_available(kind):  # shapes without numbers ('meta')
        return nullcontext()
    return torch.autocast(kind, enabled=False)
