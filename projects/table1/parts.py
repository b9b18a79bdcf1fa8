"""What the nets of FUME's Table 1 share.

The eight nets are called "T1": their layers are those of the dual-gas rewrites whose
parameters and MACs FUME's Table 1 (arXiv 2601.08205) reports under the names of
published nets. The rewrites multiply the features of a missing gas, which they have
encoded as a black frame, by 0; here it is not encoded and its features are zeros. In
training, batch normalisation of an encoder that both gases share sees both at once.

N samples, N_g of them with gas g, frames of H×W.
"""

from collections.abc import Sequence
from typing import Any

from mmseg.models.utils import InvertedResidual
from torch import Tensor, nn

from fume_mm.models.backbones import DualStreamBackbone, JointBackbone
from fume_mm.models.heads.mask_head import MaskHead
from fume_mm.models.layers import ConvNormAct, enlarge, norm_or_default
from fume_mm.models.necks import FusionNeck
from fume_mm.models.rows import Features, Rows, Stages, concatenate
from fume_mm.registry import MODELS

#: Stride of the last of the maps that the joint nets give to the mask heads.
MASK_STRIDE = 4


def conv_init() -> dict:
    """Kaiming's initialisation of the convolutions; the rewrites' is unknown."""
    return {'type': 'Kaiming', 'layer': ['Conv2d', 'ConvTranspose2d']}


def twice() -> nn.Upsample:
    """(N, C, h, w) to (N, C, 2h, 2w), bilinear."""
    return nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False)


def enlarging_decoder(
    in_channels: int, widths: Sequence[int], *, norm_cfg: dict | None = None
) -> nn.Sequential:
    """For each width, twice the size, then a 3×3 convolution, norm, ReLU.

    Shape: (N, in_channels, h, w) to (N, widths[-1], h·2ᵏ, w·2ᵏ), k the number of
    widths.
    """
    layers: list[nn.Module] = []
    for width in widths:
        layers += [twice(), ConvNormAct(in_channels, width, 3, norm_cfg=norm_cfg)]
        in_channels = width
    return nn.Sequential(*layers)


def crop_masks_map(maps: Stages, frames: Features) -> Stages:
    """Cut the last of ``maps`` to ⌈H/4⌉×⌈W/4⌉.

    A map that was halved, sizes rounded up, and doubled again is larger than it was
    where the frame's size is no multiple of its stride; its first rows and columns are
    those of the frame.
    """
    height, width = next(iter(frames.values())).shape[2:]
    # rounded up; -(-a // b) would be rounded towards zero where sizes are exported
    rows = (height + MASK_STRIDE - 1) // MASK_STRIDE
    columns = (width + MASK_STRIDE - 1) // MASK_STRIDE
    return (*maps[:-1], maps[-1][..., :rows, :columns])


class T1Backbone(JointBackbone):
    """Base of the nets that encode each gas, join the two and decode the joint map.

    Their maps are the one that the health head reads and, at a quarter of the frame's
    size, the one that the mask heads read: a model sets ``fuse_stage=0``.

    Args:
        encoder: Config of an encoder: a frame in, a sequence of maps out.
        shared: One set of weights for both gases.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.
    """

    def __init__(
        self,
        encoder: dict[str, Any],
        *,
        shared: bool,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or conv_init())
        self.streams = DualStreamBackbone(encoder, shared=shared)

    def encode(self, frames: Features) -> dict[str, Stages]:
        """By gas in ``frames``, (N_g, 1, H, W), the encoder's maps."""
        return self.streams(frames)

    def forward(self, frames: Features, rows: Rows) -> dict[str, Stages]:
        """Joint features; see :meth:`JointBackbone.forward`."""
        joint = super().forward(frames, rows)
        return {key: crop_masks_map(maps, frames) for key, maps in joint.items()}


class MobileEncoder(nn.Module):
    """The encoder of DANet-T1 and MTINet-T1, after MobileNetV2.

    3×3 convolution of stride 2 to 32 channels, an inverted residual without expansion
    to 16, then stages of inverted residuals with expansion 6 (Sandler et al. 2018,
    arXiv:1801.04381, table 2) to 24, 32, 64 and 128 channels, each of stride 2. The
    activation is ReLU where MobileNetV2 has ReLU6.

    Args:
        in_channels: Channels of a frame.
        blocks: Inverted residuals in each stage.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, in_channels, H, W) to one map (N, 128, H/32, W/32), sizes rounded up.
    """

    def __init__(
        self,
        in_channels: int = 1,
        *,
        blocks: Sequence[int] = (2, 3, 3, 3),
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        options = {'norm_cfg': norm_or_default(norm_cfg), 'act_cfg': {'type': 'ReLU'}}
        layers: list[nn.Module] = [
            ConvNormAct(in_channels, 32, 3, stride=2, norm_cfg=norm_cfg),
            InvertedResidual(32, 16, stride=1, expand_ratio=1, **options),
        ]
        width = 16
        for channels, count in zip((24, 32, 64, 128), blocks, strict=True):
            for block in range(count):
                stride = 2 if block == 0 else 1
                layers.append(
                    InvertedResidual(
                        width, channels, stride=stride, expand_ratio=6, **options
                    )
                )
                width = channels
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Stages:
        """Encode frames ``x`` (N, in_channels, H, W)."""
        return (self.layers(x),)


@MODELS.register_module()
class StackedConvFusion(FusionNeck):
    """Concatenation, then 3×3 convolutions with norm and ReLU, 2C → channels → ….

    Args:
        in_channels: C of each gas's features.
        channels: Channels of the fused map; None is ``in_channels``.
        num_convs: Convolutions.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int | None = None,
        *,
        num_convs: int = 2,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        channels = channels or in_channels
        super().__init__(
            in_channels, out_channels=channels, init_cfg=init_cfg or conv_init()
        )
        widths = [2 * in_channels] + [channels] * num_convs
        self.fuse = nn.Sequential(
            *(
                ConvNormAct(width, channels, 3, norm_cfg=norm_cfg)
                for width in widths[:-1]
            )
        )

    def join(self, streams: Features) -> Tensor:
        """(N, channels, h, w)."""
        return self.fuse(concatenate(streams))


@MODELS.register_module()
class T1MaskHead(MaskHead):
    """The mask heads of the T1 nets: enlarge, a 3×3 convolution, classes.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the 3×3 convolution (with norm and ReLU); None is a head
            without one.
        scale: How much larger the map becomes before the convolution, bilinearly.
        dropout_ratio: Dropout of whole channels before the classes.
        **kwargs: Of :class:`MaskHead`.

    Shape: the map at ``in_index`` (default: the last), (N, in_channels, h, w), to
    logits (N, num_classes, scale·h, scale·w).
    """

    def __init__(
        self,
        in_channels: int,
        *,
        channels: int | None = None,
        scale: int = 1,
        dropout_ratio: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            channels or in_channels,
            dropout_ratio=dropout_ratio,
            **kwargs,
        )
        self.scale = scale
        self.conv = (
            ConvNormAct(in_channels, channels, 3, norm_cfg=self.norm_cfg)
            if channels
            else nn.Identity()
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (N, num_classes, scale·h, scale·w) from the model's maps."""
        x = self._transform_inputs(inputs)
        if self.scale > 1:
            x = enlarge(x, [self.scale * side for side in x.shape[2:]])
        return self.cls_seg(self.conv(x))
