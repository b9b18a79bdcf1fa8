"""Folds: whole groups, each tested once, and what the groups do not allow."""

import numpy as np
import pandas as pd
import pytest

from fume_mm.datasets.folds import k_folds, leave_one_out, owners_loso, shortcomings
from fume_mm.datasets.splitting import find_leaks
from fume_mm.errors import UserError
from fume_mm.structures import HEALTH_CLASSES, health_class

#: pH, gas, recordings, frames of each: as FUME's owners recorded, CH4 at two pH only.
OWNERS = [
    (6.5, 'co2', ['MOV0001', 'MOV0002', 'MOV0003'], 4),
    (6.5, 'ch4', ['FLIR0001', 'FLIR0002', 'FLIR0003'], 4),
    (6.2, 'co2', ['MOV0004', 'MOV0005', 'MOV0006'], 2),
    (5.9, 'co2', ['MOV0007', 'MOV0008', 'MOV0009'], 3),
    (5.6, 'co2', ['MOV0010', 'MOV0011', 'MOV0012'], 4),
    (5.6, 'ch4', ['FLIR0004', 'FLIR0005', 'FLIR0006'], 3),
    (5.0, 'co2', ['MOV0013', 'MOV0014', 'MOV0015'], 3),
]


def frames(plan):
    rows = [
        {
            'frame_path': f'{recording}_{number}.png',
            'gas_type': gas,
            'ph_value': ph,
            'class_id': health_class(ph),
            'class_name': HEALTH_CLASSES[health_class(ph)],
            'group': recording,
        }
        for ph, gas, recordings, size in plan
        for recording in recordings
        for number in range(size)
    ]
    return pd.DataFrame(rows)


def groups_tested(folds):
    return [frozenset(splits['test']['group']) for splits in folds.values()]


def check_folds(folds, data):
    """Disjoint splits that lose no frame; each group tested in one fold."""
    for splits in folds.values():
        assert list(splits) == ['train', 'val', 'test']
        assert find_leaks(splits) == {}
        together = pd.concat(splits.values())
        assert sorted(together['frame_path']) == sorted(data['frame_path'])
        assert all(len(rows) for rows in splits.values())
    paths = [x for splits in folds.values() for x in splits['test']['frame_path']]
    assert sorted(paths) == sorted(data['frame_path'])


@pytest.mark.parametrize('seed', range(10))
def test_each_group_is_tested_once_and_each_class_in_every_fold(seed):
    rng = np.random.default_rng(seed)
    plan = [
        (ph, rng.choice(['co2', 'ch4']), [f'{ph}_{i}'], int(rng.integers(1, 9)))
        for ph in (6.5, 6.2, 5.9, 5.6, 5.0)
        for i in range(rng.integers(4, 9))
    ]
    data = frames(plan).sample(frac=1, random_state=seed)
    folds = k_folds(data, folds=4, seed=seed)
    assert list(folds) == [f'cv_fold{k}' for k in range(4)]
    check_folds(folds, data)
    for splits in folds.values():
        for rows in splits.values():
            assert set(rows['class_id']) == {0, 1, 2}


def test_equal_groups_make_equal_folds():
    data = frames([(ph, 'co2', [f'{ph}_{i}' for i in range(10)], 3) for ph in (6.5, 5)])
    folds = k_folds(data, folds=5, shares=(3, 1))
    check_folds(folds, data)
    for splits in folds.values():
        # of 20 groups 4 test, of the 16 others a quarter validates
        counts = [splits[s]['class_id'].value_counts().to_dict() for s in splits]
        assert counts == [{0: 18, 2: 18}, {0: 6, 2: 6}, {0: 6, 2: 6}]


def test_every_fold_tests_pairs_where_the_groups_allow():
    folds = k_folds(frames(OWNERS), folds=5)
    check_folds(folds, frames(OWNERS))
    for splits in folds.values():
        gases = splits['test'].groupby('ph_value')['gas_type'].nunique()
        assert gases.max() == 2


def test_what_the_groups_do_not_allow_is_said():
    folds = k_folds(frames(OWNERS), folds=5)
    lack = [name for name, x in folds.items() if 1 not in set(x['test']['class_id'])]
    assert len(lack) == 2  # three groups in five folds
    said = shortcomings(folds)
    assert f'Transitional is in 3 groups: {lack[0]} and {lack[1]} test none of it.' in (
        said
    )
    assert 'CH4 has no Transitional at all.' in said
    assert not any('CO2' in text or 'pair' in text for text in said)
    folds = k_folds(frames(OWNERS), folds=3)
    assert shortcomings(folds) == ['CH4 has no Transitional at all.']
    alone = frames([(5.9, 'co2', ['a'], 2), (6.5, 'co2', list('bcdef'), 2)])
    folds = k_folds(alone, folds=2)
    (where,) = (name for name, x in folds.items() if 'a' in set(x['test']['group']))
    (other,) = set(folds) - {where}
    assert shortcomings(folds) == [
        f'Transitional is in 1 group: {other} tests none of it; {where} trains without '
        'it; cv_fold0 and cv_fold1 validate without it.'
    ]


def test_too_many_folds_and_too_few_groups_are_refused():
    data = frames([(6.5, 'co2', list('abc'), 2)])
    for number in (1, 4):
        with pytest.raises(UserError, match=rf'{number} folds of 3 groups.* 2 to 3\.'):
            k_folds(data, folds=number)
    check_folds(k_folds(data, folds=3), data)
    with pytest.raises(UserError, match='cv_fold0: no group is left for val'):
        k_folds(data[data['group'] != 'c'], folds=2)
    with pytest.raises(UserError, match='no frames'):
        leave_one_out(data[:0])


def test_seed_decides():
    data = frames([(ph, 'co2', [f'{ph}_{i}' for i in range(9)], 2) for ph in (6.5, 5)])
    first, again, other = (k_folds(data, folds=3, seed=seed) for seed in (1, 1, 2))
    assert groups_tested(first) == groups_tested(again) != groups_tested(other)


def test_leave_one_out_tests_one_group_a_fold():
    data = frames(OWNERS)
    folds = leave_one_out(data)
    check_folds(folds, data)
    assert groups_tested(folds) == [frozenset([x]) for x in sorted(set(data['group']))]
    assert next(iter(folds)) == 'loso/fold_FLIR0001'
    assert shortcomings(folds) == [
        'CH4 has no Transitional at all.',
        'No pH has frames of both gases in the test part of 21 folds: no pair is '
        'tested there.',
    ]
    names = data.assign(group=data['group'] + '/:')  # no folder of its own
    assert next(iter(leave_one_out(names))) == 'loso/fold_FLIR0001%2F%3A'


def test_the_owners_halves_by_a_worked_example():
    data = frames(
        [
            (6.5, 'co2', ['MOV0004', 'MOV0001'], 1),
            (6.2, 'co2', ['MOV0003', 'MOV0002'], 1),  # Healthy, too
            (6.5, 'ch4', ['FLIR0003', 'FLIR0001', 'FLIR0002'], 1),
            (5.9, 'co2', ['MOV0005'], 1),
        ]
    )
    folds = owners_loso(data)
    # A: MOV0001 MOV0002 | FLIR0001 FLIR0002 | MOV0005; B: MOV0003 MOV0004 | FLIR0003
    groups = {
        name: {split: sorted(rows['group']) for split, rows in splits.items()}
        for name, splits in folds.items()
    }
    assert groups == {
        'loso/fold_AtoB': {
            'train': ['FLIR0001', 'MOV0001', 'MOV0005'],
            'val': ['FLIR0002', 'MOV0002'],
            'test': ['FLIR0003', 'MOV0003', 'MOV0004'],
        },
        'loso/fold_BtoA': {
            'train': ['FLIR0003', 'MOV0003'],
            'val': ['MOV0004'],
            'test': ['FLIR0001', 'FLIR0002', 'MOV0001', 'MOV0002', 'MOV0005'],
        },
    }
    check_folds(folds, data)
    assert shortcomings(folds) == [
        'Transitional is in 1 group: loso/fold_AtoB tests none of it; '
        'loso/fold_BtoA trains without it; loso/fold_AtoB and loso/fold_BtoA validate '
        'without it.',
        'CH4 has no Transitional at all.',
    ]


def test_a_recording_of_two_classes_and_both_gases_stays_whole():
    plan = [(6.5, gas, list('abcd'), 3) for gas in ('co2', 'ch4')]
    data = frames(plan)
    data['frame_path'] = data['gas_type'] + data['frame_path']
    data.loc[data['frame_path'] == 'co2a_0.png', ['class_id', 'class_name']] = (
        1,
        'Transitional',
    )
    folds = owners_loso(data)
    check_folds(folds, data)
    assert groups_tested(folds) == [{'c', 'd'}, {'a', 'b'}]
    with pytest.raises(UserError, match='fold_AtoB: no group is left for val'):
        owners_loso(data[data['group'].isin(['a', 'b'])])
