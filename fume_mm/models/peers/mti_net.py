"""MTI-Net: the gases' masks as tasks that help each other at every scale.

N samples, N_g of them with gas g; C_i, h_i, w_i channels and size of scale i's maps,
scales from fine to coarse.
"""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModule, ModuleDict, ModuleList
from mmseg.models.backbones.resnet import BasicBlock
from torch import Tensor, nn

from fume_mm.registry import MODELS
from fume_mm.structures import GASES

from ..backbones import DualStreamBackbone
from ..backbones.joint import check_sizes
from ..layers import ChannelAttention, ConvNormAct, SingleFrameBN, enlarge
from ..rows import Features, Rows, Stages


def _block(in_channels: int, channels: int) -> BasicBlock:
    """ResNet's basic block, with a projection where the widths differ."""
    project = None
    if in_channels != channels:
        project = ConvNormAct(in_channels, channels, act=False)
    norm_cfg = {'type': SingleFrameBN}
    return BasicBlock(in_channels, channels, downsample=project, norm_cfg=norm_cfg)


def _blocks(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(_block(in_channels, channels), _block(channels, channels))


class FeaturePropagation(nn.Module):
    """What the tasks of a scale tell the next finer one: feature propagation.

    All tasks' features through two basic blocks and a 1×1 convolution give, by a
    softmax over the tasks, their weights at each position and channel; the weighted
    features become one map by a basic block. A task gets that map, its channels gated
    for the task, plus its own feature.

    Args:
        channels: C of each task's feature.

    Shape: twice (N, C, h, w) in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        joined = len(GASES) * channels
        self.harmonise = nn.Sequential(
            *_blocks(joined, joined // 4),
            nn.Conv2d(joined // 4, joined, kernel_size=1),
        )
        self.share = _block(joined, channels)
        self.gates = nn.ModuleList(ChannelAttention(channels) for _ in GASES)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """What is handed on for each task; ``a`` and ``b`` are (N, C, h, w)."""
        joined = torch.cat([a, b], dim=1)
        scores = self.harmonise(joined).unflatten(1, (len(GASES), -1))
        weights = scores.softmax(dim=1).flatten(1, 2).to(joined.dtype)
        shared = self.share(weights * joined)
        of_a, of_b = (gate(shared) for gate in self.gates)
        return a + of_a, b + of_b


class _Message(nn.Module):
    """What a task takes of another: 3×3 convolution, gated by another's sigmoid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.value = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.gate = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, other: Tensor) -> Tensor:
        """(N, C, h, w) from the other task's feature of that shape."""
        return self.value(other) * self.gate(other).sigmoid()


class MultiModalDistillation(nn.Module):
    """Each task's feature plus a gated message of the other's.

    The spatial attention of PAD-Net (Xu et al. 2018, arXiv:1805.04409), at each scale.

    Args:
        channels: C of each task's feature.

    Shape: twice (N, C, h, w) in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.to_a = _Message(channels)
        self.to_b = _Message(channels)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Both tasks' features, each with the other's message."""
        return a + self.to_a(b), b + self.to_b(a)


@MODELS.register_module()
class MTINetBackbone(BaseModule):
    """MTI-Net up to its heads (Vandenhende et al., ECCV 2020, arXiv:2001.06902).

    The tasks are the gases' masks. MTI-Net's tasks look at one image; here each looks
    at its gas's frame, through an encoder that all share. From the coarsest scale to
    the finest, a task's feature is refined from the encoder's map and what the coarser
    scale has handed on; then, at every scale, the tasks are distilled.

    Only samples with both gases propagate and distil. A sample with one gas hands its
    own feature on and keeps it.

    Args:
        encoder: Config of an encoder: (N, 1, H, W) in, maps from fine to coarse out.
        channels: C_i, channels of the encoder's maps.

    Gives per gas 2·S + 1 maps with S scales: the distilled features (N_g, C_i, h_i,
    w_i), which the mask heads read; the refined features of the same shapes, whose
    initial predictions are supervised in training; the encoder's coarsest map, which
    the neck reads, as classes of an image cannot be refined scale by scale.
    """

    def __init__(self, encoder: dict[str, Any], *, channels: Sequence[int]) -> None:
        super().__init__({'type': 'Kaiming', 'layer': 'Conv2d'})
        self.streams = DualStreamBackbone(encoder, shared=True)
        coarser = (*channels[1:], 0)  # nothing is handed on to the coarsest
        self.refine = ModuleDict(
            {
                gas: ModuleList(
                    _blocks(width + handed, width)
                    for width, handed in zip(channels, coarser, strict=True)
                )
                for gas in GASES
            }
        )
        # of every scale but the finest
        self.propagate = ModuleList(FeaturePropagation(width) for width in channels[1:])
        self.distil = ModuleList(MultiModalDistillation(width) for width in channels)

    def forward(self, frames: Features, rows: Rows) -> dict[str, Stages]:
        """By gas, the maps that the class names; see :class:`.DualStreamBackbone`."""
        check_sizes(frames)
        maps = self.streams(frames)
        refined = self._refine(maps, rows)
        distilled = [
            rows.exchange(distil, features)
            for distil, features in zip(self.distil, refined, strict=True)
        ]
        return {
            gas: (
                *(features[gas] for features in distilled),
                *(features[gas] for features in refined),
                stages[-1],
            )
            for gas, stages in maps.items()
        }

    def _refine(self, maps: dict[str, Stages], rows: Rows) -> list[Features]:
        """The tasks' features, by gas, at every scale from fine to coarse."""
        refined: list[Features] = []
        handed: Features = {}
        for scale in reversed(range(len(self.distil))):
            features: Features = {}
            for gas, stages in maps.items():
                x = stages[scale]
                if gas in handed:
                    x = torch.cat([x, enlarge(handed[gas], x.shape[2:])], dim=1)
                features[gas] = self.refine[gas][scale](x)
            refined.insert(0, features)
            if scale > 0:
                handed = rows.exchange(self.propagate[scale - 1], features)
        return refined
