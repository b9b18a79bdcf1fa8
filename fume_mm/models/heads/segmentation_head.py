"""The simple segmentation head of FUME's founding document."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fume_mm.registry import MODELS

from ..layers import ConvNormAct
from .mask_head import MaskHead


@MODELS.register_module()
class SegmentationHead(MaskHead):
    """3×3 convolution, norm, ReLU, dropout, 1×1 convolution: for any encoder.

    It reads one map of the encoder, the deepest unless ``in_index`` says otherwise.

    Args:
        in_channels: Channels of the map.
        channels: Channels between the two convolutions.
        **kwargs: Of :class:`MaskHead`.

    Shape: features to logits (N, num_classes, h, w), h and w of the map.
    """

    def __init__(self, in_channels: int, *, channels: int, **kwargs: Any) -> None:
        super().__init__(in_channels, channels, **kwargs)
        self.conv = ConvNormAct(in_channels, channels, 3, norm_cfg=self.norm_cfg)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (N, num_classes, h, w) from the encoder's features."""
        return self.cls_seg(self.conv(self._transform_inputs(inputs)))
