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
        if self.training and self._recomputing and x.numel() > x.shape[1]:
            # Copies take the update: checkpointing wants as many tensors as before.
            return F.batch_norm(
                x,
                None if self.running_mean is None else self.running_mean.clone(),
                None if self.running_var is None else self.running_var.clone(),
                self.weight,
                self.bias,
                training=True,
                eps=self.eps,
            )
        if not self.training or x.numel() > x.shape[1] or self.running_mean is None:
            return super().forward(x)
        return F.batch_norm(
            x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=False,
            eps=self.eps,
        )


def norm_or_default(norm_cfg: dict | None) -> dict:
    """``norm_cfg``, or the project's default, :class:`SingleFrameBN`, for None."""
    # The class itself needs no registry, so the default scope does not matter.
    return {'type': SingleFrameBN} if norm_cfg is None else norm_cfg


def norm_layer(channels: int, norm_cfg: dict | None = None) -> nn.Module:
    """A norm of that many channels; None is ``SingleFrameBN``."""
    return build_norm_layer(norm_or_default(norm_cfg), channels)[1]
