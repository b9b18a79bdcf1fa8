"""Gases meet in the samples that have both, whichever rows maps hold."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor

from fume_mm.models.rows import CompactRows, DenseRows
from fume_mm.structures import GASES

#: Both, CO2 only, CH4 only, both.
PRESENT = torch.tensor([[True, True], [True, False], [False, True], [True, True]])


def swap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return b, a


def numbers(*values: float) -> Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1)


def test_rows_of_samples_with_both_meet_and_the_others_stay() -> None:
    compact = {'co2': numbers(10, 11, 13), 'ch4': numbers(20, 22, 23)}
    rows = CompactRows(PRESENT)
    met = rows.exchange(swap, compact)
    assert met['co2'].flatten().tolist() == [20, 11, 23]
    assert met['ch4'].flatten().tolist() == [10, 22, 13]
    zeros = {gas: torch.zeros_like(x) for gas, x in compact.items()}
    met = rows.exchange(swap, compact, zeros)
    assert met['co2'].flatten().tolist() == [20, 0, 23]
    assert compact['co2'].flatten().tolist() == [10, 11, 13]


def test_a_row_per_sample_gives_the_same_streams() -> None:
    compact = {'co2': numbers(10, 11, 13), 'ch4': numbers(20, 22, 23)}
    dense = {'co2': numbers(10, 11, 99, 13), 'ch4': numbers(20, 99, 22, 23)}
    a, b = CompactRows(PRESENT), DenseRows(PRESENT)
    filling = {'ch4': torch.tensor([7.0])}
    expected = a.spread(a.exchange(swap, compact), filling)
    streams = b.spread(b.exchange(swap, dense), filling)
    for gas in GASES:
        assert torch.equal(streams[gas], expected[gas])
    assert streams['co2'].flatten().tolist() == [20, 11, 0, 23]
    assert streams['ch4'].flatten().tolist() == [10, 7, 22, 13]
    # (10 + 20) / 2, CO2's own, CH4's own, (13 + 23) / 2
    for mean in (a.mean(compact), b.mean(dense)):
        assert mean.flatten().tolist() == [15, 11, 22, 18]


@pytest.mark.parametrize('kind', [CompactRows, DenseRows])
def test_one_gas_alone_meets_nobody(kind: type) -> None:
    alone = {'ch4': numbers(1, 2)}
    rows = kind(torch.tensor([[False, True]] * 2))
    assert rows.exchange(swap, alone) == alone
    streams = rows.spread(alone, {'co2': torch.tensor([3.0])})
    assert list(streams) == list(GASES)
    assert streams['co2'].flatten().tolist() == [3, 3]
    assert torch.equal(streams['ch4'], alone['ch4'])


def test_streams_refuse_features_that_do_not_fit_present() -> None:
    features = {'co2': numbers(10, 11, 13), 'ch4': numbers(20, 22)}
    with pytest.raises((IndexError, RuntimeError)):
        CompactRows(PRESENT).spread(features)


def test_whatever_stands_for_a_missing_gas_is_hidden() -> None:
    nan = float('nan')
    rows = DenseRows(torch.tensor([[True, False], [False, True]]))
    streams = rows.spread({'co2': numbers(2, nan), 'ch4': numbers(nan, 3)})
    assert streams['co2'].flatten().tolist() == [2, 0]
    assert streams['ch4'].flatten().tolist() == [0, 3]


def test_a_gas_has_its_rows_of_a_map_of_the_samples() -> None:
    joint = numbers(1, 2, 3, 4)
    assert CompactRows(PRESENT).take('ch4', joint).flatten().tolist() == [1, 3, 4]
    assert DenseRows(PRESENT).take('ch4', joint) is joint


def test_no_part_has_a_second_forward() -> None:
    root = Path(__file__).parents[2]
    files = [*root.glob('fume_mm/models/**/*.py'), *root.glob('projects/**/*.py')]
    assert any(path.name == 'fusion.py' for path in files)
    for path in files:
        assert not re.search(r'def (forward_|\w*_dense\b)', path.read_text()), path
