"""The EfficientNet-Lite0 encoder."""

from collections.abc import Sequence
from typing import Any

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.models.utils import InvertedResidualV3
from torch import Tensor, nn

from fume_mm.registry import MODELS

from ..layers import norm_or_default

_STEM = 32  # channels of the first convolution, stride 2
_EXPANSION = 6
#: Kernel, stride and channels of each stage.
STAGES = (
    (3, 1, 16),
    (3, 2, 24),
    (5, 2, 40),
    (3, 2, 80),
    (5, 1, 112),
    (5, 2, 192),
    (3, 1, 320),
)


# Parts of a block by their published names and by ours.
_PARTS = {
    '_expand_conv': 'expand_conv.conv',
    '_bn0': 'expand_conv.bn',
    '_depthwise_conv': 'depthwise_conv.conv',
    '_bn1': 'depthwise_conv.bn',
    '_project_conv': 'linear_conv.conv',
    '_bn2': 'linear_conv.bn',
}


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """EfficientNet-Lite0 without its classifier: inverted residuals, no gates, ReLU6.

    EfficientNet-B0 (Tan and Le 2019, arXiv:1905.11946) as TensorFlow's repository made
    it lighter for phones. Its padding is TensorFlow's.

    Args:
        in_channels: Channels of a frame.
        blocks: Inverted residuals in each stage; fewer than the published ones, at its
            end, leave off the deepest.
        out_indices: Stages whose maps are given.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; ``GrayPretrained`` takes ImageNet's.

    Shape: (N, in_channels, H, W) to a map for each of ``out_indices``; stages 1, 2, 4
    and 6 are the last at strides 4, 8, 16 and 32, sizes rounded up, and have 24, 40,
    112 and 320 channels; stage 5 has 192 at stride 32.
    """

    def __init__(
        self,
        in_channels: int = 1,
        *,
        blocks: Sequence[int] = (1, 2, 2, 3, 3, 4, 1),
        out_indices: Sequence[int] = (1, 2, 4, 6),
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.blocks, self.out_indices = tuple(blocks), tuple(out_indices)
        options: dict[str, Any] = {
            'norm_cfg': {**norm_or_default(norm_cfg), 'eps': 1e-3},
            'act_cfg': {'type': 'ReLU6'},
        }
        self.stem = ConvModule(
            in_channels,
            _STEM,
            3,
            stride=2,
            padding=1,
            conv_cfg={'type': 'Conv2dAdaptivePadding'},
            **options,
        )
        self.stages = nn.Sequential()
        width = _STEM
        for i, (count, shape) in enumerate(zip(blocks, STAGES, strict=False)):
            kernel, stride, channels = shape
            stage = nn.Sequential()
            for j in range(count):
                block = InvertedResidualV3(
                    width,
                    channels,
                    width * (_EXPANSION if i else 1),
                    kernel_size=kernel,
                    stride=1 if j else stride,
                    with_expand_conv=i > 0,
                    **options,
                )
                stage.append(block)
                width = channels
            self.stages.append(stage)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Encode frames ``x`` (N, in_channels, H, W) into the maps of the stages."""
        maps: list[Tensor] = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return tuple(maps[i] for i in self.out_indices)

    def from_published(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The published weights that this encoder has a place for, by its own names.

        Args:
            weights: By the names of the package efficientnet-lite-pytorch
                (``_conv_stem``, ``_blocks.0._depthwise_conv``); others stay.
        """
        places = [
            f'stages.{i}.{j}'
            for i, count in enumerate(self.blocks)
            for j in range(count)
        ]
        found = {}
        for key, x in weights.items():
            part, _, rest = key.partition('.')
            if part == '_blocks':
                number, part, rest = rest.split('.', 2)
                if int(number) < len(places):
                    found[f'{places[int(number)]}.{_PARTS[part]}.{rest}'] = x
            elif part in ('_conv_stem', '_bn0'):
                found[f'stem.{"bn" if part == "_bn0" else "conv"}.{rest}'] = x
            elif part not in ('_conv_head', '_bn1', '_fc'):
                found[key] = x
        return found
