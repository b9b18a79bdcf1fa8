"""ESPNetv2: dilated depthwise convolutions that share one narrow projection."""

from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS

from ..heads.mask_head import MaskHead
from ..layers import ConvNormAct, SingleFrameBN, depthwise, enlarge, set_norms
from ..rows import Stages

#: Branches of an EESP unit, and groups of its 1×1 convolutions.
_BRANCHES = 4
#: Dilations of the branches; deep units may not see as far as shallow ones.
_FAR = (1, 2, 3, 4)
_NEAR = (1, 1, 2, 3)
#: Convolution, norm and a PReLU with a slope per channel.
ConvNormPReLU = partial(ConvNormAct, act=nn.PReLU)


class EESP(nn.Module):
    """Extremely efficient spatial pyramid of convolutions (section 3.1, figure 1b).

    A grouped 1×1 convolution to a quarter of the channels; four depthwise dilated 3×3
    convolutions of that, whose running sums are joined (hierarchical feature fusion,
    against gridding); norm, PReLU; a grouped 1×1 convolution and norm. With stride 1,
    plus the input where it has as many channels, then PReLU; with a stride neither,
    as both follow in :class:`StridedEESP`.

    Args:
        in_channels: Channels of the input, divisible by 4.
        channels: Channels of the output, divisible by 16.
        stride: Stride of the dilated convolutions.
        dilations: Of the four branches.

    Shape: (N, in_channels, H, W) to (N, channels, ⌈H/stride⌉, ⌈W/stride⌉).
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        *,
        stride: int = 1,
        dilations: Sequence[int] = _FAR,
    ) -> None:
        super().__init__()
        width = channels // _BRANCHES
        self.residual = stride == 1 and in_channels == channels
        self.reduce = ConvNormPReLU(in_channels, width, groups=_BRANCHES)
        self.branches = nn.ModuleList(
            depthwise(width, stride=stride, dilation=dilation) for dilation in dilations
        )
        self.norm = nn.Sequential(SingleFrameBN(channels), nn.PReLU(channels))
        self.expand = ConvNormAct(channels, channels, groups=_BRANCHES, act=False)
        self.act = nn.PReLU(channels) if stride == 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) from ``x`` (N, in_channels, H, W)."""
        reduced = self.reduce(x)
        sums = list(accumulate(branch(reduced) for branch in self.branches))
        out = self.expand(self.norm(torch.cat(sums, dim=1)))
        return self.act(x + out if self.residual else out)


class StridedEESP(nn.Module):
    """Half the size, reminded of the image (section 3.2, figure 2).

    The averaged input beside a strided :class:`EESP` that adds the missing channels;
    plus the image at that size through a 3×3 and a 1×1 convolution, as downsampling
    loses of it; PReLU.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.
        image_channels: Channels of the image.

    Shape: (N, in_channels, H, W) and an image (N, image_channels, ⌈H/2⌉, ⌈W/2⌉) to
    (N, channels, ⌈H/2⌉, ⌈W/2⌉).
    """

    def __init__(self, in_channels: int, channels: int, *, image_channels: int) -> None:
        super().__init__()
        self.eesp = EESP(in_channels, channels - in_channels, stride=2)
        self.reinforce = nn.Sequential(
            ConvNormPReLU(image_channels, image_channels, 3),
            ConvNormAct(image_channels, channels, act=False),
        )
        self.act = nn.PReLU(channels)

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        """(N, channels, H/2, W/2) from ``x`` (N, in_channels, H, W) and the image."""
        down = torch.cat([halve(x), self.eesp(x)], dim=1)
        return self.act(down + self.reinforce(image))


def halve(x: Tensor) -> Tensor:
    """Means of 3×3, stride 2: (N, C, H, W) to (N, C, ⌈H/2⌉, ⌈W/2⌉)."""
    return F.avg_pool2d(x, kernel_size=3, stride=2, padding=1)


#: Corners are aligned, as the authors' are.
_enlarge = partial(enlarge, align_corners=True)


def espnetv2_channels(scale: float) -> tuple[int, int, int, int]:
    """Channels of the four levels at a scale s: 32s but at most 32, 64s, 128s, 256s.

    Raises:
        UserError: If the groups of the EESP units do not divide them.
    """
    widths = [min(32.0, 32 * scale), 64 * scale, 128 * scale, 256 * scale]
    added = [after - before for before, after in pairwise(widths)]
    if scale <= 0 or any(width % _BRANCHES**2 for width in widths + added):
        raise UserError(
            f'backbone.encoder.scale is {scale}, which makes levels of '
            f'{", ".join(f"{width:g}" for width in widths)} channels; they and their '
            'differences must be multiples of 16, as with 0.5, 1.0, 1.5 and 2.0.'
        )
    first, second, third, fourth = map(int, widths)
    return first, second, third, fourth


@MODELS.register_module()
class ESPNetv2Encoder(BaseModule):
    """The encoder of ESPNetv2 (Mehta et al., CVPR 2019, arXiv:1811.11431, section 3).

    Level 1 is a 3×3 convolution; levels 2, 3 and 4 are a strided EESP unit, followed by
    none, 3 and 7 plain ones. Level 5 and the classifier of the paper's table 1 serve
    ImageNet and have no part in segmentation.

    Args:
        in_channels: Channels of a frame, in the authors' code always 3.
        scale: The paper's s; its nets for segmentation are of 0.5 to 2.0.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.

    Shape: (N, in_channels, H, W) to maps of strides 2, 4, 8 and 16, sizes rounded up,
    of :func:`espnetv2_channels` channels.
    """

    def __init__(
        self,
        in_channels: int = 1,
        *,
        scale: float = 2.0,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or {'type': 'Kaiming', 'layer': 'Conv2d'})
        widths = espnetv2_channels(scale)
        self.stem = ConvNormPReLU(in_channels, widths[0], 3, stride=2)
        self.down = nn.ModuleList(
            StridedEESP(before, after, image_channels=in_channels)
            for before, after in pairwise(widths)
        )
        units = zip(widths[1:], (0, 3, 7), (_FAR, _FAR, _NEAR), strict=True)
        self.units = nn.ModuleList(
            nn.Sequential(
                *(EESP(width, width, dilations=dilations) for _ in range(count))
            )
            for width, count, dilations in units
        )
        set_norms(self, norm_cfg)

    def forward(self, x: Tensor) -> Stages:
        """Encode frames ``x`` (N, in_channels, H, W)."""
        image = halve(x)
        maps = [self.stem(x)]
        for down, units in zip(self.down, self.units, strict=True):
            image = halve(image)
            maps.append(units(down(maps[-1], image)))
        return tuple(maps)


class DepthwisePyramid(nn.Module):
    """Pyramid pooling with depthwise convolutions, for the decoder.

    The map, halved one to four times, through a depthwise 3×3 convolution each and
    enlarged; all joined to the map and brought to ``channels``.

    Args:
        channels: Channels of input and output.

    Shape: (N, channels, H, W) in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(depthwise(channels) for _ in range(4))
        self.project = ConvNormPReLU(5 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) from ``x`` of that shape."""
        maps, pooled = [x], x
        for conv in self.convs:
            pooled = halve(pooled)
            maps.append(_enlarge(conv(pooled), x.shape[2:]))
        return self.project(torch.cat(maps, dim=1))


@MODELS.register_module()
class ESPNetv2Head(MaskHead):
    """The decoder of ESPNetv2 (Mehta et al. 2019, section 4.2 on segmentation).

    Level 4, narrowed and enlarged, joins level 3 in an EESP unit and a pyramid; their
    logits are enlarged twice, joining level 2, then level 1. Sizes are those of the
    maps joined, so any size of frame will do. Corners are aligned, as the authors' are;
    only the last enlargement, to the frame, is left to the loss and the model, which do
    not align them.

    Args:
        in_channels: Channels of the four levels; :func:`espnetv2_channels`.
        num_classes: Classes.
        dropout_ratio: Dropout of whole channels before the logits of levels 3 and 1;
            the authors' code has 0.1 at a scale of 0.5.
        auxiliary_weight: Weight of the losses of level 3's logits.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.
        **kwargs: Of :class:`MaskHead`.

    Shape: features to logits (N, num_classes, h, w), h and w of level 1; in training a
    pair, level 3's at its size behind them.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = espnetv2_channels(2.0),
        *,
        num_classes: int = 3,
        dropout_ratio: float = 0.2,
        auxiliary_weight: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
        **kwargs: Any,
    ) -> None:
        first, second, third, fourth = in_channels
        super().__init__(
            in_channels,
            first + num_classes,  # what the last classifier sees
            num_classes=num_classes,
            dropout_ratio=dropout_ratio,
            init_cfg=init_cfg or {'type': 'Kaiming', 'layer': 'Conv2d'},
            **kwargs,
        )
        self.auxiliary_weight = auxiliary_weight
        self.narrow = ConvNormPReLU(fourth, third)
        self.context = nn.Sequential(
            EESP(2 * third, third, dilations=_NEAR), DepthwisePyramid(third)
        )
        self.classify3 = nn.Conv2d(third, num_classes, kernel_size=1, bias=False)
        self.norm3 = nn.Sequential(SingleFrameBN(num_classes), nn.PReLU(num_classes))
        self.classify2 = ConvNormPReLU(second + num_classes, num_classes)
        set_norms(self, self.norm_cfg)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor | tuple[Tensor, Tensor]:
        """Logits from the encoder's maps; in training level 3's as well."""
        first, second, third, fourth = self._transform_inputs(inputs)
        deep = _enlarge(self.narrow(fourth), third.shape[2:])
        x = self.context(torch.cat([third, deep], dim=1))
        logits3 = self.classify3(x if self.dropout is None else self.dropout(x))
        x = _enlarge(self.norm3(logits3), second.shape[2:])
        x = self.classify2(torch.cat([second, x], dim=1))
        x = _enlarge(x, first.shape[2:])
        logits = self.cls_seg(torch.cat([first, x], dim=1))
        return (logits, logits3) if self.training else logits

    def loss_by_feat(
        self, seg_logits: Tensor | tuple[Tensor, Tensor], batch_data_samples: list
    ) -> dict[str, Tensor]:
        """Losses of the logits and, in training, of level 3's, named ``level3``."""
        if isinstance(seg_logits, Tensor):
            return super().loss_by_feat(seg_logits, batch_data_samples)
        logits, logits3 = seg_logits
        losses = super().loss_by_feat(logits, batch_data_samples)
        for name, value in super().loss_by_feat(logits3, batch_data_samples).items():
            if 'loss' in name:
                losses[f'level3.{name}'] = value * self.auxiliary_weight
        return losses
