"""CMX: two transformers that correct each other after every stage, then fuse.

N samples, N_g of them with gas g; C, h, w channels and size of a stage's maps.
"""

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule, ModuleDict, ModuleList
from mmseg.models.backbones import MixVisionTransformer
from mmseg.models.utils import nlc_to_nchw
from torch import Tensor, nn

from fume_mm.errors import UserError
from fume_mm.registry import MODELS
from fume_mm.structures import GASES

from ..backbones.joint import JOINT, check_sizes
from ..layers import SingleFrameBN
from ..rows import Features, Rows, Stages, concatenate
from .precision import full_precision

#: λ of the rectification, the paper's λ_C = λ_S.
_STRENGTH = 0.5


class FeatureRectification(BaseModule):
    """Each stream corrects the other: CM-FRM (CMX, section III-B).

    a ← a + λ·(c_b + s_b)·b and b ← b + λ·(c_a + s_a)·a, with gates c per channel, from
    the mean and the maximum of both maps, and s per position, from both maps.

    Args:
        channels: C of either map.

    Shape: twice (N, C, h, w) in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(_initialisation())
        self.channel_gates = nn.Sequential(
            nn.Linear(4 * channels, 4 * channels),
            nn.ReLU(inplace=True),
            nn.Linear(4 * channels, 2 * channels),
            nn.Sigmoid(),
        )
        self.spatial_gates = nn.Sequential(
            nn.Conv2d(2 * channels, channels, kernel_size=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, 2, kernel_size=1),
            nn.Sigmoid(),
        )

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Correct ``a`` by ``b`` and ``b`` by ``a``, both (N, C, h, w)."""
        joined = torch.cat([a, b], dim=1)
        pooled = torch.cat([joined.mean(dim=(2, 3)), joined.amax(dim=(2, 3))], dim=1)
        gates = self.channel_gates(pooled)[:, :, None, None]
        channel_a, channel_b = gates.chunk(2, dim=1)
        spatial_a, spatial_b = self.spatial_gates(joined).chunk(2, dim=1)
        return (
            a + _STRENGTH * (channel_b + spatial_b) * b,
            b + _STRENGTH * (channel_a + spatial_a) * a,
        )


class _CrossPath(nn.Module):
    """One gas's side of the cross attention; maps are (N, h, w, C) here."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.split = nn.Linear(channels, 2 * channels)
        self.key_value = nn.Linear(channels, 2 * channels, bias=False)
        self.merge = nn.Linear(2 * channels, channels)
        self.norm = nn.LayerNorm(channels)

    def parts(self, x: Tensor) -> tuple[Tensor, ...]:
        """What is kept of ``x`` and what asks the other gas, both like ``x``."""
        return F.relu(self.split(x)).chunk(2, dim=-1)

    def context(self, asking: Tensor) -> Tensor:
        """Summary of a gas (N, heads, C/heads, C/heads), float32.

        Its entries are sums over all positions, more than float16 holds.
        """
        both = self.key_value(asking).chunk(2, dim=-1)
        keys, values = (self._by_head(x).float() for x in both)
        scale = keys.shape[-1] ** -0.5
        with full_precision(asking):
            return (keys.transpose(-2, -1) @ values * scale).softmax(dim=-2)

    def answer(self, asking: Tensor, context: Tensor) -> Tensor:
        """What ``asking`` (N, h, w, C) finds in the other gas's context."""
        answer = self._by_head(asking) @ context.to(asking.dtype)
        return answer.transpose(1, 2).reshape(asking.shape)

    def _by_head(self, x: Tensor) -> Tensor:
        """(N, h, w, C) to (N, heads, h·w, C/heads)."""
        tokens = x.flatten(1, 2).unflatten(-1, (self.heads, -1))
        return tokens.transpose(1, 2)

    def forward(self, x: Tensor, kept: Tensor, answer: Tensor) -> Tensor:
        """``x`` and what was kept and found, normalised; all (N, h, w, C)."""
        return self.norm(x + self.merge(torch.cat([kept, answer], dim=-1)))


class FeatureFusion(BaseModule):
    """One map of two streams: FFM (CMX, section III-C).

    Cross attention through a global context (C/heads × C/heads) of the other stream,
    then a 1×1 convolution of the joined streams beside 1×1, depthwise 3×3, 1×1.

    A sample with one gas passes the same layers without an exchange: zeros stand for
    what its stream would have found in the other, and for the other stream where the
    two are joined.

    Args:
        channels: C of either stream and of the result.
        heads: Heads of the cross attention.
    """

    def __init__(self, channels: int, *, heads: int) -> None:
        super().__init__(_initialisation())
        self.paths = nn.ModuleDict({gas: _CrossPath(channels, heads) for gas in GASES})
        self.residual = nn.Conv2d(2 * channels, channels, kernel_size=1, bias=False)
        self.embed = nn.Sequential(
            nn.Conv2d(2 * channels, channels, kernel_size=1),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, groups=channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, kernel_size=1),
            SingleFrameBN(channels),
        )
        self.norm = SingleFrameBN(channels)

    def forward(self, features: Features, rows: Rows) -> Tensor:
        """(N, C, h, w) from maps by gas, (·, C, h, w)."""
        maps = {gas: x.permute(0, 2, 3, 1) for gas, x in features.items()}
        kept: Features = {}
        asking: Features = {}
        for gas, x in maps.items():
            kept[gas], asking[gas] = self.paths[gas].parts(x)  # type: ignore[operator]
        nothing = {gas: torch.zeros_like(x) for gas, x in asking.items()}
        answers = rows.exchange(self._attend, asking, nothing)
        streams = rows.spread(
            {
                gas: self.paths[gas](x, kept[gas], answers[gas]).permute(0, 3, 1, 2)
                for gas, x in maps.items()
            }
        )
        joined = concatenate(streams)
        return self.norm(self.residual(joined) + self.embed(joined))

    def _attend(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        first, second = (self.paths[gas] for gas in GASES)
        of_a, of_b = first.context(a), second.context(b)  # type: ignore[operator]
        return first.answer(a, of_b), second.answer(b, of_a)  # type: ignore[operator]


@MODELS.register_module()
class CMXBackbone(BaseModule):
    """CMX up to its decoder (Zhang et al. 2023, arXiv:2203.04838, section III).

    A Mix Transformer per gas; after every stage the two maps rectify each other, go on
    rectified, and are fused into one map of the sample. Only samples with both gases
    rectify and attend; a sample with one gas is encoded by its own transformer alone,
    and :class:`FeatureFusion` says how its maps are made.

    Args:
        encoder: Config of an ``mmseg.MixVisionTransformer``, built once per gas.

    Shape: frames (N_g, 1, H, W) to four maps (N, C_i, H/2^(i+2), W/2^(i+2)).
    """

    joint = True

    def __init__(self, encoder: dict[str, Any]) -> None:
        super().__init__()
        self.encoders = ModuleDict({gas: MODELS.build(encoder) for gas in GASES})
        first = self.encoders[GASES[0]]
        if not isinstance(first, MixVisionTransformer):
            raise UserError(
                f'backbone.encoder is {type(first).__name__}, whose stages CMX cannot '
                "run one by one; give dict(type='mmseg.MixVisionTransformer', ...)."
            )
        widths = [first.embed_dims * heads for heads in first.num_heads]
        self.rectify = ModuleList(map(FeatureRectification, widths))
        self.fuse = ModuleList(
            FeatureFusion(width, heads=heads)
            for width, heads in zip(widths, first.num_heads, strict=True)
        )

    def forward(self, frames: Features, rows: Rows) -> dict[str, Stages]:
        """Fused maps of the samples; see :meth:`.JointBackbone.forward`."""
        check_sizes(frames)
        features = dict(frames)
        fused = []
        for i, (rectify, fuse) in enumerate(zip(self.rectify, self.fuse, strict=True)):
            features = {
                gas: _run_stage(self.encoders[gas].layers[i], x)
                for gas, x in features.items()
            }
            features = rows.exchange(rectify, features)
            fused.append(fuse(features, rows))
        return {JOINT: tuple(fused)}


def _run_stage(stage: nn.ModuleList, x: Tensor) -> Tensor:
    """A stage of an ``mmseg.MixVisionTransformer``: patches, blocks, norm, a map."""
    embed, blocks, norm = stage
    x, size = embed(x)
    for block in blocks:  # type: ignore[attr-defined]
        x = block(x, size)
    return nlc_to_nchw(norm(x), size)


def _initialisation() -> list[dict]:
    """Narrow normal for linear layers, fan-out for convolutions, as in SegFormer."""
    return [
        {'type': 'TruncNormal', 'layer': 'Linear', 'std': 0.02},
        {'type': 'Kaiming', 'layer': 'Conv2d'},
    ]
