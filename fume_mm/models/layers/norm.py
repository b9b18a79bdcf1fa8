"""Batch normalisation that survives a batch with one frame of a gas."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from torch import Tensor, nn

from fume_mm.registry import MODELS


@MODELS.register_module()
class SingleFrameBN(nn.BatchNorm2d):
    """BatchNorm2d that normalises a lone value per channel with running statistics.

    Only the frames that exist are encoded, so a batch often holds exactly one frame of
    a gas; after global pooling that is one value per channel, which has no variance,
    and :class:`torch.nn.BatchNorm2d` raises. Here such a batch (and an empty one) is
    normalised with the running statistics and leaves them as they are. Every other
    batch, and evaluation, is BatchNorm2d's. Arguments are BatchNorm2d's.

    Shape: (N, C, H, W) in and out; N may be 0.
    """

    _recomputing = False

    @classmethod
    @contextmanager
    def recomputing(cls) -> Iterator[None]:
        """Leave running statistics alone: the pass repeats one that has moved them."""
        cls._recomputing = True
        try:
            yield
        finally:
            cls._recomputing = False

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``x`` (N, C, H, W)."""
        mean, var = self.running_mean, self.running_var
        lone = x.numel() <= x.shape[1] and mean is not None
        if not self.training or not (lone or self._recomputing):
            return super().forward(x)
        if mean is not None and var is not None and not lone:
            # Copies take the update: checkpointing wants as many tensors as before.
            mean, var = mean.clone(), var.clone()
        scale, shift = self.weight, self.bias
        return F.batch_norm(x, mean, var, scale, shift, not lone, eps=self.eps)


def norm_or_default(norm_cfg: dict | None) -> dict:
    """``norm_cfg``, or the project's default, :class:`SingleFrameBN`, for None."""
    # The class itself needs no registry, so the default scope does not matter.
    return {'type': SingleFrameBN} if norm_cfg is None else norm_cfg


def set_norms(module: nn.Module, norm_cfg: dict | None) -> None:
    """Put norms of ``norm_cfg``, unless None, in place of each ``SingleFrameBN``.

    New layers: to be called before weights are set.
    """
    if norm_cfg is None or norm_cfg['type'] is SingleFrameBN:
        return
    for name, child in module.named_children():
        if isinstance(child, SingleFrameBN):
            setattr(module, name, norm_layer(child.num_features, norm_cfg))
        else:
            set_norms(child, norm_cfg)


def norm_layer(channels: int, norm_cfg: dict | None = None) -> nn.Module:
    """A norm of that many channels; None is ``SingleFrameBN``."""
    return build_norm_layer(norm_or_default(norm_cfg), channels)[1]
