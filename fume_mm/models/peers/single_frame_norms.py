"""Batch normalisation of mmsegmentation's encoders, for batches with a lone frame."""

from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn

from fume_mm.registry import MODELS

from ..layers import SingleFrameBN


def use_single_frame_norms(module: nn.Module) -> None:
    """Put a ``SingleFrameBN`` in place of each ``BatchNorm2d`` within ``module``.

    New layers: to be called before weights are set.
    """
    for name, child in module.named_children():
        if type(child) is nn.BatchNorm2d:
            settings = child.momentum, child.affine, child.track_running_stats
            norm = SingleFrameBN(child.num_features, child.eps, *settings)
            setattr(module, name, norm)
        else:
            use_single_frame_norms(child)


@MODELS.register_module()
class SingleFrameNorms(BaseModule):
    """An encoder whose batch normalisation survives a lone frame.

    Some of mmsegmentation's encoders build plain ``BatchNorm2d`` whatever ``norm_cfg``
    says and normalise a global mean with it; a training batch that holds one frame then
    raises. Here they get the project's norm.

    Args:
        encoder: Config of the encoder.
    """

    def __init__(self, encoder: dict[str, Any]) -> None:
        super().__init__()
        self.encoder = MODELS.build(encoder)
        use_single_frame_norms(self.encoder)

    def forward(self, x: Tensor) -> Any:
        """What the encoder gives for frames ``x`` (N, C, H, W)."""
        return self.encoder(x)
