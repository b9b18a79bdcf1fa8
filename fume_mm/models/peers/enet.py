"""ENet: bottlenecks, and unpooling to where the maxima came from."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from fume_mm.registry import MODELS

from ..heads.mask_head import MaskHead
from ..layers import SingleFrameBN, set_norms

#: The encoder halves the frame three times.
_STRIDE = 8
#: A bottleneck's inner channels are its input's divided by this.
_RATIO = 4
#: Channels after the initial block, stage 1 and stage 2.
_WIDTHS = (16, 64, 128)
#: The bottlenecks of stage 2, after the first, and of stage 3 (table 1 of the paper).
_CONTEXT: tuple[dict[str, Any], ...] = (
    {},
    {'dilation': 2},
    {'asymmetric': True},
    {'dilation': 4},
    {},
    {'dilation': 8},
    {'asymmetric': True},
    {'dilation': 16},
)

_conv = partial(nn.Conv2d, bias=False)


def max_pool(x: Tensor) -> tuple[Tensor, Tensor]:
    """2×2 max pooling that says where in each window the maximum stands.

    Made of what every exporter knows, as :func:`max_unpool` is.

    Args:
        x: (N, C, 2h, 2w).

    Returns:
        Maxima and their places, both (N, C, h, w); places are 0 to 3, row by row, the
        first of equal ones.
    """
    windows = F.pixel_unshuffle(x, 2).unflatten(1, (-1, 4))
    values, places = windows.max(dim=2)
    return values, places


def max_unpool(x: Tensor, places: Tensor) -> Tensor:
    """Put values where :func:`max_pool` found its maxima, zeros elsewhere.

    Args:
        x: (N, C, h, w).
        places: Of that shape, 0 to 3.

    Returns:
        (N, C, 2h, 2w).
    """
    corners = torch.arange(4, device=x.device)[:, None, None]
    here = places[:, :, None] == corners
    windows = torch.where(here, x[:, :, None], torch.zeros_like(x)[:, :, None])
    return F.pixel_shuffle(windows.flatten(1, 2), 2)


class _Unit(nn.Module):
    """A bottleneck's branch, and the activation of its sum with what skips it.

    Args:
        convs: The branch's convolutions; a norm follows each, ``act`` stands between.
        act: Activation: PReLU in ENet's encoder, ReLU in its decoder.
        dropout: Dropout of whole channels at the end of the branch.
    """

    def __init__(
        self,
        convs: Sequence[nn.Conv2d | nn.ConvTranspose2d],
        *,
        act: type[nn.Module] = nn.PReLU,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for conv in convs:
            layers += [conv, SingleFrameBN(conv.out_channels), act()]
        layers[-1] = nn.Dropout2d(dropout)
        self.branch = nn.Sequential(*layers)
        self.act = act()


class Bottleneck(_Unit):
    """Narrow, convolve, widen; plus the input (section 3, figure 2b).

    Args:
        channels: Channels of input and output.
        dilation: Of the 3×3 convolution.
        asymmetric: A 5×1 and a 1×5 convolution in place of the 3×3 one.
        **options: Of :class:`_Unit`.

    Shape: (N, channels, H, W) in and out.
    """

    def __init__(
        self,
        channels: int,
        *,
        dilation: int = 1,
        asymmetric: bool = False,
        **options: Any,
    ) -> None:
        inner = channels // _RATIO
        if asymmetric:
            middle = [
                _conv(inner, inner, (5, 1), padding=(2, 0)),
                _conv(inner, inner, (1, 5), padding=(0, 2)),
            ]
        else:
            middle = [_conv(inner, inner, 3, padding=dilation, dilation=dilation)]
        first, last = _conv(channels, inner, 1), _conv(inner, channels, 1)
        super().__init__([first, *middle, last], **options)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) from ``x`` of that shape."""
        return self.act(self.branch(x) + x)


class DownBottleneck(_Unit):
    """A bottleneck that halves the size by max pooling, and remembers the places.

    The branch begins with a 2×2 convolution of stride 2. The pooled input has channels
    of zeros behind it.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        **options: Of :class:`_Unit`.

    Shape: (N, in_channels, H, W) to (N, channels, H/2, W/2) and the places
    (N, in_channels, H/2, W/2).
    """

    def __init__(self, in_channels: int, channels: int, **options: Any) -> None:
        inner = in_channels // _RATIO
        convs = [
            _conv(in_channels, inner, 2, stride=2),
            _conv(inner, inner, 3, padding=1),
            _conv(inner, channels, 1),
        ]
        super().__init__(convs, **options)
        self.added = channels - in_channels

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The map and the places of ``x`` (N, in_channels, H, W)."""
        pooled, places = max_pool(x)
        pooled = F.pad(pooled, (0, 0, 0, 0, 0, self.added))
        return self.act(self.branch(x) + pooled), places


class UpBottleneck(_Unit):
    """A bottleneck that doubles the size, its skip by max unpooling.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        **options: Of :class:`_Unit`.

    Shape: (N, in_channels, H, W) and places (N, channels, H, W) to
    (N, channels, 2H, 2W).
    """

    def __init__(self, in_channels: int, channels: int, **options: Any) -> None:
        inner = in_channels // _RATIO
        convs: list[nn.Conv2d | nn.ConvTranspose2d] = [
            _conv(in_channels, inner, 1),
            nn.ConvTranspose2d(inner, inner, 2, stride=2, bias=False),
            _conv(inner, channels, 1),
        ]
        super().__init__(convs, act=nn.ReLU, **options)
        self.skip = nn.Sequential(
            _conv(in_channels, channels, 1), SingleFrameBN(channels)
        )

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """(N, channels, 2H, 2W) from ``x`` (N, in_channels, H, W) and the places."""
        return self.act(self.branch(x) + max_unpool(self.skip(x), places))


@MODELS.register_module()
class ENetEncoder(BaseModule):
    """The encoder of ENet (Paszke et al. 2016, arXiv:1606.02147, table 1).

    A convolution beside a pooling; stage 1, five bottlenecks at a quarter of the size;
    stage 2, nine at an eighth; stage 3, the last eight again. A PReLU here has one
    slope, as in the widespread port to PyTorch; the paper's has one per channel.
    Frames whose size is no multiple of 8 are enlarged by their last row and column.

    Args:
        in_channels: Channels of a frame; the convolution at the start gives 16 less
            these.
        dropout: Dropout of whole channels of a bottleneck's branch, up to stage 1 and
            from there on.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.

    Shape: frames (N, in_channels, H, W) to a blank one (N, 1, H, W), which tells the
    decoder their size; the places of two poolings, (N, 16, h/4, w/4) and
    (N, 64, h/8, w/8); and the map (N, 128, h/8, w/8), where h, w are the enlarged H, W.
    """

    def __init__(
        self,
        in_channels: int = 1,
        *,
        dropout: Sequence[float] = (0.01, 0.1),
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            init_cfg or {'type': 'Kaiming', 'layer': ['Conv2d', 'ConvTranspose2d']}
        )
        first, second, third = _WIDTHS
        early, late = dropout
        self.conv = _conv(in_channels, first - in_channels, 3, stride=2, padding=1)
        self.norm = nn.Sequential(SingleFrameBN(first), nn.PReLU())
        self.down1 = DownBottleneck(first, second, dropout=early)
        self.stage1 = nn.Sequential(
            *(Bottleneck(second, dropout=early) for _ in range(4))
        )
        self.down2 = DownBottleneck(second, third, dropout=late)
        self.stage2, self.stage3 = (
            nn.Sequential(
                *(Bottleneck(third, dropout=late, **options) for options in _CONTEXT)
            )
            for _ in range(2)
        )
        set_norms(self, norm_cfg)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode frames ``x`` (N, in_channels, H, W)."""
        blank = torch.zeros_like(x[:, :1])
        # written so that graphs of frames of any size understand it
        down, right = (
            (side + _STRIDE - 1) // _STRIDE * _STRIDE - side for side in x.shape[2:]
        )
        x = F.pad(x, (0, right, 0, down), mode='replicate')
        x = self.norm(torch.cat([self.conv(x), F.max_pool2d(x, 2)], dim=1))
        x, places1 = self.down1(x)
        x, places2 = self.down2(self.stage1(x))
        return blank, places1, places2, self.stage3(self.stage2(x))


@MODELS.register_module()
class ENetHead(MaskHead):
    """The decoder of ENet (Paszke et al. 2016, arXiv:1606.02147, table 1).

    An unpooling and two bottlenecks, an unpooling and one bottleneck, then a 3×3
    transposed convolution to the classes at the size of the frame. ENet trains with
    cross entropy, classes weighted by how rare they are; here with the config's loss.

    Args:
        in_channels: Channels of the blank frame, of the places and of the map that
            :class:`ENetEncoder` gives.
        dropout: Dropout of whole channels of a bottleneck's branch.
        dropout_ratio: Dropout of whole channels before the classes; ENet has none.
        **kwargs: Of :class:`MaskHead`.

    Shape: the encoder's maps to logits (N, num_classes, H, W).
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (1, *_WIDTHS),
        *,
        dropout: float = 0.1,
        dropout_ratio: float = 0.0,
        **kwargs: Any,
    ) -> None:
        _, first, second, third = in_channels
        super().__init__(
            in_channels,
            first,  # what the last convolution sees
            dropout_ratio=dropout_ratio,
            **kwargs,
        )
        self.up1 = UpBottleneck(third, second, dropout=dropout)
        self.stage1 = nn.Sequential(
            *(Bottleneck(second, act=nn.ReLU, dropout=dropout) for _ in range(2))
        )
        self.up2 = UpBottleneck(second, first, dropout=dropout)
        self.stage2 = Bottleneck(first, act=nn.ReLU, dropout=dropout)
        self.conv_seg = nn.ConvTranspose2d(
            first, self.num_classes, 3, stride=2, padding=1, output_padding=1
        )
        set_norms(self, self.norm_cfg)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (N, num_classes, H, W) from the encoder's maps."""
        blank, places1, places2, x = self._transform_inputs(inputs)
        x = self.stage1(self.up1(x, places2))
        x = self.stage2(self.up2(x, places1))
        height, width = blank.shape[2:]
        return self.cls_seg(x)[..., :height, :width]
