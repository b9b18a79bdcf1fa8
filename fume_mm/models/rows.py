"""The rows of a batch: those that exist, or one per sample.

A gas's maps are compact or dense. Compact ones (N_g, C, h, w) have a row for each
sample that has the gas, in the samples' order, and a gas that no sample has is not a
key: what trains and predicts works so. Dense ones (N, C, h, w) have a row for each of
the N samples, those of samples without the gas holding anything finite: what is
exported or traced works so, without control flow on the data. A *stream* is a gas's map
of N rows with zeros (or a given filling) where the sample lacks the gas.

Parts of a model get the rows beside their maps and ask them for what joins the gases,
so that one forward serves both. ``present`` (N, 2) bool says who has what, gases in the
order of :data:`fume_mm.structures.GASES`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from fume_mm.structures import GASES

#: Maps by gas.
Features = dict[str, Tensor]
#: The maps of an encoder, from fine to coarse.
Stages = tuple[Tensor, ...]
#: Two gases' maps (M, ...), in the order of GASES, to as many.
Exchange = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class Rows(ABC):
    """What :class:`CompactRows` and :class:`DenseRows` have in common.

    Args:
        present: (N, 2) bool; each sample has a gas.
    """

    def __init__(self, present: Tensor) -> None:
        self.present = present
        self.both = present.all(dim=1)

    def has(self, gas: str) -> Tensor:
        """Which samples have the gas, (N,) bool."""
        return self.present[:, GASES.index(gas)]

    @abstractmethod
    def take(self, gas: str, x: Tensor) -> Tensor:
        """The gas's rows of a map ``x`` of the samples, (N, ...)."""

    @abstractmethod
    def stream(self, gas: str, x: Tensor, filling: Tensor | None = None) -> Tensor:
        """The gas's map ``x`` as a stream (N, ...).

        Args:
            gas: Whose map it is.
            x: The map; four axes if there is a filling.
            filling: (C,), what stands at each position of a sample without the gas;
                zeros for None.
        """

    @abstractmethod
    def exchange(
        self, function: Exchange, features: Features, otherwise: Features | None = None
    ) -> Features:
        """``function`` of both gases' rows where there are both, else ``otherwise``.

        What joins two gases by attention or exchange goes through here, so that a
        sample with one gas keeps what it has and no sample depends on its neighbours.

        Args:
            function: The exchange.
            features: Maps of four axes by gas.
            otherwise: By gas, what stands in the rows of samples with one gas; None is
                ``features``.
        """

    def spread(self, features: Features, filling: Features | None = None) -> Features:
        """For every gas a stream (N, C, h, w), also for one that is no key.

        Args:
            features: Maps by gas.
            filling: By gas, see :meth:`stream`.
        """
        filling = filling or {}
        like = next(iter(features.values()))
        streams: Features = {}
        for gas in GASES:
            if gas in features:
                streams[gas] = self.stream(gas, features[gas], filling.get(gas))
            else:
                # shape, not len: an exported graph takes a length for a fixed number
                empty = like.new_zeros(self.present.shape[0], *like.shape[1:])
                streams[gas] = _fill(empty, filling.get(gas))
        return streams

    def marks(self, like: Tensor) -> Tensor:
        """``present`` as zeros and ones (N, 2) of the type and device of ``like``."""
        return self.present.to(like)

    def mean(self, features: Features) -> Tensor:
        """The mean (N, C, h, w) over the gases that a sample has."""
        total = torch.stack(list(self.spread(features).values())).sum(dim=0)
        count = self.marks(total).sum(dim=1)
        return total / count[:, None, None, None]


class CompactRows(Rows):
    """Maps hold the rows that exist.

    Which these are is worked out on the CPU, since to ask a GPU is to wait for it, and
    goes to the maps' device once.

    Args:
        present: (N, 2) bool; on the CPU, or it is copied there.
    """

    def __init__(self, present: Tensor) -> None:
        super().__init__(present.cpu())
        self._rows: Features = {gas: self.has(gas).nonzero().flatten() for gas in GASES}
        # where the paired samples' rows stand among those of each gas
        self._paired: Features = {
            gas: self.both[self.has(gas)].nonzero().flatten() for gas in GASES
        }
        self._there: tuple[Tensor, ...] = ()

    def take(self, gas: str, x: Tensor) -> Tensor:
        """The rows (N_g, ...) of ``x`` (N, ...)."""
        if len(self._rows[gas]) == len(self.present):
            return x
        return x.index_select(0, self._on(x.device)[GASES.index(gas)])

    def stream(self, gas: str, x: Tensor, filling: Tensor | None = None) -> Tensor:
        """(N, ...) from ``x`` (N_g, ...); see :meth:`Rows.stream`."""
        if len(x) == len(self.present):
            return x
        stream = _fill(x.new_zeros(len(self.present), *x.shape[1:]), filling)
        return stream.index_copy(0, self._on(x.device)[GASES.index(gas)], x)

    def exchange(
        self, function: Exchange, features: Features, otherwise: Features | None = None
    ) -> Features:
        """``function`` gets the rows of paired samples."""
        otherwise = otherwise or features
        if not len(self._paired[GASES[0]]):
            return otherwise
        device = features[GASES[0]].device
        rows = self._on(device)[len(GASES) : 2 * len(GASES)]
        paired = zip(GASES, rows, strict=True)
        exchanged = function(*(features[g].index_select(0, at) for g, at in paired))
        return {
            gas: otherwise[gas].index_copy(0, at, x.to(otherwise[gas].dtype))
            for gas, at, x in zip(GASES, rows, exchanged, strict=True)
        }

    def marks(self, like: Tensor) -> Tensor:
        """See :meth:`Rows.marks`."""
        return self._on(like.device)[-1].view(self.present.shape).to(like.dtype)

    def _on(self, device: torch.device) -> tuple[Tensor, ...]:
        """On the device, in one copy: the gases' rows, their paired ones, present."""
        if not self._there or self._there[0].device != device:
            parts = [*self._rows.values(), *self._paired.values()]
            parts.append(self.present.flatten().long())
            together = to_device(torch.cat(parts), device)
            self._there = together.split([len(part) for part in parts])
        return self._there


class DenseRows(Rows):
    """Maps hold a row per sample; ``present`` is on their device."""

    def take(self, gas: str, x: Tensor) -> Tensor:
        """``x`` (N, ...) itself."""
        return x

    def stream(self, gas: str, x: Tensor, filling: Tensor | None = None) -> Tensor:
        """(N, ...) from ``x`` of that shape; see :meth:`Rows.stream`."""
        return _select(self.has(gas), x, _fill(torch.zeros_like(x), filling))

    def exchange(
        self, function: Exchange, features: Features, otherwise: Features | None = None
    ) -> Features:
        """``function`` gets rows without a gas, too."""
        otherwise = otherwise or features
        if len(features) < len(GASES):
            return otherwise
        exchanged = function(*(features[gas] for gas in GASES))
        return {
            gas: _select(self.both, x.to(otherwise[gas].dtype), otherwise[gas])
            for gas, x in zip(GASES, exchanged, strict=True)
        }


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """``x``, of the CPU, on ``device``; on a GPU without waiting for it."""
    if device.type == 'cuda':
        x = x.pin_memory()
    return x.to(device, non_blocking=True)


def concatenate(streams: Features) -> Tensor:
    """(N, 2C, h, w) of every gas's (N, C, h, w), in the order of GASES."""
    return torch.cat([streams[gas] for gas in GASES], dim=1)


def _fill(zeros: Tensor, filling: Tensor | None) -> Tensor:
    if filling is None:
        return zeros
    return zeros + filling.to(zeros.dtype)[:, None, None]


def _select(mask: Tensor, x: Tensor, other: Tensor) -> Tensor:
    """Rows of ``x`` where ``mask`` (N,) is set, of ``other`` elsewhere."""
    return torch.where(mask[(..., *[None] * (x.ndim - 1))], x, other)
