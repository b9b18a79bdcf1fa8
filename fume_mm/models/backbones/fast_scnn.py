"""The Fast-SCNN encoder."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmseg.models.utils import InvertedResidual
from torch import Tensor, nn

from fume_mm.registry import MODELS

from ..layers import (
    ChannelAttention,
    ConvNormAct,
    DepthwiseSeparableConv,
    PyramidPooling,
    norm_or_default,
)


@MODELS.register_module()
class FastSCNNEncoder(BaseModule):
    """Fast-SCNN up to its pyramid pooling (Poudel et al. 2019, arXiv:1902.04502).

    "Learning to downsample" gives the low-level features, three stages of inverted
    residuals and pyramid pooling the high-level ones. Deviations, as FUME's encoder has
    them: depthwise-separable convolutions have one norm, after the pointwise part;
    inverted residuals use ReLU6; the pooling's convolutions have a bias and no norm.

    Args:
        in_channels: Channels of a frame.
        downsample_channels: Channels of the three convolutions, each of stride 2, that
            lead to the low-level features.
        stage_channels: Channels of the stages of inverted residuals.
        stage_blocks: Inverted residuals in each stage.
        stage_strides: Stride of each stage's first block.
        out_channels: Channels of the high-level features.
        channel_attention: Gate the channels in each depthwise-separable and inverted
            residual block, as figure 2 of FUME's paper draws; its code does not.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is PyTorch's, as in FUME's code.

    Attributes:
        out_channels: Channels of (low, high).

    Shape: (N, in_channels, H, W) to low (N, 64, H/8, W/8) and high
    (N, 128, H/32, W/32), sizes rounded up.
    """

    def __init__(
        self,
        in_channels: int = 1,
        *,
        downsample_channels: Sequence[int] = (32, 48, 64),
        stage_channels: Sequence[int] = (64, 96, 128),
        stage_blocks: Sequence[int] = (3, 3, 3),
        stage_strides: Sequence[int] = (2, 2, 1),
        out_channels: int = 128,
        channel_attention: bool = False,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        norm_cfg = norm_or_default(norm_cfg)
        first, second, low = downsample_channels
        self.downsample = nn.Sequential(
            ConvNormAct(in_channels, first, 3, stride=2, norm_cfg=norm_cfg),
            DepthwiseSeparableConv(first, second, stride=2, norm_cfg=norm_cfg),
            DepthwiseSeparableConv(second, low, stride=2, norm_cfg=norm_cfg),
        )
        self.stages = nn.Sequential()
        width = low
        for channels, blocks, stride in zip(
            stage_channels, stage_blocks, stage_strides, strict=True
        ):
            stage = nn.Sequential()
            for i in range(blocks):
                step = 1 if i else stride
                block = InvertedResidual(width, channels, step, 6, norm_cfg=norm_cfg)
                stage.append(block)
                width = channels
            self.stages.append(stage)
        for module in self.stages.modules():
            if isinstance(module, nn.Conv2d):
                # mmcv's ConvModule has drawn Kaiming's normal over the fan out, which
                # starts depthwise kernels at a tenth of PyTorch's
                module.reset_parameters()
        if channel_attention:
            _gate_channels(self)
        self.pyramid = PyramidPooling(width, out_channels, norm_cfg=norm_cfg)
        self.out_channels = (low, out_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Encode frames ``x`` (N, in_channels, H, W) into (low, high)."""
        low = self.downsample(x)
        return low, self.pyramid(self.stages(low))


def _gate_channels(encoder: FastSCNNEncoder) -> None:
    """Give the blocks a channel attention: last, or before a residual's projection."""
    for module in list(encoder.modules()):
        if isinstance(module, DepthwiseSeparableConv):
            pointwise = module[1]
            assert isinstance(pointwise, nn.Conv2d)
            module.append(ChannelAttention(pointwise.out_channels))
        elif isinstance(module, InvertedResidual):
            module.conv.insert(2, ChannelAttention(module.conv[1].out_channels))
