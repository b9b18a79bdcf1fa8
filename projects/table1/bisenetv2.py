"""BiSeNetV2-T1: two branches for both gases, an aggregation per gas."""

import torch
from torch import Tensor, nn

from fume_mm.models.backbones import DualStreamBackbone
from fume_mm.models.layers import ConvNormAct, norm_layer
from fume_mm.models.rows import Features, Rows, Stages
from fume_mm.registry import MODELS
from fume_mm.structures import GASES

from .parts import conv_init, enlarge


def depthwise(
    in_channels: int,
    *,
    expand_ratio: int = 1,
    stride: int = 1,
    norm_cfg: dict | None = None,
) -> nn.Sequential:
    """3×3 depthwise convolution and norm; each channel gives ``expand_ratio``."""
    channels = expand_ratio * in_channels
    conv = nn.Conv2d(
        in_channels,
        channels,
        3,
        stride=stride,
        padding=1,
        groups=in_channels,
        bias=False,
    )
    return nn.Sequential(conv, norm_layer(channels, norm_cfg))


class GatherExpansion(nn.Module):
    """3×3 convolution, depthwise expansion, projection; a shortcut.

    BiSeNetV2's gather-and-expansion layer (Yu et al. 2021, arXiv:2004.02147, section
    4.2). At stride 2 the published one has two depthwise convolutions and a depthwise
    one in its shortcut; this one has one depthwise convolution and a 1×1 shortcut.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        stride: Stride of the depthwise convolution.
        expand_ratio: Expansion of the depthwise convolution.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, in_channels, H, W) to (N, channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        stride: int = 1,
        expand_ratio: int = 6,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.path = nn.Sequential(
            ConvNormAct(in_channels, in_channels, 3, norm_cfg=norm_cfg),
            depthwise(
                in_channels, expand_ratio=expand_ratio, stride=stride, norm_cfg=norm_cfg
            ),
            nn.ReLU(inplace=True),
            ConvNormAct(
                expand_ratio * in_channels, channels, act=False, norm_cfg=norm_cfg
            ),
        )
        self.shortcut = (
            nn.Identity()
            if stride == 1 and in_channels == channels
            else ConvNormAct(
                in_channels, channels, stride=stride, act=False, norm_cfg=norm_cfg
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, ·, ·) from ``x`` (N, in_channels, H, W)."""
        return (self.path(x) + self.shortcut(x)).relu()


class BiSeNetV2T1Encoder(nn.Module):
    """The two branches.

    Detail: 3×3 convolutions to H/8. Semantic: a stem to H/4, gather-and-expansion
    layers to H/32, plus the projected mean of the frame (the published context
    embedding has a norm before and a 3×3 convolution after it).

    Args:
        in_channels: Channels of a frame.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, in_channels, H, W) to detail (N, 128, H/8, W/8) and semantic
    (N, 128, H/32, W/32), sizes rounded up.
    """

    def __init__(self, in_channels: int = 1, *, norm_cfg: dict | None = None) -> None:
        super().__init__()
        detail: list[nn.Module] = []
        width = in_channels
        for channels, count in ((64, 2), (64, 3), (128, 3)):
            for block in range(count):
                stride = 2 if block == 0 else 1
                detail.append(
                    ConvNormAct(width, channels, 3, stride=stride, norm_cfg=norm_cfg)
                )
                width = channels
        self.detail = nn.Sequential(*detail)

        self.stem = ConvNormAct(in_channels, 16, 3, stride=2, norm_cfg=norm_cfg)
        self.stem_conv = nn.Sequential(
            ConvNormAct(16, 8, norm_cfg=norm_cfg),
            ConvNormAct(8, 16, 3, stride=2, norm_cfg=norm_cfg),
        )
        self.stem_pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stem_join = ConvNormAct(32, 16, 3, norm_cfg=norm_cfg)
        semantic: list[nn.Module] = []
        width = 16
        for channels, count in ((32, 2), (64, 2), (128, 4)):
            for block in range(count):
                stride = 2 if block == 0 else 1
                semantic.append(
                    GatherExpansion(width, channels, stride=stride, norm_cfg=norm_cfg)
                )
                width = channels
        self.semantic = nn.Sequential(*semantic)
        self.context = ConvNormAct(width, width, bias=True, norm_cfg=norm_cfg)

    def forward(self, x: Tensor) -> Stages:
        """(detail, semantic) of frames ``x`` (N, in_channels, H, W)."""
        detail = self.detail(x)
        x = self.stem(x)
        x = self.stem_join(torch.cat([self.stem_conv(x), self.stem_pool(x)], dim=1))
        x = self.semantic(x)
        return detail, x + self.context(x.mean(dim=(2, 3), keepdim=True))


class Aggregation(nn.Module):
    """The sum of the two branches, each through depthwise convolutions, and a 3×3 one.

    The published aggregation is guided: each branch is gated by the other's sigmoid.
    There is no gate here.

    Args:
        channels: Channels C of both branches and of the output.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: detail (N, C, H, W) and semantic (N, C, h, w) to (N, C, H, W).
    """

    def __init__(self, channels: int = 128, *, norm_cfg: dict | None = None) -> None:
        super().__init__()
        self.detail_depthwise = depthwise(channels, norm_cfg=norm_cfg)
        self.detail_pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.semantic_conv = ConvNormAct(
            channels, channels, 3, act=False, norm_cfg=norm_cfg
        )
        self.semantic_depthwise = depthwise(channels, norm_cfg=norm_cfg)
        self.project = ConvNormAct(channels, channels, 3, norm_cfg=norm_cfg)

    def forward(self, detail: Tensor, semantic: Tensor) -> Tensor:
        """(N, C, H, W)."""
        semantic = self.semantic_conv(enlarge(semantic, detail.shape[2:]))
        semantic = semantic + self.semantic_depthwise(semantic)
        detail = self.detail_depthwise(detail) + self.detail_pointwise(detail)
        return self.project(detail + semantic)


@MODELS.register_module()
class BiSeNetV2T1(DualStreamBackbone):
    """The BiSeNetV2 of FUME's Table 1: shared branches, an aggregation per gas.

    After BiSeNetV2 (Yu et al., IJCV 2021, arXiv:2004.02147), simplified; see
    :class:`GatherExpansion`, :class:`BiSeNetV2T1Encoder` and :class:`Aggregation`.
    There are no booster heads. In the rewrite the class path sees what the aggregation
    makes of a black frame where a gas is missing; here the neck puts zeros.

    Args:
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.
    """

    def __init__(
        self,
        *,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            {'type': BiSeNetV2T1Encoder, 'norm_cfg': norm_cfg},
            shared=True,
            init_cfg=init_cfg or conv_init(),
        )
        self.aggregations = nn.ModuleDict(
            {gas: Aggregation(norm_cfg=norm_cfg) for gas in GASES}
        )

    def forward(self, frames: Features, rows: Rows | None = None) -> dict[str, Stages]:
        """By gas one map (N_g, 128, H/8, W/8) of ``frames``, (N_g, 1, H, W) by gas."""
        branches = super().forward(frames, rows)
        return {gas: (self.aggregations[gas](*maps),) for gas, maps in branches.items()}
