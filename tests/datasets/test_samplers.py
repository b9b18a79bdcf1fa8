"""What a loader draws follows from seed and epoch, not from its workers."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.samplers import (
    ClassBalancedSampler,
    DefaultSampler,
    collate_samples,
    seed_worker,
)
from fume_mm.registry import DATA_SAMPLERS, register_all_modules
from tests.campaigns import make_campaign, pair_campaign

PIPELINE = [
    {'type': 'ModalityDropout', 'prob': 0.3},
    {'type': 'LoadDualGasFrames'},
    {'type': 'LoadDualGasMasks'},
    {
        'type': 'DualGasAugment',
        'geometric': [{'type': 'Affine', 'rotate': (-15, 15), 'p': 0.7}],
        'photometric': [{'type': 'GaussNoise', 'p': 0.5}],
    },
    {'type': 'PackDualGasInputs'},
]
Items = list[tuple[str, list[torch.Tensor]]]


@pytest.fixture(scope='module')
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DualGasDataset:
    register_all_modules()
    root = make_campaign(
        tmp_path_factory.mktemp('campaign'), vessels=3, splits=['train'], size=(32, 24)
    )
    pair_campaign(root, splits=['train'])
    return DualGasDataset(
        'paired_train_annotations.csv', data_root=str(root), pipeline=PIPELINE
    )


def epochs(dataset: DualGasDataset, sampler: Any, **workers: Any) -> Iterator[Items]:
    """Two epochs, item by item: the sample's name, frames and masks."""
    loader = DataLoader(
        dataset,
        sampler=sampler,
        batch_size=3,
        collate_fn=collate_samples,
        worker_init_fn=seed_worker,
        **workers,
    )
    for epoch in range(2):
        sampler.set_epoch(epoch)
        items: Items = []
        for batch in loader:
            for inputs, sample in zip(
                batch['inputs'], batch['data_samples'], strict=True
            ):
                masks = [sample.get(gas).gt_sem_seg.data for gas in inputs]
                items.append((sample.sample_id, [*inputs.values(), *masks]))
        yield items


def same(one: Items, other: Items) -> list[bool]:
    """Item by item, whether they are equal to the bit."""
    return [
        names[0] == names[1]
        and len(tensors[0]) == len(tensors[1])
        and all(map(torch.equal, *tensors))
        for names, tensors in (
            zip(*pair, strict=True) for pair in zip(one, other, strict=True)
        )
    ]


@pytest.mark.parametrize('kind', ['ClassBalancedSampler', 'DefaultSampler'])
def test_batches_do_not_depend_on_the_workers(
    kind: str, dataset: DualGasDataset
) -> None:
    cfg = {'type': kind, 'dataset': dataset, 'seed': 3}
    alone, two, kept = (
        list(epochs(dataset, DATA_SAMPLERS.build(cfg), **workers))
        for workers in (
            {'num_workers': 0},
            {'num_workers': 2},
            {'num_workers': 2, 'persistent_workers': True},
        )
    )
    for epoch in range(2):
        assert len(alone[epoch]) == len(dataset) == 6
        assert all(same(alone[epoch], two[epoch]))
        assert all(same(alone[epoch], kept[epoch]))
    assert not all(same(alone[0], alone[1]))
    other = DATA_SAMPLERS.build({**cfg, 'seed': 4})
    assert not all(same(alone[0], next(epochs(dataset, other))))


def test_a_sample_drawn_twice_is_augmented_in_two_ways(
    dataset: DualGasDataset,
) -> None:
    sampler = ClassBalancedSampler(dataset, seed=0, num_samples=40)
    (items, _) = epochs(dataset, sampler)
    first = [item for item in items if item[0] == items[0][0]]
    assert len(first) >= 3
    assert sum(same(first[:-1], first[1:])) < len(first) / 2


@pytest.mark.parametrize('kind', [ClassBalancedSampler, DefaultSampler])
def test_ranks_share_the_seeds_of_one_epoch(
    kind: type, dataset: DualGasDataset
) -> None:
    def draws(rank: int, world: int) -> list[tuple[int, int]]:
        sampler = kind(dataset, seed=5)
        sampler.rank, sampler.world_size = rank, world
        sampler.num_samples = len(dataset) // world
        return [(int(draw), draw.seed) for draw in sampler]

    whole = draws(0, 1)
    assert len({seed for _, seed in whole}) == len(whole)
    assert [*draws(0, 2), *draws(1, 2)] == [*whole[::2], *whole[1::2]]


class Labelled:
    """Twenty-one samples of three classes."""

    health_labels = tuple(i % 3 for i in range(21))

    def __len__(self) -> int:
        return 21


def shares(kind: str, world: int, start: int = 0) -> list[list[tuple[int, int]]]:
    """What each rank is dealt of the third epoch: index and seed."""
    dealt = []
    for rank in range(world):
        with pytest.MonkeyPatch.context() as patch:
            for module in ('fume_mm.datasets.samplers', 'mmengine.dataset.sampler'):
                patch.setattr(f'{module}.get_dist_info', lambda r=rank: (r, world))
            sampler = DATA_SAMPLERS.build(
                {'type': kind, 'dataset': Labelled(), 'seed': 5}
            )
        sampler.set_epoch(2)
        sampler.start = start
        dealt.append([(int(draw), draw.seed) for draw in sampler])
    return dealt


@pytest.mark.parametrize('kind', ['ClassBalancedSampler', 'DefaultSampler'])
def test_the_place_in_an_epoch_is_one_number_for_any_count_of_ranks(kind: str) -> None:
    register_all_modules()
    (order,) = shares(kind, 1)
    for world in (1, 2, 4):
        whole = shares(kind, world)
        # dealt like cards, the rest of the last round from the beginning
        assert [draw for cards in zip(*whole, strict=True) for draw in cards][
            :21
        ] == order
        for start in (0, 8, 12):
            rest = shares(kind, world, start)
            assert rest == [cards[start // world :] for cards in whole]
    # a place that four ranks cannot divide: nothing is left out, some come again
    assert shares(kind, 4, 10) == shares(kind, 4, 8)
