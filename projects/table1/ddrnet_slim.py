"""DDRNetSlim-T1: an early mean of the gases, two branches, a pooling pyramid."""

import torch
from mmengine.model import BaseModule
from mmseg.models.backbones.resnet import BasicBlock
from mmseg.models.utils import ResLayer
from torch import Tensor, nn

from fume_mm.models.layers import ConvNormAct, norm_layer, norm_or_default, pool_to_bins
from fume_mm.registry import MODELS

from .parts import conv_init, enlarge


def norm_act_conv(
    in_channels: int, channels: int, kernel_size: int = 1, *, norm_cfg: dict | None
) -> nn.Sequential:
    """Norm, ReLU, convolution of stride 1 without bias."""
    return nn.Sequential(
        norm_layer(in_channels, norm_cfg),
        nn.ReLU(inplace=False),
        nn.Conv2d(
            in_channels, channels, kernel_size, padding=kernel_size // 2, bias=False
        ),
    )


class Pyramid(nn.Module):
    """Context at four scales, after DDRNet's DAPPM (arXiv:2101.06085, section 3.3).

    DAPPM pools with strides and over the whole frame, and adds its scales one to the
    next; this one pools to fixed numbers of bins and joins the scales side by side.

    Args:
        in_channels: Channels of the input.
        width: Channels of each scale.
        channels: Channels of the output.
        bins: Bins a side of each scale.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, in_channels, H, W) to (N, channels, H, W).
    """

    def __init__(
        self,
        in_channels: int = 256,
        *,
        width: int = 64,
        channels: int = 128,
        bins: tuple[int, ...] = (5, 9, 17, 33),
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.bins = bins
        self.plain = norm_act_conv(in_channels, width, norm_cfg=norm_cfg)
        self.scales = nn.ModuleList(
            norm_act_conv(in_channels, width, norm_cfg=norm_cfg) for _ in bins
        )
        self.join = norm_act_conv(len(bins) * width, width, 3, norm_cfg=norm_cfg)
        self.compress = norm_act_conv(2 * width, channels, norm_cfg=norm_cfg)
        self.shortcut = norm_act_conv(in_channels, channels, norm_cfg=norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) from ``x`` (N, in_channels, H, W)."""
        scales = [
            enlarge(scale(pool_to_bins(x, bins)), x.shape[2:])
            for bins, scale in zip(self.bins, self.scales, strict=True)
        ]
        joined = self.join(torch.cat(scales, dim=1))
        joined = self.compress(torch.cat([self.plain(x), joined], dim=1))
        return joined + self.shortcut(x)


@MODELS.register_module()
class DDRNetSlimT1(BaseModule):
    """The DDRNetSlim of FUME's Table 1, with decoder, for ``EarlyFusionBackbone``.

    After DDRNet-23-slim (Pan et al., IEEE T-ITS 2022, arXiv:2101.06085), simplified:
    both branches start from the stem at H/2, nothing passes between them, no
    bottleneck blocks, and see :class:`Pyramid`.

    The rewrite has a 1×1 convolution of the low branch whose result nothing reads. It
    is ``unused``, counted but neither run nor trained.

    Args:
        in_channels: Channels of a frame.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.

    Shape: (N, in_channels, H, W) to the health head's map (N, 128, H/16, W/16) and the
    mask heads' (N, 64, H/4, W/4), sizes rounded up.
    """

    def __init__(
        self,
        in_channels: int = 1,
        *,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or conv_init())

        def blocks(in_channels: int, channels: int, stride: int) -> nn.Module:
            return ResLayer(
                BasicBlock,
                in_channels,
                channels,
                2,
                stride=stride,
                norm_cfg=norm_or_default(norm_cfg),
            )

        self.stem = nn.Sequential(
            ConvNormAct(in_channels, 32, 3, stride=2, norm_cfg=norm_cfg),
            ConvNormAct(32, 32, 3, norm_cfg=norm_cfg),
        )
        self.high = nn.Sequential(
            blocks(32, 32, 1),
            blocks(32, 64, 2),
            ConvNormAct(64, 32, norm_cfg=norm_cfg),
        )
        self.low = nn.Sequential(
            blocks(32, 64, 2),
            blocks(64, 128, 2),
            blocks(128, 256, 2),
            Pyramid(norm_cfg=norm_cfg),
        )
        self.unused = ConvNormAct(128, 32, norm_cfg=norm_cfg).requires_grad_(False)
        self.fuse = nn.Sequential(
            ConvNormAct(32 + 128, 64, 3, norm_cfg=norm_cfg),
            ConvNormAct(64, 64, 3, norm_cfg=norm_cfg),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The two maps of frames ``x`` (N, in_channels, H, W)."""
        x = self.stem(x)
        high, low = self.high(x), self.low(x)
        fused = self.fuse(torch.cat([high, enlarge(low, high.shape[2:])], dim=1))
        return low, fused
