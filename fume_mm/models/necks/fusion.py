"""Necks that join the two gases' features into one map per sample.

A new fusion is a subclass of :class:`FusionNeck` with a ``join``.

N samples, N_g those that have gas g; C, h, w channels and size of the features.
"""

from abc import ABCMeta, abstractmethod

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from fume_mm.registry import MODELS
from fume_mm.structures import GASES

from ..layers import (
    ChannelAttention,
    ConvNormAct,
    CrossModalAttention,
    SpatialSelfAttention,
)
from ..rows import Features, Rows, concatenate


class FusionNeck(BaseModule, metaclass=ABCMeta):
    """Base of the fusions: zeros for what is missing, then join.

    Args:
        in_channels: C of each gas's features.
        out_channels: C of the fused map.
        init_cfg: MMEngine's initialisation; None is PyTorch's, as in FUME's code. What
            starts attention's queries and keys larger closes it: the products are not
            divided by √d, so the softmax is one position from the first iteration.
    """

    #: Whether a missing gas is zeros to it even where a model puts a black frame.
    masks_missing = False

    def __init__(
        self,
        in_channels: int,
        *,
        out_channels: int,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.in_channels = in_channels
        #: Channels of the fused map.
        self.out_channels = out_channels

    def forward(self, features: Features, rows: Rows) -> Tensor:
        """Fuse.

        Args:
            features: By gas, the maps (·, in_channels, h, w) of ``rows``.
            rows: Which rows these are.

        Returns:
            (N, out_channels, h, w).
        """
        return self.join(self.spread(features, rows))

    def spread(self, features: Features, rows: Rows) -> Features:
        """A stream (N, C, h, w) per gas."""
        return rows.spread(features)

    @abstractmethod
    def join(self, streams: Features) -> Tensor:
        """One map (N, out_channels, h, w) from a stream (N, C, h, w) per gas."""


@MODELS.register_module()
class AddFusion(FusionNeck):
    """The sum of what is there; nothing to learn.

    Args:
        in_channels: C of each gas's features and of the sum.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, out_channels=in_channels)

    def join(self, streams: Features) -> Tensor:
        """(N, C, h, w)."""
        return torch.stack([streams[gas] for gas in GASES]).sum(dim=0)


@MODELS.register_module()
class StackFusion(FusionNeck):
    """Both gases' channels side by side; nothing to learn.

    Before a global mean this is the concatenation of the two pooled features.

    Args:
        in_channels: C of each gas's features; the result has 2C.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__(in_channels, out_channels=len(GASES) * in_channels)

    def join(self, streams: Features) -> Tensor:
        """(N, 2C, h, w)."""
        return concatenate(streams)


@MODELS.register_module()
class ConcatFusion(FusionNeck):
    """Concatenation, 1×1 convolution 2C → channels, norm, ReLU.

    Args:
        in_channels: C of each gas's features.
        channels: Channels of the fused map; None is ``in_channels``.
        bias: Give the convolution a bias; FUME's ResNet-50 variant has one, its
            Fast-SCNN variant has none.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int | None = None,
        *,
        bias: bool = False,
        norm_cfg: dict | None = None,
    ) -> None:
        channels = channels or in_channels
        super().__init__(in_channels, out_channels=channels)
        self.fuse = ConvNormAct(
            len(GASES) * in_channels, channels, bias=bias, norm_cfg=norm_cfg
        )

    def join(self, streams: Features) -> Tensor:
        """(N, channels, h, w)."""
        return self.fuse(concatenate(streams))


@MODELS.register_module()
class AttentionFusion(FusionNeck):
    """FUME's fusion: attention within a gas, between gases, over channels; then a conv.

    Self-attention per gas → cross-modal attention between the gases of samples that
    have both → concatenation → channel attention over 2C → 3×3 convolution (with bias)
    2C → C, norm, ReLU.

    A missing gas enters as zeros before the self-attention, as in the published code.
    What it adds to the concatenation is therefore the self-attention's answer to zeros:
    γ times the value's bias, a constant per channel (zeros without self-attention),
    which needs no attending. The published code attends across gases for the whole
    batch as soon as one sample has both, so its unpaired samples attend to a stream
    that is not there; here what a sample gives never depends on its neighbours.

    Args:
        in_channels: C of each gas's features.
        channels: C within and after the fusion; when it is not ``in_channels``, a 1×1
            convolution, norm and ReLU per gas come first. None is ``in_channels``.
        self_attention: Attend within each gas.
        cross_attention: Attend between the gases.
        channel_attention: Gate the joined channels.
        scaled: Divide attention's products by √d; the published code does not, the
            paper's figure 2 does.
        norm_cfg: Norm layer; None is ``SingleFrameBN``.
    """

    masks_missing = True

    def __init__(
        self,
        in_channels: int,
        channels: int | None = None,
        *,
        self_attention: bool = True,
        cross_attention: bool = True,
        channel_attention: bool = True,
        scaled: bool = False,
        norm_cfg: dict | None = None,
    ) -> None:
        channels = channels or in_channels
        super().__init__(in_channels, out_channels=channels)
        joined = len(GASES) * channels
        self.project, self.self_attention = nn.ModuleDict(), nn.ModuleDict()
        for gas in GASES if channels != in_channels else ():
            self.project[gas] = ConvNormAct(in_channels, channels, norm_cfg=norm_cfg)
        for gas in GASES if self_attention else ():
            self.self_attention[gas] = SpatialSelfAttention(channels, scaled=scaled)
        self.cross_attention = (
            CrossModalAttention(channels, scaled=scaled) if cross_attention else None
        )
        self.channel_attention = (
            ChannelAttention(joined) if channel_attention else nn.Identity()
        )
        self.fuse = ConvNormAct(joined, channels, 3, bias=True, norm_cfg=norm_cfg)

    def spread(self, features: Features, rows: Rows) -> Features:
        """Attend within each gas; across gases, on samples with both."""
        for parts in (self.project, self.self_attention):
            features = {
                gas: parts[gas](x) if gas in parts else x for gas, x in features.items()
            }
        if self.cross_attention is not None:
            features = rows.exchange(self.cross_attention, features)
        filling = {
            gas: attention.of_zeros()  # type: ignore[operator]
            for gas, attention in self.self_attention.items()
        }
        return rows.spread(features, filling)

    def join(self, streams: Features) -> Tensor:
        """(N, channels, h, w)."""
        return self.fuse(self.channel_attention(concatenate(streams)))
