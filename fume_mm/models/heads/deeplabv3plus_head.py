"""The DeepLabV3+ segmentation head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fume_mm.registry import MODELS

from ..layers import ConvNormAct, enlarge
from .mask_head import MaskHead


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling (Chen et al. 2018, arXiv:1802.02611, section 3.1).

    A 1×1 convolution, 3×3 convolutions of dilation 6, 12 and 18 and the frame's mean,
    each with norm and ReLU, joined and brought to ``channels``.

    Args:
        in_channels: Channels of the input.
        channels: Channels of each branch and of the output.
        dropout_ratio: Dropout of whole channels of the output.
        norm_cfg: Norm layer.

    Shape: (N, in_channels, H, W) to (N, channels, H, W).
    """

    def __init__(
        self, in_channels: int, channels: int, *, dropout_ratio: float, norm_cfg: dict
    ) -> None:
        super().__init__()
        options: dict[str, Any] = {'bias': True, 'norm_cfg': norm_cfg}
        self.branches = nn.ModuleList([ConvNormAct(in_channels, channels, **options)])
        self.branches.extend(
            ConvNormAct(in_channels, channels, 3, dilation=dilation, **options)
            for dilation in (6, 12, 18)
        )
        self.image_pool = ConvNormAct(in_channels, channels, **options)
        joined = channels * (len(self.branches) + 1)
        self.project = ConvNormAct(joined, channels, **options)
        self.dropout = nn.Dropout2d(dropout_ratio)

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``x`` (N, in_channels, H, W) to (N, channels, H, W)."""
        outputs = [branch(x) for branch in self.branches]
        mean = self.image_pool(x.mean(dim=(2, 3), keepdim=True))
        outputs.append(mean.expand(-1, -1, *x.shape[2:]))
        return self.dropout(self.project(torch.cat(outputs, dim=1)))


@MODELS.register_module()
class DeepLabV3PlusHead(MaskHead):
    """DeepLabV3+'s decoder as FUME has it (Chen et al. 2018, arXiv:1802.02611).

    ASPP on the high-level features, enlarged to the low-level size, joined with the
    low-level features brought to ``low_channels``, two 3×3 convolutions, classes. All
    convolutions have a bias. FUME enlarges to the frame's size before the last 1×1
    convolution; here mmsegmentation enlarges the logits after it, which is the same
    (bilinear weights sum to 1) at a fraction of the work.

    Args:
        in_channels: Channels of the low- and the high-level features.
        in_index: Which of the encoder's features these are.
        channels: Channels within the decoder.
        low_channels: Channels that the low-level features are brought to.
        dropout_ratio: Dropout of whole channels: after ASPP, between the last two
            convolutions and before the classes.
        **kwargs: Of :class:`MaskHead`.

    Shape: features to logits (N, num_classes, h, w), h and w of the low-level features.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (256, 2048),
        *,
        dropout_ratio: float,
        in_index: Sequence[int] = (0, 3),
        channels: int = 256,
        low_channels: int = 48,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            channels,
            in_index=in_index,
            dropout_ratio=dropout_ratio,
            **kwargs,
        )
        low, high = in_channels
        options: dict[str, Any] = {'bias': True, 'norm_cfg': self.norm_cfg}
        self.aspp = ASPP(
            high, channels, dropout_ratio=dropout_ratio, norm_cfg=self.norm_cfg
        )
        self.low_conv = ConvNormAct(low, low_channels, **options)
        self.decoder = nn.Sequential(
            ConvNormAct(channels + low_channels, channels, 3, **options),
            nn.Dropout2d(dropout_ratio),
            ConvNormAct(channels, channels, 3, **options),
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (N, num_classes, h, w) from the encoder's features."""
        low, high = self._transform_inputs(inputs)
        high = self.aspp(high)
        high = enlarge(high, low.shape[2:], align_corners=self.align_corners)
        return self.cls_seg(self.decoder(torch.cat([high, self.low_conv(low)], dim=1)))
