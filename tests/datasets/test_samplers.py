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
