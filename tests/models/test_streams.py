"""Gases meet in the samples that have both, whichever way rows are kept."""

import torch
from torch import Tensor

from fume_mm.models.necks.streams import DensePairs, Pairs, mean_of_present
from fume_mm.structures import GASES

#: Both, CO2 only, CH4 only, both.
PRESENT = torch.tensor([[True, True], [True, False], [False, True], [True, True]])


def swap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return b, a


def numbers(*values: float) -> Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1)


def test_rows_of_samples_with_both_meet_and_the_others_stay() -> None:
    compact = {'co2': numbers(10, 11, 13), 'ch4': numbers(20, 22, 23)}
    met = Pairs(PRESENT).exchange(swap, compact)
    assert met['co2'].flatten().tolist() == [20, 11, 23]
    assert met['ch4'].flatten().tolist() == [10, 22, 13]
    zeros = {gas: torch.zeros_like(x) for gas, x in compact.items()}
    met = Pairs(PRESENT).exchange(swap, compact, zeros)
    assert met['co2'].flatten().tolist() == [20, 0, 23]
    assert compact['co2'].flatten().tolist() == [10, 11, 13]


def test_a_row_per_sample_gives_the_same_streams() -> None:
    compact = {'co2': numbers(10, 11, 13), 'ch4': numbers(20, 22, 23)}
    dense = {'co2': numbers(10, 11, 99, 13), 'ch4': numbers(20, 99, 22, 23)}
    pairs, rows = Pairs(PRESENT), DensePairs(PRESENT)
    expected = pairs.spread(pairs.exchange(swap, compact))
    found = rows.spread(rows.exchange(swap, dense))
    for gas in GASES:
        assert torch.equal(found[gas], expected[gas])
    mean = mean_of_present(found, PRESENT)
    # (20 + 10) / 2, CO2's own, CH4's own, (23 + 13) / 2
    assert mean.flatten().tolist() == [15, 11, 22, 18]


def test_one_gas_alone_meets_nobody() -> None:
    alone = {'ch4': numbers(1, 2)}
    present = torch.tensor([[False, True]] * 2)
    for pairs in (Pairs(present), DensePairs(present)):
        assert pairs.exchange(swap, alone) == alone
        assert pairs.spread(alone)['co2'].abs().max() == 0
