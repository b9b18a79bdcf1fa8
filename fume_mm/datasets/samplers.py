"""What a loader needs: sampling, seeds of what is drawn, collation."""

import math
import random
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import mmengine.dataset
import numpy as np
import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from fume_mm.errors import UserError
from fume_mm.registry import DATA_SAMPLERS, FUNCTIONS


class Draw(int):
    """An index of a dataset, and the seed of what is drawn to augment the item.

    So an epoch's items follow from the sampler's seed and the epoch alone, whichever
    worker makes them, and one that is drawn twice is augmented in two ways.
    """

    seed: int

    def __new__(cls, index: int, seed: int) -> 'Draw':
        """``index`` with ``seed``, 0 to 2³² - 1."""
        draw = super().__new__(cls, index)
        draw.seed = seed
        return draw

    def __reduce__(self) -> tuple[type, tuple[int, int]]:
        """How it goes to a worker."""
        return Draw, (int(self), self.seed)

    def seed_generators(self) -> None:
        """Seed NumPy and ``random``, which transforms draw from."""
        np.random.seed(self.seed)  # noqa: NPY002
        random.seed(self.seed)


def _draws(indices: Iterable[int], sampler: Any) -> Iterator[Draw]:
    """A rank's share of an epoch, each index with a seed of its own."""
    total = sampler.num_samples * sampler.world_size
    generator = np.random.default_rng([sampler.seed, sampler.epoch])
    seeds = generator.integers(2**32, size=total)[sampler.rank :: sampler.world_size]
    return map(Draw, indices, seeds.tolist())


@DATA_SAMPLERS.register_module()
class DefaultSampler(mmengine.dataset.DefaultSampler):
    """MMEngine's, whose indices are :class:`Draw`, with seeds."""

    def __iter__(self) -> Iterator[Draw]:
        """This rank's share of the epoch."""
        return _draws(super().__iter__(), self)


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(Sampler):
    """Draw samples with replacement, weighted by inverse class frequency.

    Every rank draws the same sequence from (seed, epoch) and takes its own share, so
    all ranks together see one balanced epoch.

    Args:
        dataset: A dataset with ``health_labels``.
        seed: Seed; None is one that all ranks agree on.
        num_samples: Draws in an epoch over all ranks; None is the dataset's length.

    Raises:
        UserError: If a sample has no health class.
    """

    #: A loss need not weigh the classes again.
    balances_classes = True

    def __init__(
        self, dataset: Sized, seed: int | None = None, *, num_samples: int | None = None
    ) -> None:
        self.rank, self.world_size = get_dist_info()
        labels = np.asarray(dataset.health_labels)  # type: ignore[attr-defined]
        if (unlabelled := int((labels < 0).sum())) > 0:
            raise UserError(
                f'ClassBalancedSampler: {unlabelled} of {len(labels)} samples have no '
                'health class to balance by; fill in ph_value, class_id and class_name '
                'in the CSVs, or take '
                "train_dataloader.sampler=dict(type='DefaultSampler', shuffle=True)."
            )
        counts = np.bincount(labels)
        self.weights = torch.as_tensor(1.0 / counts[labels], dtype=torch.float64)
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        total = len(labels) if num_samples is None else num_samples
        self.num_samples = math.ceil(total / self.world_size)

    def __iter__(self) -> Iterator[Draw]:
        """This rank's share of the epoch."""
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        draws = torch.multinomial(
            self.weights,
            self.num_samples * self.world_size,
            replacement=True,
            generator=generator,
        )
        return _draws(draws[self.rank :: self.world_size].tolist(), self)

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the draws of ``epoch``; the train loop calls it."""
        self.epoch = epoch


@FUNCTIONS.register_module()
def seed_worker(worker_id: int) -> None:
    """Seed NumPy and ``random`` of a loader worker from torch's seed of this epoch.

    For samplers that give no seeds with the indices (:class:`Draw`).
    MMEngine's own initialiser gives a worker one seed for all epochs, so workers that
    are started anew each epoch would repeat their augmentation.
    """
    seed = torch.initial_seed() % 2**32
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


@FUNCTIONS.register_module()
def collate_samples(items: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Lists of what the items hold, key by key.

    MMEngine's own collation walks into the dict of frames and takes the gases of the
    first item for those of all.
    """
    return {key: [item[key] for item in items] for key in items[0]}
