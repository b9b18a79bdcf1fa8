"""GasTwinFormer: efficient and windowed attention in turn, and a LR-ASPP decoder."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.cnn.bricks.drop import build_dropout
from mmengine.model import BaseModule
from mmseg.models.backbones import MixVisionTransformer
from mmseg.models.backbones.mit import MixFFN
from torch import Tensor, nn

from fume_mm.registry import MODELS

from ..heads.mask_head import MaskHead
from ..layers import ConvNormAct, enlarge

#: LayerNorm's ε in all of the encoder.
_EPS = 1e-6
#: Channels per attention head, and the heads of each stage.
_WIDTH, _HEADS = 32, (1, 2, 5, 8)
#: Hidden channels of the Mix-FFN per channel.
_EXPANSION = 4


class WindowAttention(BaseModule):
    """Self-attention within windows (Twins, Chu et al. 2021, arXiv:2104.13840, LSA).

    A map whose sides the window does not divide is padded at its bottom and right, and
    padded positions are attended to by none. (``mmseg``'s layer of this name attends to
    them when only one side is padded.)

    Args:
        channels: Channels C, divisible by ``heads``.
        heads: Attention heads.
        window_size: Side of the windows.
    """

    def __init__(self, channels: int, *, heads: int, window_size: int) -> None:
        super().__init__()
        self.heads = heads
        self.window_size = window_size
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Attend within the windows of ``x`` (N, H·W, C), ``size`` (H, W)."""
        height, width = size
        down, right = (-side % self.window_size for side in (height, width))
        x = x.unflatten(1, (height, width))
        mask = None
        if down or right:
            mask = self._real_positions(x, down, right)
            mask = mask.expand(x.shape[0], -1, -1, -1, -1).flatten(0, 1)
            x = F.pad(x, (0, 0, 0, right, 0, down))
        windows = self._to_windows(x)
        # windows join the batch: ONNX has no attention in more than four dimensions
        qkv = self.qkv(windows.flatten(0, 1)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended = attended.transpose(1, 2).flatten(2).unflatten(0, windows.shape[:2])
        x = self._from_windows(attended, height + down, width + right)
        return self.proj(x[:, :height, :width].flatten(1, 2))

    def _real_positions(self, x: Tensor, down: int, right: int) -> Tensor:
        """(1, windows, 1, 1, positions) bool: those of the map, not of its padding."""
        inside = x.new_ones(1, *x.shape[1:3], 1)
        inside = F.pad(inside, (0, 0, 0, right, 0, down))
        return self._to_windows(inside).transpose(2, 3)[:, :, None] > 0

    def _to_windows(self, x: Tensor) -> Tensor:
        """(N, H, W, C) to (N, windows, positions, C)."""
        n, height, width, channels = x.shape
        side = self.window_size
        x = x.reshape(n, height // side, side, width // side, side, channels)
        return x.transpose(2, 3).reshape(n, -1, side * side, channels)

    def _from_windows(self, x: Tensor, height: int, width: int) -> Tensor:
        """(N, windows, positions, C) to (N, H, W, C)."""
        side = self.window_size
        # len(x) would fix the batch of an exported graph
        n = x.shape[0]
        x = x.reshape(n, height // side, width // side, side, side, -1)
        return x.transpose(2, 3).reshape(n, height, width, -1)


class WindowLayer(BaseModule):
    """A transformer layer of windowed attention and SegFormer's Mix-FFN.

    Args:
        channels: Channels C.
        heads: Attention heads.
        window_size: Side of the windows.
        drop_path_rate: Probability that a sample skips the attention, or the Mix-FFN,
            in training. The authors' code drops once more after the second sum, which
            zeroes a sample's whole map; here it does not.
    """

    def __init__(
        self,
        channels: int,
        *,
        heads: int,
        window_size: int,
        drop_path_rate: float = 0.0,
    ) -> None:
        super().__init__()
        drop_path = {'type': 'DropPath', 'drop_prob': drop_path_rate}
        self.norm1 = nn.LayerNorm(channels, eps=_EPS)
        self.attn = WindowAttention(channels, heads=heads, window_size=window_size)
        self.drop_path = build_dropout(drop_path)
        self.norm2 = nn.LayerNorm(channels, eps=_EPS)
        self.ffn = MixFFN(channels, _EXPANSION * channels, dropout_layer=drop_path)

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """``x`` (N, H·W, C) of a map of ``size`` (H, W)."""
        x = x + self.drop_path(self.attn(self.norm1(x), size))
        return self.ffn(self.norm2(x), size, identity=x)


@MODELS.register_module()
class GasTwinFormerEncoder(MixVisionTransformer):
    """The encoder of GasTwinFormer (Sarker et al. 2025, arXiv:2508.15057).

    A Mix Transformer B0 whose stages have two layers: SegFormer's, which attends to a
    reduced map, then one that attends within windows.

    Args:
        in_channels: Channels of a frame.
        window_size: Side of the second layers' windows.
        drop_path_rate: Of the last layer; rises from 0 in the first.
        init_cfg: MMEngine's initialisation; None is the Mix Transformer's.

    Shape: (N, in_channels, H, W) to four maps of strides 4, 8, 16 and 32.
    """

    def __init__(
        self,
        in_channels: int = 1,
        *,
        window_size: int = 5,
        drop_path_rate: float = 0.1,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            embed_dims=_WIDTH,
            num_layers=[2] * len(_HEADS),
            num_heads=list(_HEADS),
            mlp_ratio=_EXPANSION,
            drop_path_rate=drop_path_rate,
            norm_cfg={'type': 'LN', 'eps': _EPS},
            init_cfg=init_cfg,
        )
        rates = torch.linspace(0, drop_path_rate, 2 * len(_HEADS), device='cpu')
        layers = zip(self.layers, _HEADS, rates[1::2].tolist(), strict=True)
        for stage, heads, rate in layers:
            stage[1][1] = WindowLayer(
                _WIDTH * heads,
                heads=heads,
                window_size=window_size,
                drop_path_rate=rate,
            )


@MODELS.register_module()
class AdaptiveLRASPPHead(MaskHead):
    """LR-ASPP over all stages, with a global mean at every size of frame.

    After MobileNetV3's decoder (Howard et al. 2019, arXiv:1905.02244, section 6.4): the
    deepest map, gated by its global mean, then joined with the others from deep to
    shallow. mmseg's ``LRASPPHead`` pools 49×49 positions, more than a 480×640 frame has
    at stride 32. GasTwinFormer trains with a Dice loss that a Gaussian map of the plume
    weights, and half a cross entropy; here with the config's loss.

    Args:
        in_channels: Channels of the encoder's maps, shallow to deep.
        channels: Channels within the decoder.
        **kwargs: Of :class:`MaskHead`.

    Shape: features to logits (N, num_classes, h, w), h and w of the shallowest map.
    """

    def __init__(
        self,
        in_channels: Sequence[int] = (32, 64, 160, 256),
        *,
        channels: int = 128,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, channels, **kwargs)
        *skips, deepest = in_channels
        norm = self.norm_cfg
        self.deep_conv = ConvNormAct(deepest, channels, norm_cfg=norm)
        self.gate = nn.Conv2d(deepest, channels, kernel_size=1, bias=False)
        self.mix = nn.Conv2d(channels, channels, kernel_size=1)
        self.skip_convs = nn.ModuleList(
            nn.Conv2d(width, width, kernel_size=1, bias=False) for width in skips
        )
        self.up_convs = nn.ModuleList(
            ConvNormAct(channels + width, channels, norm_cfg=norm) for width in skips
        )

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Logits (N, num_classes, h, w) from the encoder's features."""
        *skips, deepest = self._transform_inputs(inputs)
        gate = self.gate(deepest.mean(dim=(2, 3), keepdim=True)).sigmoid()
        x = self.mix(self.deep_conv(deepest) * gate)
        layers = list(zip(skips, self.skip_convs, self.up_convs, strict=True))
        for skip, skip_conv, up_conv in reversed(layers):
            x = enlarge(x, skip.shape[2:], align_corners=self.align_corners)
            x = up_conv(torch.cat([x, skip_conv(skip)], dim=1))
        return self.cls_seg(x)
