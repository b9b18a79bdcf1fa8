"""Convolution blocks that the encoders, necks and heads share."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .norm import norm_layer


class ConvNormAct(nn.Sequential):
    """Convolution ("same" padding), norm and activation.

    mmcv's ConvModule warns about a bias before a norm, which FUME's published weights
    have; hence this one.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Odd size of the kernel.
        stride: Stride.
        dilation: Dilation.
        groups: Groups of the convolution.
        bias: Give the convolution a bias.
        act: True is a ReLU, False none; otherwise what makes it of ``out_channels``, as
            ``nn.PReLU`` does.
        norm_cfg: Norm layer; None is :class:`~.norm.SingleFrameBN`.

    Shape: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride),
    ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
        act: bool | Callable[[int], nn.Module] = True,
        norm_cfg: dict | None = None,
    ) -> None:
        conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=dilation * (kernel_size // 2),
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        super().__init__(conv, norm_layer(out_channels, norm_cfg))
        if act:
            self.append(nn.ReLU(inplace=True) if act is True else act(out_channels))


def depthwise(channels: int, *, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """3×3 convolution of each channel alone, "same" padding, no bias."""
    return nn.Conv2d(
        channels,
        channels,
        3,
        stride=stride,
        padding=dilation,
        dilation=dilation,
        groups=channels,
        bias=False,
    )


class DepthwiseSeparableConv(nn.Sequential):
    """3×3 depthwise and 1×1 pointwise convolution, then norm and ReLU.

    Nothing stands between the two convolutions, as in FUME's Fast-SCNN; Fast-SCNN's own
    authors normalise there too.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the depthwise convolution.
        norm_cfg: Norm layer; None is :class:`~.norm.SingleFrameBN`.

    Shape: (N, in_channels, H, W) to (N, out_channels, ceil(H / stride),
    ceil(W / stride)).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__(
            depthwise(in_channels, stride=stride),
            *ConvNormAct(in_channels, out_channels, norm_cfg=norm_cfg),
        )


class PyramidPooling(nn.Module):
    """Context at several scales (PSPNet, Zhao et al. 2017, section 3.2).

    For every entry of ``bins``: average to that many bins a side, 1×1 convolution (with
    bias, no norm) to ``in_channels / len(bins)``, ReLU, bilinear enlargement. All is
    joined to the input and brought to ``out_channels`` by 1×1 convolution, norm, ReLU.

    Args:
        in_channels: Channels of the input, divisible by ``len(bins)``.
        out_channels: Channels of the output.
        bins: Bins a side of each scale.
        norm_cfg: Norm layer; None is :class:`~.norm.SingleFrameBN`.

    Shape: (N, in_channels, H, W) to (N, out_channels, H, W).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        bins: Sequence[int] = (1, 2, 3, 6),
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        self.bins = tuple(bins)
        width = in_channels // len(self.bins)
        self.convs = nn.ModuleList(
            nn.Conv2d(in_channels, width, kernel_size=1) for _ in self.bins
        )
        self.out_conv = ConvNormAct(
            in_channels + width * len(self.bins), out_channels, norm_cfg=norm_cfg
        )

    def forward(self, x: Tensor) -> Tensor:
        """Pool ``x`` (N, in_channels, H, W) to (N, out_channels, H, W)."""
        scales = [
            enlarge(F.relu(conv(pool_to_bins(x, bins))), x.shape[2:])
            for bins, conv in zip(self.bins, self.convs, strict=True)
        ]
        return self.out_conv(torch.cat([x, *scales], dim=1))


def enlarge(x: Tensor, size: Sequence[int], *, align_corners: bool = False) -> Tensor:
    """``x`` (N, C, h, w) to ``size`` (height, width), bilinear."""
    return F.interpolate(
        x, size=tuple(size), mode='bilinear', align_corners=align_corners
    )


def pool_to_bins(x: Tensor, bins: int) -> Tensor:
    """``F.adaptive_avg_pool2d(x, bins)``, also where that cannot be exported.

    ONNX has no adaptive pooling to bins that do not divide the size, so an export sees
    the same averages as two matrix products.

    Args:
        x: (N, C, H, W).
        bins: Bins a side.

    Returns:
        (N, C, bins, bins).
    """
    if torch.compiler.is_exporting():
        return _pool_by_matmul(x, bins)
    return F.adaptive_avg_pool2d(x, bins)


def _pool_by_matmul(x: Tensor, bins: int) -> Tensor:
    rows = _bin_weights(x.shape[2], bins, x)
    columns = _bin_weights(x.shape[3], bins, x)
    return rows @ x @ columns.transpose(0, 1)


def _bin_weights(size: int, bins: int, like: Tensor) -> Tensor:
    """Averaging matrix (bins, size); bin i spans ⌊i·size/bins⌋ to ⌈(i+1)·size/bins⌉."""
    position = torch.arange(size, device=like.device)
    index = torch.arange(bins, device=like.device)[:, None]
    start = index * size // bins
    stop = ((index + 1) * size + bins - 1) // bins
    inside = ((position >= start) & (position < stop)).to(like.dtype)
    return inside / inside.sum(dim=1, keepdim=True)
