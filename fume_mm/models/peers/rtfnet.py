"""RTFNet: one encoder's maps are added into the other's at every depth.

N samples, N_g of them with gas g, frames of H×W.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from mmengine.model import BaseModule, ModuleDict
from mmseg.models.backbones import ResNet
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES

from ..backbones.joint import JOINT, check_sizes
from ..heads.mask_head import MaskHead
from ..layers import ConvNormAct, SingleFrameBN, set_norms
from ..rows import Features, Rows, Stages

#: Places of fusion: after the first convolution and after each of four stages.
_DEPTHS = 5


def _double(in_channels: int, channels: int) -> nn.Sequential:
    """2×2 transposed convolution of stride 2, and norm."""
    conv = nn.ConvTranspose2d(in_channels, channels, 2, stride=2, bias=False)
    return nn.Sequential(conv, SingleFrameBN(channels))


class UpStage(nn.Module):
    """RTFNet's upception blocks A and B (section III): twice the size.

    A keeps size and channels: 1×1, 3×3 and 3×3 convolutions, plus the input. B changes
    both: 1×1 and 3×3 convolutions and a 2×2 transposed one, plus a transposed
    convolution of the input. A norm follows each convolution, ReLU each norm or sum.

    Args:
        in_channels: Channels of the input.
        channels: Channels of the output.

    Shape: (N, in_channels, h, w) to (N, channels, 2h, 2w).
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.keep = nn.Sequential(
            ConvNormAct(in_channels, in_channels),
            ConvNormAct(in_channels, in_channels, 3),
            ConvNormAct(in_channels, in_channels, 3, act=False),
        )
        self.grow = nn.Sequential(
            ConvNormAct(in_channels, channels),
            ConvNormAct(channels, channels, 3),
            _double(channels, channels),
        )
        self.shortcut = _double(in_channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, 2h, 2w) from ``x`` (N, in_channels, h, w)."""
        x = (x + self.keep(x)).relu()
        return (self.grow(x) + self.shortcut(x)).relu()


@MODELS.register_module()
class RTFNetBackbone(BaseModule):
    """RTFNet but for its last stage (Sun et al. 2019, doi:10.1109/LRA.2019.2904733).

    A ResNet per gas. After the first convolution and after each of the four stages, the
    other gas's map is added into that of the carrying gas, which goes on as the sum,
    while the other goes on pure (section III). The last sum is enlarged stage by
    stage, without skips. In RTFNet colour carries and thermal is added; here CO2
    carries, as it is there in most samples, 69 % of FUME's frames.

    A gas that a sample lacks is not encoded. Without the other gas nothing is added to
    the carrying one; without the carrying gas the other carries alone, as a sum with
    zeros.

    Args:
        encoder: Config of an ``mmseg.ResNet``, built once per gas.
        carrier: The gas into whose maps the other's are added.

    Gives the health head's map (N, C, H/32, W/32), C the encoder's channels, and the
    mask heads' (N, C/16, H/2, W/2), sizes rounded up: a model sets ``fuse_stage=0``.
    """

    joint = True

    def __init__(self, encoder: dict[str, Any], *, carrier: str = 'co2') -> None:
        super().__init__({'type': 'Kaiming', 'layer': ['Conv2d', 'ConvTranspose2d']})
        if carrier not in GASES:
            raise UserError(
                f'backbone.carrier is {carrier!r}; choose one of {", ".join(GASES)}.'
            )
        self.carrier = carrier
        (self.other,) = (gas for gas in GASES if gas != carrier)
        self.encoders = ModuleDict({gas: MODELS.build(encoder) for gas in GASES})
        first = self.encoders[carrier]
        if not isinstance(first, ResNet) or len(first.res_layers) != _DEPTHS - 1:
            raise UserError(
                f'backbone.encoder is {type(first).__name__}, whose stages RTFNet '
                "cannot run one by one; give dict(type='mmseg.ResNet', ...) of four "
                'stages.'
            )
        widths = [first.feat_dim // 2**i for i in range(_DEPTHS)]
        self.decoder = nn.ModuleList(
            UpStage(before, after) for before, after in pairwise(widths)
        )

    def forward(self, frames: Features, rows: Rows) -> dict[str, Stages]:
        """The two maps of the samples; see :meth:`.JointBackbone.forward`."""
        check_sizes(frames)
        features = dict(frames)
        for depth in range(_DEPTHS):
            features = {
                gas: _run_depth(self.encoders[gas], depth, x)
                for gas, x in features.items()
            }
            features = rows.exchange(self._add, features)
        streams = rows.spread(features)
        carrying, other = streams[self.carrier], streams[self.other]
        here = rows.has(self.carrier).to(carrying.device)
        x = deep = torch.where(here[:, None, None, None], carrying, other)
        height, width = next(iter(frames.values())).shape[2:]
        for depth, stage in enumerate(self.decoder, start=1):
            # what was halved, rounded up, and doubled may have grown by a row
            stride = 2 ** (_DEPTHS - depth)
            tall, wide = ((side + stride - 1) // stride for side in (height, width))
            x = stage(x)[..., :tall, :wide]
        return {JOINT: (deep, x)}

    def _add(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """The two gases' maps, the other's added into the carrying one."""
        return (a + b, b) if self.carrier == GASES[0] else (a, a + b)


def _run_depth(encoder: ResNet, depth: int, x: Tensor) -> Tensor:
    """The stem of a ``mmseg.ResNet``, or a stage of it, the pooling with the first."""
    if depth == 0:
        if encoder.deep_stem:
            return encoder.stem(x)
        return encoder.relu(encoder.norm1(encoder.conv1(x)))
    if depth == 1:
        x = encoder.maxpool(x)
    return getattr(encoder, encoder.res_layers[depth - 1])(x)


@MODELS.register_module()
class RTFNetHead(MaskHead):
    """The last stage of RTFNet's decoder, which gives the classes (Sun et al. 2019).

    As published, a norm and a ReLU follow the last convolutions, so logits are not
    negative. Each gas has this stage of its own on the decoder that both share.

    Args:
        in_channels: Channels of the decoder's map.
        dropout_ratio: Dropout of whole channels before the stage; RTFNet has none.
        **kwargs: Of :class:`MaskHead`.

    Shape: the map at ``in_index`` (default: the last), (N, in_channels, h, w), to
    logits (N, num_classes, 2h, 2w).
    """

    def __init__(
        self, in_channels: int = 32, *, dropout_ratio: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(
            in_channels, in_channels, dropout_ratio=dropout_ratio, **kwargs
        )
        self.conv_seg = UpStage(in_channels, self.num_classes)
        set_norms(self, self.norm_cfg)

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (N, num_classes, 2h, 2w) from the backbone's maps."""
        return self.cls_seg(self._transform_inputs(inputs))
