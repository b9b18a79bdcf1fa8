"""ENet-T1: an early mean of the gases, an encoder and a decoder of bottlenecks."""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from fume_mm.models.layers import norm_layer
from fume_mm.registry import MODELS

from .parts import conv_init

#: Of the encoder, which halves the frame three times.
STRIDE = 8


def conv_norm_act(conv: nn.Module, channels: int, norm_cfg: dict | None) -> list:
    """``conv``, norm and a PReLU with one parameter for all channels."""
    return [conv, norm_layer(channels, norm_cfg), nn.PReLU()]


class Bottleneck(nn.Module):
    """Narrow, convolve, widen; plus a skip, PReLU (arXiv:1606.02147, section 3).

    ENet's skip of a bottleneck that halves the size is a max pooling with channels of
    zeros; here it is a 1×1 convolution and norm.

    Args:
        in_channels: Channels of the input; the inner ones are a quarter of these.
        channels: Channels of the output.
        halve: Halve the size.
        dilation: Of the 3×3 convolution.
        asymmetric: A 3×1 and a 1×3 convolution in place of the 3×3 one. ENet's have a
            kernel of 5.
        dropout: Dropout of whole channels of the branch.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, in_channels, H, W) to (N, channels, H, W) or (N, channels, H/2, W/2).
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        halve: bool = False,
        dilation: int = 1,
        asymmetric: bool = False,
        dropout: float = 0.1,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        inner = in_channels // 4
        size = 2 if halve else 1
        middle: nn.Module = nn.Conv2d(
            inner, inner, 3, padding=dilation, dilation=dilation, bias=False
        )
        if asymmetric:
            middle = nn.Sequential(
                nn.Conv2d(inner, inner, (3, 1), padding=(1, 0), bias=False),
                nn.Conv2d(inner, inner, (1, 3), padding=(0, 1), bias=False),
            )
        self.branch = nn.Sequential(
            *conv_norm_act(
                nn.Conv2d(in_channels, inner, size, stride=size, bias=False),
                inner,
                norm_cfg,
            ),
            *conv_norm_act(middle, inner, norm_cfg),
            nn.Conv2d(inner, channels, 1, bias=False),
            norm_layer(channels, norm_cfg),
            nn.Dropout2d(dropout),
        )
        self.skip: nn.Module = nn.Identity()
        if halve:
            self.skip = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=2, bias=False),
                norm_layer(channels, norm_cfg),
            )
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, ·, ·) from ``x`` (N, in_channels, H, W)."""
        return self.act(self.branch(x) + self.skip(x))


class UpBottleneck(nn.Module):
    """A bottleneck that doubles the size with transposed convolutions.

    ENet's skip is a max unpooling, which needs the encoder's indices; here it is a 2×2
    transposed convolution and norm.

    Args:
        in_channels: Channels of the input; the inner ones are a quarter of these.
        channels: Channels of the output.
        dropout: Dropout of whole channels of the branch.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, in_channels, H, W) to (N, channels, 2H, 2W).
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        dropout: float = 0.1,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        inner = in_channels // 4
        double = nn.ConvTranspose2d(
            inner, inner, 3, stride=2, padding=1, output_padding=1, bias=False
        )
        self.branch = nn.Sequential(
            *conv_norm_act(
                nn.Conv2d(in_channels, inner, 1, bias=False), inner, norm_cfg
            ),
            *conv_norm_act(double, inner, norm_cfg),
            nn.Conv2d(inner, channels, 1, bias=False),
            norm_layer(channels, norm_cfg),
            nn.Dropout2d(dropout),
        )
        self.skip = nn.Sequential(
            nn.ConvTranspose2d(in_channels, channels, 2, stride=2, bias=False),
            norm_layer(channels, norm_cfg),
        )
        self.act = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, 2H, 2W) from ``x`` (N, in_channels, H, W)."""
        return self.act(self.branch(x) + self.skip(x))


@MODELS.register_module()
class ENetT1(BaseModule):
    """The ENet of FUME's Table 1, encoder and decoder, for ``EarlyFusionBackbone``.

    After ENet (Paszke et al. 2016, arXiv:1606.02147), simplified: see
    :class:`Bottleneck` and :class:`UpBottleneck`; the repetition of stage 2 (ENet's
    stage 3) is not there; PReLU also in the decoder. The dropout of the decoder, which
    the facts about the rewrite do not say, is stage 2's. Frames whose size is no
    multiple of 8 are enlarged by their last row and column, and the map is cut again.

    Args:
        in_channels: Channels of a frame.
        dropout: Dropout of whole channels of a bottleneck's branch, in stage 1 and from
            there on.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.

    Shape: (N, in_channels, H, W) to the health head's map (N, 128, H/8, W/8), sizes
    rounded up, and the mask heads' (N, 16, H, W).
    """

    def __init__(
        self,
        in_channels: int = 1,
        *,
        dropout: Sequence[float] = (0.01, 0.1),
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or conv_init())
        early, late = dropout
        self.first_conv = nn.Conv2d(
            in_channels, 16 - in_channels, 3, stride=2, padding=1, bias=False
        )
        self.first_norm = nn.Sequential(norm_layer(16, norm_cfg), nn.PReLU())
        block = partial(Bottleneck, dropout=late, norm_cfg=norm_cfg)
        up = partial(UpBottleneck, dropout=late, norm_cfg=norm_cfg)
        self.stage_1 = nn.Sequential(
            block(16, 64, halve=True, dropout=early),
            *(block(64, 64, dropout=early) for _ in range(4)),
        )
        self.stage_2 = nn.Sequential(
            block(64, 128, halve=True),
            block(128, 128),
            block(128, 128, dilation=2),
            block(128, 128, asymmetric=True),
            block(128, 128, dilation=4),
            block(128, 128),
            block(128, 128, dilation=8),
            block(128, 128, asymmetric=True),
            block(128, 128, dilation=16),
        )
        self.decoder = nn.Sequential(
            up(128, 64),
            block(64, 64),
            block(64, 64),
            up(64, 16),
            block(16, 16),
            nn.ConvTranspose2d(16, 16, 2, stride=2),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The two maps of frames ``x`` (N, in_channels, H, W)."""
        height, width = x.shape[2:]
        missing = (0, -width % STRIDE, 0, -height % STRIDE)
        x = F.pad(x, missing, mode='replicate')
        x = torch.cat([self.first_conv(x), F.max_pool2d(x, 2)], dim=1)
        deep = self.stage_2(self.stage_1(self.first_norm(x)))
        return deep, self.decoder(deep)[..., :height, :width]
