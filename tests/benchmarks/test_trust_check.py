import numpy as np
import pytest

from benchmarks import trust_check
from benchmarks.not_frames import KINDS, SIZE, not_frames


def test_every_kind_is_drawn_and_no_two_are_alike():
    found = list(not_frames(2, seed=3))
    assert [kind for kind, _ in found] == [kind for kind in KINDS for _ in range(2)]
    for _, picture in found:
        assert picture.shape == SIZE[::-1]
        assert picture.dtype == np.uint8
    again = [picture for _, picture in not_frames(2, seed=3)]
    assert all((a == b).all() for a, (_, b) in zip(again, found, strict=True))
    assert (
        sum(
            (a == b).all()
            for (_, a), (_, b) in zip(found[::2], found[1::2], strict=True)
        )
        <= 1
    )


def test_area_under_the_curve_counts_ties_half():
    assert trust_check.auroc([1, 2], [3, np.inf]) == 1
    assert trust_check.auroc([1, 2], [2, 0]) == (0 + 0 + 1 + 0.5) / 4


def test_sets_of_the_file_and_of_drawn_campaigns(monkeypatch):
    monkeypatch.setattr(trust_check, 'CAMPAIGNS', 40)
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, 200)
    scores = [rng.dirichlet(np.ones(3) + np.eye(3)[k], 1) for k in classes]
    all_in = trust_check.coverage(scores, classes, {'90%': 1.0})
    assert all_in['90%'] == {'covered': 1, 'size': 3, 'undecided': 1}
    best = trust_check.coverage(scores, classes, {'90%': 0.0})
    hits = np.mean([x.argmax() == k for x, k in zip(scores, classes, strict=True)])
    assert best['90%'] == {'covered': hits, 'size': 1, 'undecided': 0}
    drawn = trust_check.drawn_campaigns(scores, classes)
    for level in trust_check.LEVELS:
        low, high = drawn[f'{level:.0%}']['band']
        assert low < drawn[f'{level:.0%}']['mean'] < high
    assert drawn['tested_on'] == pytest.approx(100)
