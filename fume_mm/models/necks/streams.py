"""From the frames that exist to one row per sample.

A gas's compact features (N_g, C, h, w) hold a row for each sample that has the gas, in
the samples' order. A stream (N, C, h, w) has a row for each sample, zeros (or a given
filling) where the sample does not have the gas. ``present`` (N, 2) bool says who has
what, gases in the order of :data:`fume_mm.structures.GASES`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from fume_mm.structures import GASES

Features = dict[str, Tensor]
#: Two gases' maps (M, ...), in the order of GASES, to as many.
Exchange = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


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


def mean_of_present(streams: Features, present: Tensor) -> Tensor:
    """The mean over the gases that a sample has, (N, C, h, w).

    Args:
        streams: Of every gas, (N, C, h, w), zeros where it is missing.
        present: (N, 2) bool; each sample has a gas.
    """
    total = torch.stack([streams[gas] for gas in GASES]).sum(dim=0)
    count = present.to(total.device).sum(dim=1).to(total.dtype)
    return total / count[:, None, None, None]


class Pairs:
    """Lets the gases of samples that have both meet; maps hold the rows that exist.

    What joins two gases by attention or exchange goes through here, so that a sample
    with one gas keeps what it has and no sample depends on its neighbours.

    Args:
        present: (N, 2) bool, gases in the order of GASES.
    """

    def __init__(self, present: Tensor) -> None:
        self.present = present
        self.both = present.all(dim=1)

    def exchange(
        self,
        function: Exchange,
        features: Features,
        otherwise: Features | None = None,
    ) -> Features:
        """``function`` of both gases' rows where there are both, else ``otherwise``.

        Args:
            function: The exchange.
            features: By gas, maps of four axes with N_g rows; a gas that no sample has
                is not a key.
            otherwise: By gas, what stands in the rows of samples with one gas; None is
                ``features``.
        """
        otherwise = features if otherwise is None else otherwise
        if not bool(self.both.any()):
            return otherwise
        # where the paired samples' rows stand among those of each gas
        rows = [
            rows_of(self.both[self.present[:, index]], features[gas])
            for index, gas in enumerate(GASES)
        ]
        met = zip(GASES, rows, strict=True)
        found = function(*(features[gas][where] for gas, where in met))
        return {
            gas: otherwise[gas].index_copy(0, where, x.to(otherwise[gas].dtype))
            for gas, where, x in zip(GASES, rows, found, strict=True)
        }

    def spread(self, features: Features, filling: Features | None = None) -> Features:
        """A stream (N, C, h, w) of every gas; see :func:`scatter_streams`."""
        return scatter_streams(features, self.present, filling)


class DensePairs(Pairs):
    """:class:`Pairs` for export: maps hold a row for each of the N samples."""

    def exchange(
        self,
        function: Exchange,
        features: Features,
        otherwise: Features | None = None,
    ) -> Features:
        """As :meth:`Pairs.exchange`; ``function`` sees rows without a gas, too."""
        otherwise = features if otherwise is None else otherwise
        if len(features) < len(GASES):
            return otherwise
        found = function(*(features[gas] for gas in GASES))
        return {
            gas: select(self.both, x.to(otherwise[gas].dtype), otherwise[gas])
            for gas, x in zip(GASES, found, strict=True)
        }

    def spread(self, features: Features, filling: Features | None = None) -> Features:
        """A stream of every gas, zeros where it is missing.

        Args:
            features: By gas, (N, C, h, w).
            filling: Not used: what stands for a missing gas is in the rows.
        """
        return mask_streams(features, self.present)
