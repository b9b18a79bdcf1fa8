"""The Fast-SCNN segmentation head."""

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fume_mm.registry import MODELS

from ..layers import ChannelAttention, ConvNormAct, DepthwiseSeparableConv, enlarge
from .mask_head import MaskHead


@MODELS.register_module()
class FastSCNNHead(MaskHead):
    """Fast-SCNN's feature fusion and classifier (Poudel et al. 2019, arXiv:1902.04502).

    The low-level features through a depthwise-separable convolution, the high-level
    ones through a 1×1 convolution, enlarged, and a norm; their sum, ReLU; channel
    attention, which is FUME's addition; two depthwise-separable convolutions, classes.
    FUME enlarges before the 1×1 convolution, which is the same at more work.

    Args:
        in_channels: Channels of the low- and the high-level features.
        channels: Channels within the decoder.
        reduction: Of the channel attention.
        **kwargs: Of :class:`MaskHead`.

    Shape: features to logits (N, num_classes, h, w), h and w of the low-level features.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (64, 128),
        *,
        channels: int = 128,
        reduction: int = 4,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, channels, **kwargs)
        low, high = in_channels
        norm = self.norm_cfg
        self.low_conv = DepthwiseSeparableConv(low, channels, norm_cfg=norm)
        self.high_conv = ConvNormAct(high, channels, act=False, norm_cfg=norm)
        self.attention = ChannelAttention(channels, reduction=reduction)
        self.decoder = nn.Sequential(
            DepthwiseSeparableConv(channels, channels, norm_cfg=norm),
            DepthwiseSeparableConv(channels, channels, norm_cfg=norm),
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (N, num_classes, h, w) from the encoder's features."""
        low, high = self._transform_inputs(inputs)
        conv, norm = self.high_conv
        high = conv(high)
        # in training the norm's statistics are those of the enlarged map; in evaluation
        # it is an affine map, which may as well come before
        fixed = isinstance(norm, _BatchNorm) and not norm.training
        if fixed:
            high = norm(high)
        high = enlarge(high, low.shape[2:], align_corners=self.align_corners)
        if not fixed:
            high = norm(high)
        fused = self.attention(F.relu(self.low_conv(low) + high))
        return self.cls_seg(self.decoder(fused))
