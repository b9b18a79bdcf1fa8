"""CMX-T1: two small encoders and cross attention between the gases."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from fume_mm.models.backbones import JOINT, DualStreamBackbone
from fume_mm.models.backbones.joint import check_sizes
from fume_mm.models.layers import ConvNormAct, depthwise, norm_layer
from fume_mm.models.rows import Features, Rows, Stages
from fume_mm.registry import MODELS
from fume_mm.structures import GASES

from .parts import conv_init, crop_masks_map, twice


class CMXT1Encoder(nn.Module):
    """Four pairs of 3×3 convolutions, each pair of stride 2.

    Args:
        in_channels: Channels of a frame.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.

    Shape: (N, in_channels, H, W) to one map (N, 256, H/16, W/16), sizes rounded up.
    """

    def __init__(self, in_channels: int = 1, *, norm_cfg: dict | None = None) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = in_channels
        for channels in (32, 64, 128, 256):
            layers += [
                ConvNormAct(width, channels, 3, stride=2, norm_cfg=norm_cfg),
                ConvNormAct(channels, channels, 3, norm_cfg=norm_cfg),
            ]
            width = channels
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Stages:
        """Encode frames ``x`` (N, in_channels, H, W)."""
        return (self.layers(x),)


class CrossAttention(nn.Module):
    """Every position of a map gathers from all positions of another.

    Args:
        channels: Channels C of both maps.
        heads: Heads.
        dropout: Dropout of the attention's weights.

    Shape: twice (N, C, h, w) in, (N, C, h, w) out.
    """

    def __init__(self, channels: int, *, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.query = nn.Conv2d(channels, channels, 1, bias=False)
        self.key = nn.Conv2d(channels, channels, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1, bias=False)
        #: Of each head, in place of 1/√d.
        self.scale = nn.Parameter(torch.ones(heads, 1, 1))
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, source: Tensor) -> Tensor:
        """What positions of ``x`` gather from ``source``, both (N, C, h, w)."""
        query = self._tokens(self.query(x))
        attended = F.scaled_dot_product_attention(
            (query * self.scale).to(query.dtype),
            self._tokens(self.key(source)),
            self._tokens(self.value(source)),
            dropout_p=self.dropout if self.training else 0.0,
            scale=1.0,
        )
        return self.project(attended.transpose(2, 3).reshape(x.shape))

    def _tokens(self, x: Tensor) -> Tensor:
        """(N, C, h, w) to (N, heads, h·w, C / heads)."""
        return x.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)


class CrossBlock(nn.Module):
    """A transformer's block with batch normalisation, whose attention is across gases.

    Args:
        channels: Channels C of the maps.
        heads: Heads of the attention.
        mlp_ratio: Width of the MLP in C.
        dropout: Dropout of the attention's weights.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int = 4,
        mlp_ratio: int = 4,
        dropout: float = 0.1,
        norm_cfg: dict | None = None,
    ) -> None:
        super().__init__()
        width = mlp_ratio * channels
        self.attention_norm = norm_layer(channels, norm_cfg)
        self.attention = CrossAttention(channels, heads=heads, dropout=dropout)
        self.mlp = nn.Sequential(
            norm_layer(channels, norm_cfg),
            nn.Conv2d(channels, width, 1),
            depthwise(width),
            nn.GELU(),
            nn.Conv2d(width, channels, 1),
        )

    def attend(self, x: Tensor, other: Tensor) -> Tensor:
        """``x`` (N, C, h, w) with what it gathers from ``other``, alike in shape."""
        return x + self.attention(self.attention_norm(x), self.attention_norm(other))

    def first(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """The first gas attends to the second."""
        return self.attend(a, b), b

    def second(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """The second gas attends to the first."""
        return a, self.attend(b, a)

    def digest(self, x: Tensor) -> Tensor:
        """``x`` (N, C, h, w) with what the MLP makes of it."""
        return x + self.mlp(x)


@MODELS.register_module()
class CMXT1(BaseModule):
    """The CMX of FUME's Table 1: an encoder per gas, two blocks of cross attention.

    Shares with CMX (Zhang et al., IEEE T-ITS 2023, arXiv:2203.04838) that two streams
    attend to each other. CMX's transformers, rectification and fusion after each stage
    and its decoder are not there.

    In a block CO2 attends to CH4, then CH4 to what CO2 has become. Samples that lack a
    gas skip the attention, and the mean of the gases at the end is over those that
    exist. The rewrite attends to features of 0, and halves the lone gas.

    Args:
        num_blocks: Blocks of cross attention.
        dropout: Dropout of the attention's weights.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
        init_cfg: MMEngine's initialisation; None is Kaiming's for the convolutions.

    Gives the health head's map (N, 256, H/16, W/16) and the mask heads'
    (N, 64, H/4, W/4).
    """

    #: Tells the model to take the health head's map from here.
    joint = True

    def __init__(
        self,
        *,
        num_blocks: int = 2,
        dropout: float = 0.1,
        norm_cfg: dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg or conv_init())
        self.streams = DualStreamBackbone(
            {'type': CMXT1Encoder, 'norm_cfg': norm_cfg}, shared=False
        )
        self.blocks = nn.ModuleList(
            CrossBlock(256, dropout=dropout, norm_cfg=norm_cfg)
            for _ in range(num_blocks)
        )
        self.decoder = nn.Sequential(
            ConvNormAct(256, 128, 3, bias=True, norm_cfg=norm_cfg),
            twice(),
            ConvNormAct(128, 64, 3, bias=True, norm_cfg=norm_cfg),
            twice(),
        )

    def forward(self, frames: Features, rows: Rows) -> dict[str, Stages]:
        """Joint features; see :meth:`JointBackbone.forward`."""
        check_sizes(frames)
        maps = self.streams(frames)
        features = {gas: stages[0] for gas, stages in maps.items()}
        for block in self.blocks:
            assert isinstance(block, CrossBlock)
            for gas, attend in zip(GASES, (block.first, block.second), strict=True):
                features = rows.exchange(attend, features)
                if gas in features:
                    features[gas] = block.digest(features[gas])
        mean = rows.mean(features)
        return {JOINT: crop_masks_map((mean, self.decoder(mean)), frames)}
