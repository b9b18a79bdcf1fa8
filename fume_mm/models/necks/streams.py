"""From the frames that exist to one row per sample.

A gas's compact features (N_g, C, h, w) hold a row for each sample that has the gas, in
the samples' order. A stream (N, C, h, w) has a row for each sample, zeros (or a given
filling) where the sample does not have the gas. ``present`` (N, 2) bool says who has
what, gases in the order of :data:`fume_mm.structures.GASES`.
"""

import torch
from torch import Tensor

from fume_mm.structures import GASES

Features = dict[str, Tensor]


def scatter_streams(
    features: Features, present: Tensor, filling: Features | None = None
) -> Features:
    """Spread compact features over the batch.

    Args:
        features: Compact features by gas; a gas that no sample has is not a key.
        present: (N, 2) bool.
        filling: By gas, (C,): what stands at each position where a sample lacks the
            gas; zeros for a gas without one.

    Returns:
        For every gas a stream (N, C, h, w).
    """
    filling = filling or {}
    like = next(iter(features.values()))
    streams: Features = {}
    for index, gas in enumerate(GASES):
        x = features.get(gas)
        if x is not None and len(x) == len(present):
            streams[gas] = x
            continue
        stream = like.new_zeros(len(present), *like.shape[1:])
        if gas in filling:
            stream = stream + filling[gas].to(like.dtype)[:, None, None]
        if x is not None:
            stream = stream.index_copy(0, rows_of(present[:, index], x), x)
        streams[gas] = stream
    return streams


def rows_of(mask: Tensor, like: Tensor) -> Tensor:
    """Indices where ``mask`` (N,) is set, on the device of ``like``."""
    return mask.nonzero().flatten().to(like.device)


def mask_streams(streams: Features, present: Tensor) -> Features:
    """Put zeros where a sample lacks the gas, whatever the streams hold there.

    Args:
        streams: By gas, (N, C, h, w); a gas the model does not look at is not a key.
        present: (N, 2) bool on the streams' device.

    Returns:
        For every gas a stream (N, C, h, w).
    """
    zeros = torch.zeros_like(next(iter(streams.values())))
    return {
        gas: select(present[:, index], streams.get(gas, zeros), zeros)
        for index, gas in enumerate(GASES)
    }


def select(mask: Tensor, x: Tensor, other: Tensor) -> Tensor:
    """Rows of ``x`` where ``mask`` (N,) is set, of ``other`` elsewhere."""
    return torch.where(mask[:, None, None, None], x, other)
