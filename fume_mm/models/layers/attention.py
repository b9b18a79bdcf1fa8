"""Attention over positions, between gases and over channels."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PositionAttention(nn.Module):
    """1×1 query, key and value convolutions, and a gate that starts closed."""

    def __init__(self, channels: int, key_channels: int, *, scaled: bool) -> None:
        super().__init__()
        self.scaled = scaled
        self.query = nn.Conv2d(channels, key_channels, kernel_size=1)
        self.key = nn.Conv2d(channels, key_channels, kernel_size=1)
        self.value = nn.Conv2d(channels, channels, kernel_size=1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def attend(self, x: Tensor, source: Tensor) -> Tensor:
        """``x`` plus γ times what its positions gather from those of ``source``."""
        attended = F.scaled_dot_product_attention(
            _tokens(self.query(x)),
            _tokens(self.key(source)),
            _tokens(self.value(source)),
            scale=None if self.scaled else 1.0,
        )
        attended = attended.squeeze(1).transpose(1, 2).reshape(x.shape)
        # Under autocast the gate is float32 and would carry all that follows with it.
        return x + (self.gamma * attended).to(x.dtype)

    @torch.no_grad()
    def entropy(self, *maps: Tensor) -> Tensor:
        """Of the attention in :meth:`forward` of ``maps``, as a share of the largest.

        0 where each position of the first map attends to one of the last alone, 1 where
        it attends to all alike: the mean entropy over ln(positions). One position has
        nothing to choose from: NaN.
        """
        log_p = self._log_weights(maps[0], maps[-1])
        positions = log_p.shape[2]
        entropy = -(log_p.exp() * log_p).sum(dim=2).mean()
        return entropy / math.log(positions) if positions > 1 else entropy * math.nan

    @torch.no_grad()
    def weights(self, x: Tensor, source: Tensor) -> Tensor:
        """What each position of ``x`` attends to, (N, H·W, h·w): rows have the sum 1.

        Args:
            x: (N, C, H, W).
            source: (N, C, h, w).
        """
        return self._log_weights(x, source).exp()

    def _log_weights(self, x: Tensor, source: Tensor) -> Tensor:
        query = _tokens(self.query(x)).squeeze(1).float()
        key = _tokens(self.key(source)).squeeze(1).float()
        products = query @ key.transpose(1, 2)
        if self.scaled:
            products = products / math.sqrt(query.shape[2])
        return products.log_softmax(dim=2)


def _tokens(x: Tensor) -> Tensor:
    """(N, C, H, W) to (N, 1, H·W, C): one attention head."""
    return x.flatten(2).transpose(1, 2).unsqueeze(1)


class SpatialSelfAttention(PositionAttention):
    """Every position gathers from all positions of the same frame.

    x + γ · softmax(Q Kᵀ) V with γ starting at 0 (SAGAN, Zhang et al. 2019,
    section 3). Like SAGAN, FUME's implementation does not divide by √d; its paper
    draws the division, which is ``scaled=True``.

    Args:
        channels: Channels C of input and output.
        reduction: Query and key have ``channels / reduction`` channels, at least 1.
        scaled: Divide the products by √d, d the query's channels.

    Shape: (N, C, H, W) in and out.
    """

    def __init__(
        self, channels: int, *, reduction: int = 8, scaled: bool = False
    ) -> None:
        super().__init__(channels, max(channels // reduction, 1), scaled=scaled)

    def forward(self, x: Tensor) -> Tensor:
        """Attend within ``x`` (N, C, H, W)."""
        return self.attend(x, x)

    def of_zeros(self) -> Tensor:
        """What each position of a frame of zeros gives, (C,): γ · value bias."""
        assert self.value.bias is not None
        return self.gamma * self.value.bias


class CrossModalAttention(PositionAttention):
    """Every position of one gas gathers from all positions of the other.

    One set of projections and one gate serve both directions. Both inputs must be real
    frames: a zero stream still has a value (the bias) and would be attended to.

    Args:
        channels: Channels C of inputs and outputs.
        reduction: Query and key have ``channels / reduction`` channels, at least
            ``min_channels``.
        min_channels: See ``reduction``.
        scaled: Divide the products by √d, d the query's channels.

    Shape: twice (N, C, H, W) in and out.
    """

    def __init__(
        self,
        channels: int,
        *,
        reduction: int = 8,
        min_channels: int = 64,
        scaled: bool = False,
    ) -> None:
        key_channels = max(channels // reduction, min_channels)
        super().__init__(channels, key_channels, scaled=scaled)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Attend from ``a`` to ``b`` and from ``b`` to ``a``, both (N, C, H, W)."""
        return self.attend(a, b), self.attend(b, a)


class ChannelAttention(nn.Module):
    """A gate in [0, 1] per channel (squeeze-and-excitation, Hu et al. 2018, section 3).

    Args:
        channels: Channels C of input and output.
        reduction: The bottleneck has ``channels / reduction`` units, at least 1.

    Shape: (N, C, H, W) in and out.
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        width = max(channels // reduction, 1)
        self.squeeze = nn.Linear(channels, width)
        self.excite = nn.Linear(width, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Gate the channels of ``x`` (N, C, H, W)."""
        gate = self.excite(F.relu(self.squeeze(x.mean(dim=(2, 3))))).sigmoid()
        return x * gate[:, :, None, None]
