import numpy as np
import pandas as pd
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.datasets.splitting import check_leaks, find_leaks, split_by_group
from fume_mm.errors import UserError
from tests.campaigns import annotations, make_campaign

SPLITS = ['train', 'val', 'test']


def frames(groups):
    """``groups``: (group, class_id, number of frames)."""
    rows = [
        (group, class_id, f'{group}_{class_id}_{i}')
        for group, class_id, number in groups
        for i in range(number)
    ]
    return pd.DataFrame(rows, columns=['group', 'class_id', 'frame_path'])


def counts(splits):
    """(split, class) frames."""
    return [[int((splits[s]['class_id'] == c).sum()) for c in range(3)] for s in SPLITS]


def test_equal_groups_split_exactly():
    data = frames([(f'g{c}_{i}', c, 5) for c in range(3) for i in range(20)])
    splits = split_by_group(data)
    # 20 groups a class: 14, 3 and 3 of 5 frames each
    assert counts(splits) == [[70] * 3, [15] * 3, [15] * 3]
    assert list(splits) == SPLITS


def test_other_shares():
    data = frames([(f'g{c}_{i}', c, 2) for c in range(3) for i in range(10)])
    splits = split_by_group(data, shares=(5, 3, 2))
    assert counts(splits) == [[10] * 3, [6] * 3, [4] * 3]


def test_three_groups_of_a_class_are_enough_and_the_largest_trains():
    rare = [('r0', 1, 10), ('r1', 1, 100), ('r2', 1, 20)]
    data = frames(rare + [(f'g{c}_{i}', c, 5) for c in (0, 2) for i in range(20)])
    splits = split_by_group(data)
    rare_of = {s: set(splits[s].query('class_id == 1')['group']) for s in SPLITS}
    assert rare_of['train'] == {'r1'}
    assert len(rare_of['val']) == len(rare_of['test']) == 1


@pytest.mark.parametrize('seed', range(20))
def test_random_campaigns_keep_groups_whole_and_classes_everywhere(seed):
    rng = np.random.default_rng(seed)
    groups = []
    for class_id in range(3):
        for i in range(rng.integers(3, 30)):
            groups.append((f'g{class_id}_{i}', class_id, rng.integers(1, 12)))
    # vessels that drift from one class to the next
    groups += [(f'g0_{i}', 1, rng.integers(1, 5)) for i in range(rng.integers(3))]
    data = frames(groups).sample(frac=1, random_state=seed)
    splits = split_by_group(data, seed=seed)
    assert find_leaks(splits) == {}
    together = pd.concat(splits.values())
    assert sorted(together['frame_path']) == sorted(data['frame_path'])
    assert all(min(row) > 0 for row in counts(splits))
    order = {path: i for i, path in enumerate(data['frame_path'])}
    for rows in splits.values():
        positions = [order[path] for path in rows['frame_path']]
        assert positions == sorted(positions)
        assert list(rows.index) == list(range(len(rows)))


def test_seed_decides():
    data = frames([(f'g{c}_{i}', c, 5) for c in range(3) for i in range(20)])
    first, again, other = (split_by_group(data, seed=seed) for seed in (1, 1, 2))
    assert all(first[s].equals(again[s]) for s in SPLITS)
    assert set(first['test']['group']) != set(other['test']['group'])


def test_stratify_by_another_column():
    data = frames([(f'g{i}', 0, 2) for i in range(20)])
    data['ph_value'] = np.where(
        data['group'].isin([f'g{i}' for i in range(10)]), 6.5, 6.2
    )
    splits = split_by_group(data, shares=(0.6, 0.2, 0.2), stratify='ph_value')
    assert [int((splits[s]['ph_value'] == 6.2).sum()) for s in SPLITS] == [12, 4, 4]


def test_a_balanced_column_keeps_its_proportions_within_each_class():
    data = frames([(f'g{c}_{i}', c, 5) for c in range(3) for i in range(20)])
    # Of each class, the first ten groups are of one gas, the others of the other.
    number = data['group'].str.partition('_')[2].astype(int)
    data['gas_type'] = np.where(number < 10, 'co2', 'ch4')
    splits = split_by_group(data, shares=(0.6, 0.2, 0.2), balance=['gas_type'])
    for name, groups in zip(SPLITS, (6, 2, 2), strict=True):
        counted = splits[name].groupby(['class_id', 'gas_type']).size()
        assert counted.tolist() == [groups * 5] * 6


def test_a_combination_with_too_few_groups_is_no_error():
    data = frames([(f'g{c}_{i}', c, 5) for c in range(3) for i in range(20)])
    data['gas_type'] = np.where(data['group'] == 'g1_0', 'ch4', 'co2')
    assert counts(split_by_group(data, balance=['gas_type'])) == [
        [70] * 3,
        [15] * 3,
        [15] * 3,
    ]


def test_frames_without_a_class_are_split_too():
    splits = split_by_group(frames([(f'g{i}', -1, 2) for i in range(20)]))
    assert [len(splits[name]) for name in SPLITS] == [28, 6, 6]
    with pytest.raises(UserError, match='no health class is in 2 group'):
        split_by_group(frames([('a', -1, 1), ('b', -1, 1)]))


def test_groups_of_two_classes_are_spread():
    # The three groups of class 1 also hold most of class 0.
    data = frames([(f'g{i}', c, 4) for i in range(3) for c in (0, 1)])
    splits = split_by_group(data)
    assert sorted(len(set(rows['group'])) for rows in splits.values()) == [1, 1, 1]


def test_too_few_groups_name_the_class():
    data = frames([('a', 1, 9), ('b', 1, 9)] + [(f'g{i}', 0, 3) for i in range(9)])
    data['class_name'] = data['class_id'].map({0: 'Healthy', 1: 'Transitional'})
    with pytest.raises(UserError) as error:
        split_by_group(data)
    assert 'class Transitional is in 2 group(s) only (a, b)' in str(error.value)
    assert 'add vessels' in str(error.value)


def test_groups_of_two_classes_that_suffice():
    # Only g0 has both: one split is g0 alone, the others a g of each class.
    data = frames([('g0', 0, 1), ('g0', 1, 1)])
    data = pd.concat([data, frames([('g1', 0, 1), ('g2', 0, 1)])])
    data = pd.concat([data, frames([('g3', 1, 1), ('g4', 1, 1)])])
    splits = split_by_group(data)
    assert [row[:2] for row in counts(splits)] == [[1, 1]] * 3


def test_groups_of_two_classes_that_do_not_suffice_name_the_class():
    # Every class has three groups, but of four groups two must fill a split alone, and
    # only a has every class.
    classes = {'a': (0, 1, 2), 'b': (0, 1), 'c': (0, 2), 'd': (1, 2)}
    data = frames([(group, c, 1) for group in classes for c in classes[group]])
    with pytest.raises(UserError, match=r'found no split in which class \w+.* is in'):
        split_by_group(data)


def test_an_unlucky_start_is_tried_again():
    # If p and q, which classes 0 and 1 send anywhere, meet in one split, class 2 has
    # only r for the other two.
    groups = {'p': (0, 2), 'q': (1, 2), 'r': (2,)}
    groups |= {'a': (0,), 'b': (0,), 'c': (1,), 'd': (1,)}
    data = frames([(group, c, 1) for group in groups for c in groups[group]])
    for seed in range(20):
        splits = split_by_group(data, seed=seed)
        assert all(min(row) > 0 for row in counts(splits))


@pytest.mark.parametrize('shares', [(0.7, 0.3), (0.7, 0.3, 0.0), (1.2, -0.1, -0.1)])
def test_wrong_shares(shares):
    with pytest.raises(
        UserError, match='each of train, val and test needs one, above 0'
    ):
        split_by_group(frames([('a', 0, 1)]), shares=shares)


def test_nothing_to_split():
    with pytest.raises(UserError, match='no frames'):
        split_by_group(frames([]))


def test_find_leaks_in_frames():
    splits = {
        'train': pd.DataFrame({'group': ['b', 'a', 'a', 'c']}),
        'val': pd.DataFrame({'group': ['a', 'd']}),
        'test': pd.DataFrame({'group': ['b', 'a', 'e']}),
    }
    assert find_leaks(splits) == {
        'a': ['train', 'val', 'test'],
        'b': ['train', 'test'],
    }
    del splits['train'], splits['test']
    assert find_leaks(splits) == {}


def test_find_leaks_in_pairs():
    splits = {
        'train': pd.DataFrame({'groups': [('a', 'b'), ('c',), ()]}),
        'test': pd.DataFrame({'groups': [('d', 'b'), ('e',), ()]}),
    }
    assert find_leaks(splits) == {'b': ['train', 'test']}
    splits = {
        'train': pd.DataFrame({'co2_group': ['a', ''], 'ch4_group': ['', 'b']}),
        'test': pd.DataFrame({'co2_group': ['b', ''], 'ch4_group': ['', 'c']}),
    }
    assert find_leaks(splits) == {'b': ['train', 'test']}


def test_find_leaks_needs_groups():
    with pytest.raises(UserError, match='split train has no column group'):
        find_leaks({'train': pd.DataFrame({'run': [1, 2]})})


def test_check_leaks_of_a_leaking_campaign(tmp_path):
    root = make_campaign(tmp_path, broken='leak')
    splits = {s: read_annotations(annotations(root, s)) for s in SPLITS}
    for kind in (splits, {s: pair_gases(splits[s]) for s in SPLITS[:1]} | splits):
        with pytest.raises(UserError) as error:
            check_leaks(kind, root)
        text = str(error.value)
        assert text.startswith(f'{root}: 1 group(s) are in more than one split: ')
        assert 'train_v0_f0 (train, val).' in text
        assert '--resplit' in text and 'allow_leakage=True' in text


def test_check_leaks_passes_an_intact_campaign(tmp_path):
    root = make_campaign(tmp_path)
    splits = {s: read_annotations(annotations(root, s)) for s in SPLITS}
    check_leaks(splits, root)
    check_leaks({s: pair_gases(splits[s]) for s in SPLITS}, root)


def test_check_leaks_names_five_and_the_count():
    shared = pd.DataFrame({'group': [f'g{i}' for i in range(8)]})
    with pytest.raises(UserError) as error:
        check_leaks({'train': shared, 'val': shared}, 'data')
    text = str(error.value)
    assert '8 group(s)' in text and '; and 3 more.' in text
    assert 'g4 (train, val)' in text and 'g5' not in text
