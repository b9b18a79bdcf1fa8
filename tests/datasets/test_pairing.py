import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.paired_csv import EXTRA_COLUMNS, PAIRED_COLUMNS, read_paired
from fume_mm.datasets.pairing import STRATEGIES, pair_gases, pairing_statistics
from fume_mm.datasets.splitting import find_leaks
from fume_mm.errors import UserError
from fume_mm.io.tables import write_table
from fume_mm.structures import GASES, HEALTH_CLASSES, health_class
from tests.campaigns import annotations, make_campaign, read_rows, write_rows

TOOL = Path(__file__).parents[2] / 'tools/dataset_converters/pair_gases.py'


def frames(rows):
    """``rows``: (gas, pH, original, augmentation); paths count up, a, b, c, ..."""
    out = pd.DataFrame(
        [
            (f'images/{chr(97 + i)}.png', f'masks/{chr(97 + i)}.png', *map(str, row))
            for i, row in enumerate(rows)
        ],
        columns=[
            'frame_path',
            'mask_path',
            'gas_type',
            'ph_value',
            'original_sample_id',
            'augmentation_id',
        ],
    )
    out['ph_value'] = out['ph_value'].astype(float)
    out['class_id'] = out['ph_value'].map(health_class)
    out['class_name'] = out['class_id'].map(dict(enumerate(HEALTH_CLASSES)))
    out['group'] = 'vessel_' + out['original_sample_id'].str[0]
    out['grouped_by'] = 'vessel_id'
    return out


def names(paired):
    """(CO2 frame, CH4 frame) by their letters."""
    letter = [paired[f'{gas}_frame'].str.extract(r'(\w)\.png')[0] for gas in GASES]
    return set(zip(*(column.fillna('') for column in letter), strict=True))


def random_frames(rng):
    rows = []
    for number in range(rng.integers(1, 12)):
        original = f'o{number}'
        ph = rng.choice([6.5, 6.2, 5.9, 5.6, 5.3, 5.0])
        for gas in GASES:
            # with gaps, and some augmentations twice
            for augmentation in rng.integers(0, 12, rng.integers(0, 6)):
                rows.append((gas, ph, original, f'aug{augmentation}'))
    rows = rows or [('co2', 6.5, 'o0', '0')]
    data = frames(rows)
    data['frame_path'] = [f'images/{i:04d}.png' for i in rng.permutation(len(data))]
    data['mask_path'] = data['frame_path'].str.replace('images', 'masks')
    return data.sample(frac=1, random_state=int(rng.integers(99)), ignore_index=True)


# -- pairing -------------------------------------------------------------------------


@pytest.mark.parametrize('strategy', STRATEGIES)
@pytest.mark.parametrize('seed', range(15))
def test_every_frame_is_in_exactly_one_sample(strategy, seed):
    data = random_frames(np.random.default_rng(seed))
    paired = pair_gases(data, strategy=strategy, seed=seed)
    keys = STRATEGIES[strategy][-1]  # what all rounds together leave none of
    true = data.set_index('frame_path')
    for gas in GASES:
        used = paired.loc[paired[f'{gas}_frame'] != '']
        mine = data[data['gas_type'] == gas]
        assert sorted(used[f'{gas}_frame']) == sorted(mine['frame_path'])
        for part, column in {'mask': 'mask_path', 'group': 'group'}.items():
            assert list(used[f'{gas}_{part}']) == list(
                true.loc[used[f'{gas}_frame'], column]
            )
        for column in ('ph_value', 'class_id', 'class_name'):
            assert list(used[column]) == list(true.loc[used[f'{gas}_frame'], column])
    # as many pairs as the strategy allows, none against it
    tally = [
        Counter(map(tuple, data.loc[data['gas_type'] == gas, list(keys)].to_numpy()))
        for gas in GASES
    ]
    pairs = paired[paired['is_paired']]
    assert len(pairs) == (tally[0] & tally[1]).total()
    for key in keys:
        values = [list(true.loc[pairs[f'{gas}_frame'], key]) for gas in GASES]
        assert values[0] == values[1]
    assert (paired['is_paired'] == (paired['missing_modality'] == '')).all()
    assert paired['sample_id'].is_unique and (paired['sample_id'] != '').all()
    # the order of the rows changes nothing
    shuffled = data.sample(frac=1, random_state=seed)
    assert pair_gases(shuffled, strategy=strategy, seed=seed).equals(paired)


def test_columns_of_a_pair():
    data = frames([('co2', 6.5, 'x', 0), ('ch4', 6.5, 'x', 0)])
    paired = pair_gases(data)
    assert list(paired.columns) == [*PAIRED_COLUMNS, *EXTRA_COLUMNS]
    assert paired.to_dict('records') == [
        {
            'co2_frame': 'images/a.png',
            'co2_mask': 'masks/a.png',
            'ch4_frame': 'images/b.png',
            'ch4_mask': 'masks/b.png',
            'ph_value': 6.5,
            'class_id': 0,
            'class_name': 'Healthy',
            'is_paired': True,
            'missing_modality': '',
            'sample_id': 'a+b',
            'co2_group': 'vessel_x',
            'ch4_group': 'vessel_x',
            'grouped_by': 'vessel_id',
            'pairing': 'same original',
        }
    ]


@pytest.mark.parametrize(('gas', 'other'), [('co2', 'ch4'), ('ch4', 'co2')])
def test_a_split_of_one_gas(gas, other):
    paired = pair_gases(frames([(gas, 5.9, 'x', 0), (gas, 5.0, 'y', 0)]))
    assert list(paired['missing_modality']) == [other, other]
    assert list(paired[f'{other}_frame']) == ['', '']
    assert list(paired[f'{other}_group']) == ['', '']
    assert list(paired['class_id']) == [1, 2]
    assert list(paired['sample_id']) == ['a', 'b']


def test_original_based_zips_in_the_order_of_augmentations():
    data = frames(
        [
            ('co2', 6.5, 'x', 'aug_10'),  # a
            ('co2', 6.5, 'x', 'aug_2'),  # b
            ('co2', 6.5, 'x', 'aug_1'),  # c
            ('ch4', 6.5, 'x', 'aug_9'),  # d
            ('ch4', 6.5, 'x', 'aug_3'),  # e
            ('ch4', 6.5, 'y', 'aug_1'),  # f
        ]
    )
    assert names(pair_gases(data)) == {('c', 'e'), ('b', 'd'), ('a', ''), ('', 'f')}


def test_augmentation_matched_leaves_other_augmentations_single():
    data = frames(
        [
            ('co2', 6.5, 'x', 0),  # a
            ('co2', 6.5, 'x', 1),  # b
            ('ch4', 6.5, 'x', 1),  # c
            ('ch4', 6.5, 'x', 2),  # d
            ('ch4', 6.5, 'y', 0),  # e
        ]
    )
    paired = pair_gases(data, strategy='augmentation_matched')
    assert names(paired) == {('b', 'c'), ('a', ''), ('', 'd'), ('', 'e')}


def test_random_pairs_within_a_ph_and_depends_on_the_seed():
    rows = [(gas, 6.5, f'{gas}{i}', 0) for gas in GASES for i in range(8)]
    data = frames(rows + [('ch4', 6.2, 'z', 0)])
    first, again, other = (
        pair_gases(data, strategy='random', seed=seed) for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert names(first) != names(other)
    assert first['is_paired'].sum() == 8
    single = first[~first['is_paired']]
    assert list(single['ph_value']) == [6.2]  # Healthy as well, but another pH


def test_original_based_ignores_the_seed():
    data = random_frames(np.random.default_rng(3))
    pairs = [pair_gases(data, strategy='original_based', seed=seed) for seed in (1, 2)]
    assert pairs[0].equals(pairs[1])


@pytest.mark.parametrize('strategy', ['original_based', 'augmentation_matched'])
def test_a_pair_that_disagrees_names_both_rows(strategy):
    data = frames([('co2', 6.5, 'x', 0), ('ch4', 5.0, 'x', 0)])
    with pytest.raises(UserError) as error:
        pair_gases(data, strategy=strategy)
    assert 'images/a.png (pH 6.5, Healthy)' in str(error.value)
    assert 'images/b.png (pH 5, Acidotic)' in str(error.value)
    assert pair_gases(data, strategy='random')['is_paired'].sum() == 0


def test_a_frame_twice_is_refused():
    data = frames([('co2', 6.5, 'x', 0)])
    with pytest.raises(UserError, match=r'images/a\.png is annotated more than once'):
        pair_gases(pd.concat([data, data]))


def test_unknown_strategy():
    with pytest.raises(UserError, match=r"'zip' is unknown.*augmentation_matched"):
        pair_gases(frames([('co2', 6.5, 'x', 0)]), strategy='zip')


def test_sample_ids_are_unique_though_file_names_are_not():
    data = frames([('co2', 6.5, name, 0) for name in 'xyzw'])
    data['frame_path'] = ['1/a.png', '2/a.png', '3/a~2.png', 'a.b.png']
    assert list(pair_gases(data)['sample_id']) == ['a', 'a~3', 'a~2', 'a.b']


# -- statistics ----------------------------------------------------------------------


def test_statistics():
    data = frames(
        [
            ('co2', 6.5, 'x', 0),
            ('ch4', 6.5, 'x', 0),
            ('co2', 6.2, 'y', 0),
            ('ch4', 5.0, 'z', 0),
            ('ch4', 5.0, 'z', 1),
        ]
    )
    statistics = pairing_statistics({'val': pair_gases(data)}, {'val': data})

    def count(both, co2, ch4):
        total = both + co2 + ch4
        return {'samples': total, 'both': both, 'co2_only': co2, 'ch4_only': ch4}

    assert statistics == {
        'val': {
            **count(1, 1, 2),
            'by_class': {
                'Healthy': count(1, 1, 0),
                'Transitional': count(0, 0, 0),
                'Acidotic': count(0, 0, 2),
            },
            'by_ph': {
                '5': count(0, 0, 2),
                '6.2': count(0, 1, 0),
                '6.5': count(1, 0, 0),
            },
            'frames_in': {'co2': 2, 'ch4': 3},
            'frames_out': {'co2': 2, 'ch4': 3},
            'pairing': {'same original': 1},
        }
    }
    assert json.loads(json.dumps(statistics)) == statistics
    assert 'frames_in' not in pairing_statistics({'val': pair_gases(data)})['val']


# -- files ---------------------------------------------------------------------------


@pytest.fixture
def campaign(tmp_path):
    """A campaign with its paired train CSV; 20 frames, 12 samples."""
    root = make_campaign(tmp_path, splits=['train'], vessel_id=True)
    write_table(pair_gases(read_annotations(annotations(root))), paired_csv(root))
    return root


def paired_csv(root):
    return root / 'paired_train_annotations.csv'


def edit_paired(root, row, **values):
    rows = read_rows(paired_csv(root))
    rows[row].update(values)
    write_rows(paired_csv(root), rows)


def keep_owners_columns(root):
    write_rows(paired_csv(root), read_rows(paired_csv(root)), PAIRED_COLUMNS)


def test_written_and_read_back(campaign):
    expected = pair_gases(read_annotations(annotations(campaign)))
    expected['groups'] = [
        (co2 or ch4,)
        for co2, ch4 in zip(expected['co2_group'], expected['ch4_group'], strict=True)
    ]
    pd.testing.assert_frame_equal(read_paired(paired_csv(campaign)), expected)
    assert not list(campaign.glob('.*'))


def test_a_failed_write_leaves_the_old_file(campaign, monkeypatch):
    before = paired_csv(campaign).read_bytes()
    frame = read_paired(paired_csv(campaign))

    def fail(self, path, **options):
        Path(path).write_text('half')
        raise OSError('disk full')

    monkeypatch.setattr(pd.DataFrame, 'to_csv', fail)
    with pytest.raises(OSError, match='disk full'):
        write_table(frame, paired_csv(campaign))
    assert paired_csv(campaign).read_bytes() == before
    assert not list(campaign.glob('.*'))


def test_the_owners_columns_are_enough(campaign):
    ours = read_paired(paired_csv(campaign))
    keep_owners_columns(campaign)
    owners = read_paired(paired_csv(campaign))
    assert set(owners['pairing']) == {''}  # theirs do not say
    pd.testing.assert_frame_equal(
        owners[ours.columns].drop(columns='pairing'), ours.drop(columns='pairing')
    )


def test_groups_of_a_pair_of_two_vessels(campaign):
    data = read_annotations(annotations(campaign))
    data['ph_value'], data['class_id'], data['class_name'] = 6.5, 0, 'Healthy'
    paired = pair_gases(data, strategy='random', seed=0)
    write_table(paired, paired_csv(campaign))
    read = read_paired(paired_csv(campaign))
    sides = zip(read['co2_group'], read['ch4_group'], strict=True)
    assert [len(groups) for groups in read['groups']] == [
        len({co2, ch4} - {''}) for co2, ch4 in sides
    ]
    assert max(map(len, read['groups'])) == 2
    other = pd.DataFrame({'group': ['train_v0']})
    assert find_leaks({'train': read, 'val': other}) == {'train_v0': ['train', 'val']}


def test_groups_that_cannot_be_looked_up(campaign):
    keep_owners_columns(campaign)
    rows = read_rows(annotations(campaign))
    write_rows(annotations(campaign), rows[1:])
    path = rows[0]['frame_path']
    with pytest.raises(
        UserError, match=rf"line 2 \('{path}'\): co2_frame is not in tr"
    ):
        read_paired(paired_csv(campaign))
    loose = read_paired(paired_csv(campaign), require_groups=False)
    assert loose['co2_group'][0] == '' and loose['groups'][0] == ('train_v0',)

    annotations(campaign).unlink()
    with pytest.raises(
        UserError, match=r'no train_annotations\.csv beside it'
    ) as error:
        read_paired(paired_csv(campaign))
    assert f'pair_gases.py {campaign}`' in str(error.value)
    loose = read_paired(paired_csv(campaign), require_groups=False)
    assert set(loose['groups']) == {()}


def test_an_empty_group_is_refused(campaign):
    edit_paired(campaign, 0, co2_group='')
    with pytest.raises(UserError, match=r'line 2 .*co2_group is empty'):
        read_paired(paired_csv(campaign))
    loose = read_paired(paired_csv(campaign), require_groups=False)
    assert loose['groups'][0] == ('train_v0',)


@pytest.mark.parametrize('empty', ['', 'nan', 'NaN', 'None', ' '])
@pytest.mark.parametrize('true', ['True', 'true', 'TRUE', '1', '1.0'])
def test_spellings_of_nothing_and_of_truth(campaign, empty, true):
    expected = read_paired(paired_csv(campaign), check_files=False)
    false = {'1': '0', '1.0': '0.0'}.get(true, 'False')
    rows = read_rows(paired_csv(campaign))
    for row in rows:
        row.update({key: value or empty for key, value in row.items()})
        row['is_paired'] = true if row['is_paired'] == 'True' else false
    write_rows(paired_csv(campaign), rows)
    read = read_paired(paired_csv(campaign), check_files=False)
    pd.testing.assert_frame_equal(read, expected)


def test_windows_paths_with_the_prefix(campaign):
    expected = read_paired(paired_csv(campaign))
    rows = read_rows(paired_csv(campaign))
    for row in rows:
        for column in ('co2_frame', 'co2_mask', 'ch4_frame', 'ch4_mask'):
            if row[column]:
                row[column] = 'mmseg_dataset\\' + row[column].replace('/', '\\')
    write_rows(paired_csv(campaign), rows)
    pd.testing.assert_frame_equal(read_paired(paired_csv(campaign)), expected)


# Rows by gases: 0 has both, 6 has CO2 only, 8 has CH4 only.
BROKEN_ROWS = {
    'no_frame': (6, {'co2_frame': '', 'co2_mask': ''}, 'at least one gas'),
    'mask_without_frame': (0, {'co2_frame': ''}, 'co2_mask has no co2_frame'),
    'missing_wrong': (0, {'missing_modality': 'ch4'}, 'must name the gas without'),
    'missing_unknown': (6, {'missing_modality': 'n2o'}, r"\('n2o'\): missing_modality"),
    'missing_other': (8, {'missing_modality': 'ch4'}, 'must name the gas without'),
    'paired_wrong': (6, {'is_paired': 'True'}, 'is_paired must be True where both'),
    'paired_unknown': (0, {'is_paired': 'maybe'}, r"\('maybe'\): is_paired must be Tr"),
    'unknown_class': (0, {'class_id': '7'}, 'class_id must be one of'),
    'ph_disagrees': (0, {'ph_value': '5.0'}, 'ph_value and class_id disagree'),
    'escaping': (0, {'co2_frame': '../a.png'}, "climbs with '..'"),
    'absolute': (0, {'ch4_mask': 'D:/a.png'}, 'ch4_mask is an absolute path'),
    'no_file': (0, {'ch4_frame': 'images/none.png'}, 'ch4_frame names no file'),
    'no_id': (0, {'sample_id': ''}, 'sample_id is empty or'),
}


@pytest.mark.parametrize('kind', BROKEN_ROWS)
def test_broken_rows_name_the_line(campaign, kind):
    row, values, phrase = BROKEN_ROWS[kind]
    edit_paired(campaign, row, **values)
    with pytest.raises(UserError, match=phrase) as error:
        read_paired(paired_csv(campaign))
    assert f'{paired_csv(campaign)}, line {row + 2} (' in str(error.value)


@pytest.mark.parametrize('gas', GASES)
def test_a_frame_in_two_samples_is_refused(campaign, gas):
    rows = read_rows(paired_csv(campaign))
    rows[1][f'{gas}_frame'] = rows[0][f'{gas}_frame']
    write_rows(paired_csv(campaign), rows)
    with pytest.raises(UserError, match=f'line 2 .*line 3 .*same {gas}_frame') as error:
        read_paired(paired_csv(campaign))
    assert 'pair again with' in str(error.value)


def test_a_missing_paired_csv_gives_the_command(campaign):
    with pytest.raises(UserError) as error:
        read_paired(campaign / 'paired_val_annotations.csv')
    command = f'`python tools/dataset_converters/pair_gases.py {campaign}`'
    assert command in str(error.value)


def test_a_missing_column_and_a_missing_root(campaign):
    columns = [name for name in PAIRED_COLUMNS if name != 'is_paired']
    write_rows(paired_csv(campaign), read_rows(paired_csv(campaign)), columns)
    with pytest.raises(UserError, match='no column is_paired'):
        read_paired(paired_csv(campaign))
    with pytest.raises(UserError, match=r'data root .* does not exist'):
        read_paired(campaign / 'gone/paired_train_annotations.csv')


def test_other_line_ends_and_no_rows(campaign):
    header = paired_csv(campaign).read_text().splitlines()[0]
    paired_csv(campaign).write_text(header + '\r\n')
    with pytest.raises(UserError, match='has a header but no rows'):
        read_paired(paired_csv(campaign))


# -- the command line ----------------------------------------------------------------


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_tool_pairs_and_reports(tmp_path):
    root = make_campaign(tmp_path)
    done = run(root)
    assert (done.returncode, done.stderr) == (0, '')
    assert 'train: read 20 frames' in done.stdout
    assert 'test: made 12 samples' in done.stdout
    table = [line.split() for line in done.stdout.splitlines()]
    # 6 vessels of 2 frames: 8 pairs, vessel 3 (6.2) CO2 only, vessel 4 (5.3) CH4 only
    assert ['train', 'Healthy', '2', '2', '0', '4'] in table
    assert ['train', 'Transitional', '2', '0', '0', '2'] in table
    assert ['train', 'Acidotic', '4', '0', '2', '6'] in table
    assert ['val', 'all', '8', '2', '2', '12'] in table
    report = json.loads((root / 'pairing_statistics.json').read_text())
    assert report['strategy'] == 'original_based' and report['seed'] == 42
    assert report['splits']['test']['frames_out'] == {'co2': 10, 'ch4': 10}
    assert len(read_paired(root / 'paired_test_annotations.csv')) == 12
    # again, over its own files
    assert run(root, '--strategy', 'random', '--splits', 'val').returncode == 0


def test_tool_refuses_leaks_and_resplits_or_allows_them(tmp_path):
    root = make_campaign(tmp_path, vessels=3, broken='leak')
    done = run(root)
    assert done.returncode == 2 and done.stdout.count('made') == 0
    assert 'train_v0_f0 (train, val)' in done.stderr and 'Traceback' not in done.stderr
    assert not list(root.glob('paired_*'))
    # one split's frames still leak into the others
    assert run(root, '--splits', 'val').returncode == 2

    done = run(root, '--resplit')
    assert (done.returncode, done.stderr) == (0, '')
    splits = {
        split: read_paired(root / f'paired_{split}_annotations.csv')
        for split in ('train', 'val', 'test')
    }
    assert find_leaks(splits) == {}
    together = pd.concat(splits.values())
    used = [path for gas in GASES for path in together[f'{gas}_frame'] if path]
    assert len(used) == len(set(used)) == 3 * 3 * 2 * 2
    assert {tuple(sorted(set(rows['class_id']))) for rows in splits.values()} == {
        (0, 1, 2)
    }

    assert run(root, '--allow-leakage').returncode == 0
    report = json.loads((root / 'pairing_statistics.json').read_text())
    assert report['leakage_allowed'] is True


def test_tool_shows_user_errors_only(tmp_path):
    done = run(tmp_path / 'gone')
    assert done.returncode == 2
    assert done.stderr.startswith('error: data root ')
    done = run(tmp_path, '--resplit', '--splits', 'val')
    assert done.returncode == 2 and 'leave out --splits' in done.stderr


def test_tool_help_has_defaults_and_an_example():
    done = run('--help')
    assert done.returncode == 0
    assert '(default: auto)' in done.stdout
    assert 'pair_gases.py data/ogi_sim' in done.stdout


# -- frames that are looked at only --------------------------------------------------


def write_text(path, *lines):
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
    return path


def test_a_csv_of_frames_alone_is_enough(tmp_path):
    lines = '\ufeffCO2,Ch4', 'x\\a_co2.png , y/a_ch4.png', 'b.png,NULL'
    path = write_text(tmp_path / 'mine.csv', *lines)
    read = read_paired(path, labelled=False, check_files=False)
    assert read.to_dict('records') == [
        {
            'sample_id': 'a',
            'co2_frame': 'x/a_co2.png',
            'ch4_frame': 'y/a_ch4.png',
            'line': 2,
        },
        {'sample_id': 'b', 'co2_frame': 'b.png', 'ch4_frame': '', 'line': 3},
    ]


@pytest.mark.parametrize('empty', ['', 'NULL', 'None', 'nan', 'NaN', '<NA>', 'null'])
def test_every_reader_takes_the_same_words_for_nothing(campaign, empty):
    expected = read_paired(paired_csv(campaign))
    rows = read_rows(paired_csv(campaign))
    filled = [{key: row[key] or empty for key in row} for row in rows]
    write_rows(paired_csv(campaign), filled)
    pd.testing.assert_frame_equal(read_paired(paired_csv(campaign)), expected)
    loose = read_paired(paired_csv(campaign), labelled=False)
    columns = ['sample_id', 'co2_frame', 'ch4_frame']
    pd.testing.assert_frame_equal(loose[columns], expected[columns])


@pytest.mark.parametrize('prefix', ['mmseg_dataset/', 'mmseg_dataset\\', './'])
def test_both_readings_name_the_same_files_and_samples(campaign, prefix):
    keep_owners_columns(campaign)
    rows = read_rows(paired_csv(campaign))
    for row in rows:
        for gas in GASES:
            if row[f'{gas}_frame']:
                row[f'{gas}_frame'] = prefix + row[f'{gas}_frame']
    write_rows(paired_csv(campaign), rows)
    columns = ['sample_id', 'co2_frame', 'ch4_frame']
    pd.testing.assert_frame_equal(
        read_paired(paired_csv(campaign))[columns],
        read_paired(paired_csv(campaign), labelled=False)[columns],
    )


def test_frames_to_look_at_may_lie_anywhere(campaign, tmp_path):
    frame = campaign / read_rows(annotations(campaign))[0]['frame_path']
    folder = tmp_path / 'elsewhere'
    folder.mkdir()
    outside = f'../{frame.relative_to(tmp_path)}'
    path = write_text(folder / 'mine.csv', 'ch4_frame', str(frame), outside)
    read = read_paired(path, labelled=False)
    assert read['ch4_frame'].tolist() == [str(frame), outside]
    assert read['co2_frame'].tolist() == ['', '']
    stem = frame.stem
    assert read['sample_id'].tolist() == [stem, f'{stem}~2']


@pytest.mark.parametrize(
    ('lines', 'message'),
    [
        (['a,b', '1,2'], r'has the columns a, b, but none that names frames'),
        (['co2,ch4,name', 'a.png,,x', 'none,NaN,y'], r'line 3 .*at least one gas'),
        (['co2,name', 'a.png,x', 'b.png,x'], 'sample_id is in more than one row'),
        (['co2', 'a.png'], r"line 2 \('a.png'\): co2_frame names no file"),
    ],
)
def test_what_is_wrong_with_frames_to_look_at_is_named(tmp_path, lines, message):
    with pytest.raises(UserError, match=message) as error:
        read_paired(write_text(tmp_path / 'mine.csv', *lines), labelled=False)
    assert str(error.value).startswith(str(tmp_path / 'mine.csv'))
    with pytest.raises(UserError, match='there is no such CSV'):
        read_paired(tmp_path / 'other.csv', labelled=False)


def test_further_columns_may_be_called_anything():
    rows = frames([('co2', 5.6, 'a', 0), ('ch4', 5.6, 'a', 0)])
    further = dict.fromkeys(('frame', 'mask', 'number', 'rank', 'pairing', 'co2'), '7')
    assert pair_gases(rows.assign(**further)).equals(pair_gases(rows))
