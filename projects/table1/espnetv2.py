"""ESPNetV2-T1: depthwise dilated convolutions, gases joined at H/16."""

from itertools import accumulate

import torch
from torch import Tensor, nn

from fume_mm.models.layers import ConvNormAct, depthwise, norm_layer
from fume_mm.models.rows import Stages, concatenate
from fume_mm.registry import MODELS

from .parts import T1Backbone, enlarging_decoder


class EESP(nn.Module):
    """Narrow, dilated depthwise convolutions, their running sums, widen, skip, ReLU.

    ESPNetv2's EESP unit (Mehta et al. 2019, arXiv:1811.11431, section 3.2), whose 1×1
    convolutions have groups and whose activation is PReLU; here they have neither.

    Args:
        channels: Channels C of input and output; each branch has C/4.
        dilations: Of the branches.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, C, H, W) in and out.
    """

    def __init__(
        self,
        channels: int,
        *,
        dilations: tuple[int, ...] = (1, 2, 4, 8),
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        width = channels // len(dilations)
        self.reduce = ConvNormAct(channels, width, norm_cfg=norm_cfg)
        self.branches = nn.ModuleList(
            depthwise(width, dilation=dilation) for dilation in dilations
        )
        self.norm = norm_layer(channels, norm_cfg)
        self.expand = ConvNormAct(channels, channels, act=False, norm_cfg=norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) from ``x`` (N, C, H, W)."""
        reduced = self.reduce(x)
        sums = list(accumulate(branch(reduced) for branch in self.branches))
        return (x + self.expand(self.norm(torch.cat(sums, dim=1)))).relu()


class DownSampler(nn.Module):
    """Half the size: a 3×3 convolution beside a mean pooling with a 1×1 convolution.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output, half of them of each kind.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, in_channels, H, W) to (N, channels, H/2, W/2), sizes rounded up.
    """

    def __init__(
        self, in_channels: int, channels: int, *, norm_cfg: dict | None = None
    ) -> None:
        super().__init__()
        half = channels // 2
        self.conv = ConvNormAct(in_channels, half, 3, stride=2, norm_cfg=norm_cfg)
        self.pool = nn.Sequential(
            nn.AvgPool2d(3, stride=2, padding=1),
            ConvNormAct(in_channels, half, norm_cfg=norm_cfg),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H/2, W/2) from ``x`` (N, in_channels, H, W)."""
        return torch.cat([self.conv(x), self.pool(x)], dim=1)


class ESPNetV2T1Encoder(nn.Module):
    """The encoder of ESPNetV2-T1.

    Args:
        in_channels: Channels of a frame.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, in_channels, H, W) to one map (N, 256, H/16, W/16), sizes rounded up.
    """

    def __init__(self, in_channels: int = 1, *, norm_cfg: dict | None = None) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            ConvNormAct(in_channels, 16, 3, stride=2, norm_cfg=norm_cfg),
            DownSampler(16, 64, norm_cfg=norm_cfg),
            DownSampler(64, 128, norm_cfg=norm_cfg),
            *(EESP(128, norm_cfg=norm_cfg) for _ in range(2)),
            DownSampler(128, 256, norm_cfg=norm_cfg),
            *(EESP(256, norm_cfg=norm_cfg) for _ in range(3)),
        )

    def forward(self, x: Tensor) -> Stages:
        """Encode frames ``x`` (N, in_channels, H, W)."""
        return (self.layers(x),)


@MODELS.register_module()
class ESPNetV2T1(T1Backbone):
    """The ESPNetV2 of FUME's Table 1: a shared encoder, one joint decoder.

    After ESPNetv2 (Mehta et al., CVPR 2019, arXiv:1811.11431), simplified: see
    :class:`EESP`; no reinforcement from the image, no skip connections, no pyramid.
    The masks of both gases come from the joint map alone.

    Args:
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.

    Gives the health head's map (N, 256, H/16, W/16) and the mask heads'
    (N, 64, H/4, W/4).
    """

    def __init__(
        self,
        *,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            {'type': ESPNetV2T1Encoder, 'norm_cfg': norm_cfg},
            shared=True,
            init_cfg=init_cfg,
        )
        self.fuse = nn.Sequential(
            ConvNormAct(2 * 256, 256, 3, norm_cfg=norm_cfg),
            EESP(256, norm_cfg=norm_cfg),
        )
        self.decoder = enlarging_decoder(256, (128, 64), norm_cfg=norm_cfg)

    def join(self, streams: list[dict[str, Tensor]]) -> Stages:
        """The two maps from a stream (N, 256, h, w) of every gas."""
        fused = self.fuse(concatenate(streams[0]))
        return fused, self.decoder(fused)
