"""The owners' campaign as their own scripts write it: per-gas originals, copies."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.grouping import recordings
from fume_mm.datasets.paired_csv import read_paired
from fume_mm.datasets.pairing import auto_strategy, pair_gases
from fume_mm.datasets.splitting import find_leaks
from fume_mm.errors import UserError
from fume_mm.structures import SPLITS
from tests.campaigns import read_rows, write_rows

PAIR = Path(__file__).parents[2] / 'tools/dataset_converters/pair_gases.py'
#: pH, class, gas, recordings, originals of each; nothing but pH joins the two gases
PLAN = (
    (6.5, 'Healthy', 'co2', ('MOV0001', 'MOV0002', 'MOV0003'), 2),
    (6.5, 'Healthy', 'ch4', ('FLIR0001', 'FLIR0002', 'FLIR0003'), 2),
    (5.9, 'Transitional', 'co2', ('MOV0004', 'MOV0005', 'MOV0006'), 1),
    (5.6, 'Acidotic', 'co2', ('MOV0007', 'MOV0008', 'MOV0009'), 2),
    (5.6, 'Acidotic', 'ch4', ('FLIR0004', 'FLIR0005', 'FLIR0006'), 1),
)
CLASSES = ('Healthy', 'Transitional', 'Acidotic')
COPIES = range(-1, 2)


def make_owners(root, *, originals_csv=True, names='{recording}_frame_{number:04d}'):
    """Their folders and CSVs; the copies of an original are in all splits."""
    rng = np.random.default_rng(0)
    originals, rows = [], []
    for ph, name, gas, found, count in PLAN:
        for recording in found:
            for _ in range(count):
                number = len(originals) + 1
                file = names.format(recording=recording, number=number)
                labels = {
                    'ph_value': ph,
                    'class_id': CLASSES.index(name),
                    'class_name': name,
                    'gas_type': gas,
                }
                sample = f'sample_{number:05d}'
                where = f'original_annotated/ph_{ph}/{gas}_frame/{file}.png'
                mask = where.replace('_frame/', '_mask/')
                originals.append(
                    {'sample_id': sample, 'frame_path': where, 'mask_path': mask}
                    | labels
                )
                for copy in COPIES:
                    tail = 'orig' if copy < 0 else f'aug_{copy:03d}'
                    rows.append(
                        {'sample_id': f'{sample}_{tail}', 'original_sample_id': sample}
                        | labels
                        | {'is_augmented': copy >= 0, 'augmentation_id': copy}
                    )
    for number, row in enumerate(rows):
        row['split'] = SPLITS[number % 3]
        for part in ('frame', 'mask'):
            path = f'{row["split"]}/{part}s/{row["sample_id"]}.png'
            row[f'{part}_path'] = f'mmseg_dataset\\{path}'.replace('/', '\\')
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 3 if part == 'mask' else 256, (48, 64), np.uint8)
            cv2.imwrite(str(root / path), pixels)
    for split in SPLITS:
        of_split = [row for row in rows if row['split'] == split]
        columns = [name for name in of_split[0] if name != 'split']
        write_rows(root / f'{split}_annotations.csv', of_split, columns)
    if originals_csv:
        write_rows(root / 'annotations.csv', originals)
    return root


@pytest.fixture
def owners(tmp_path):
    return make_owners(tmp_path)


def pair(*arguments):
    command = [sys.executable, str(PAIR), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def read_all(root):
    return {s: read_annotations(root / f'{s}_annotations.csv') for s in SPLITS}


def test_recordings_are_found_through_the_originals(owners):
    frames = read_annotations(owners / 'train_annotations.csv')
    truth = {
        row['sample_id']: Path(row['frame_path']).name.split('_')[0]
        for row in read_rows(owners / 'annotations.csv')
    }
    assert list(frames['group']) == [truth[x] for x in frames['original_sample_id']]
    assert set(frames['grouped_by']) == {'recording'}
    assert frames['frame_path'].str.startswith('train/frames/sample_').all()
    assert set(frames['augmentation_id']) == {'-1'}
    assert len(find_leaks(read_all(owners))) == 15  # every recording


def test_a_split_after_copying_is_refused_and_resplit_keeps_recordings_apart(owners):
    done = pair(owners)
    assert done.returncode == 2
    assert '15 group(s) are in more than one split' in done.stderr
    assert '--resplit' in done.stderr
    done = pair(owners, '--resplit')
    assert done.returncode == 0, done.stderr
    paired = {
        s: read_paired(owners / f'paired_{s}_annotations.csv', root=owners)
        for s in SPLITS
    }
    assert not find_leaks(paired)
    # all pairs that pH allows: 6 originals of each gas at 6.5, 3 of CH4 at 5.6, and
    # three copies of each; a recording of each in every split
    for samples in paired.values():
        pairs = samples[samples['is_paired']]
        assert len(pairs) == 3 * (2 + 1)
        assert set(pairs['pairing']) == {'same pH and augmentation at another time'}
        assert set(samples['grouped_by']) == {'recording'}
    frames = sum(len(x) + x['is_paired'].sum() for x in paired.values())
    assert frames == 3 * (6 + 6 + 3 + 6 + 3)
    report = json.loads((owners / 'pairing_statistics.json').read_text())
    assert report['strategy'] == 'same_ph' and report['grouped_by'] == ['recording']
    dataset = DualGasDataset('paired_test_annotations.csv', data_root=str(owners))
    dataset.full_init()
    assert dataset.metainfo['by_frame'] is False
    assert dataset.metainfo['pairing'] == {
        'same pH and augmentation at another time': 9
    }


def test_without_originals_every_result_is_marked(tmp_path):
    root = make_owners(tmp_path, originals_csv=False)
    done = pair(root, '--resplit')
    assert done.returncode == 0, done.stderr
    assert 'SPLIT BY FRAME: no recording is known of 72 of 72 frames' in done.stdout
    dataset = DualGasDataset('paired_test_annotations.csv', data_root=str(root))
    dataset.full_init()
    assert dataset.metainfo['by_frame'] is True


def test_a_pattern_names_recordings_that_no_camera_does(tmp_path):
    root = make_owners(tmp_path, names='cow{recording}-{number}')
    frames = read_annotations(root / 'val_annotations.csv')
    assert set(frames['grouped_by']) == {'frame'}
    frames = read_annotations(
        root / 'val_annotations.csv', group_pattern=r'^cow([A-Z]+)(\d+)-'
    )
    assert set(frames['grouped_by']) == {'recording'}
    assert all(x[:4] in ('MOV_', 'FLIR') and '_' in x for x in frames['group'])
    with pytest.raises(UserError, match=r'line 2 .*finds no recording in the name'):
        read_annotations(root / 'val_annotations.csv', group_pattern='pig')
    with pytest.raises(UserError, match='no regular expression'):
        read_annotations(root / 'val_annotations.csv', group_pattern='(')


def test_a_recording_that_one_frame_lacks_marks_its_split_only(owners):
    rows = read_rows(owners / 'annotations.csv')
    rows[0]['frame_path'] = 'original_annotated/elsewhere.png'
    write_rows(owners / 'annotations.csv', rows)
    frames = read_all(owners)
    lacking = {
        split: set(x.loc[x['grouped_by'] == 'frame', 'original_sample_id'])
        for split, x in frames.items()
    }
    assert set.union(*lacking.values()) == {'sample_00001'}
    assert all('MOV0001' in set(x['group']) for x in frames.values())


def test_the_folder_above_the_data_root_is_named(tmp_path):
    make_owners(tmp_path / 'mmseg_dataset')
    done = pair(tmp_path)
    assert done.returncode == 2
    assert f'give {tmp_path / "mmseg_dataset"} as the data root' in done.stderr
    # their root CSV lies above, too
    (tmp_path / 'mmseg_dataset/annotations.csv').rename(tmp_path / 'annotations.csv')
    frames = read_annotations(tmp_path / 'mmseg_dataset/train_annotations.csv')
    assert set(frames['grouped_by']) == {'recording'}


def test_two_gases_without_a_pair_are_an_error(owners):
    done = pair(owners, '--resplit', '--strategy', 'original_based')
    assert done.returncode == 2 and not list(owners.glob('paired_*'))
    assert '45 CO2 and 27 CH4 frames give no pair by original_based' in done.stderr
    done = pair(owners, '--resplit', '--strategy', 'original_based', '--allow-unpaired')
    assert done.returncode == 0, done.stderr
    assert len(read_paired(owners / 'paired_train_annotations.csv')) == 24


def test_a_data_root_may_be_read_only(owners, tmp_path):
    before = sorted(owners.rglob('*'))
    out = tmp_path / 'elsewhere/pairs'
    assert pair(owners, '--resplit', '--out', out).returncode == 0
    assert sorted(x for x in owners.rglob('*') if 'elsewhere' not in x.parts) == before
    samples = read_paired(out / 'paired_val_annotations.csv', root=owners)
    assert (owners / samples['co2_frame'].iat[0]).is_file()


def test_uses_give_single_frames_a_partner_again(owners):
    frames = read_annotations(owners / 'train_annotations.csv')
    once, twice = (pair_gases(frames, uses=uses, seed=1) for uses in (1, 9))
    for samples in (once, twice):
        for gas in ('co2', 'ch4'):
            used = set(samples[f'{gas}_frame']) - {''}
            assert used == set(frames.loc[frames['gas_type'] == gas, 'frame_path'])
    both_gases = frames.groupby('ph_value')['gas_type'].transform('nunique') == 2
    assert twice['is_paired'].sum() > once['is_paired'].sum()
    alone = twice[~twice['is_paired']]
    assert set(alone['ph_value']) == set(frames.loc[~both_gases, 'ph_value'])
    again = twice[twice['pairing'].str.endswith('(used again)')]
    assert len(again) == len(once) - len(once[once['is_paired']]) - len(alone)
    path = owners / 'paired_train_annotations.csv'
    twice.to_csv(path, index=False)
    assert read_paired(path, root=owners)['pairing'].equals(twice['pairing'])
    twice.assign(pairing='').to_csv(path, index=False)
    with pytest.raises(UserError, match=r'the same c.*_frame is in more than one row'):
        read_paired(path, root=owners)
    with pytest.raises(UserError, match='uses 2 with original_based'):
        pair_gases(frames, strategy='original_based', uses=2)


def test_auto_takes_what_the_campaign_has(owners):
    frames = read_annotations(owners / 'train_annotations.csv')
    assert auto_strategy(frames) == 'same_ph'
    assert auto_strategy(frames.assign(group='v1')) == 'same_group'
    shared = frames.assign(original_sample_id='o' + frames['ph_value'].astype(str))
    assert auto_strategy(shared) == 'original_based'


def test_every_fold_is_paired(owners):
    rows = {s: read_rows(owners / f'{s}_annotations.csv') for s in SPLITS}
    done = pair(owners, '--folds')
    assert done.returncode == 2 and 'has no fold' in done.stderr
    pool = [row for part in rows.values() for row in part]
    truth = {
        row['sample_id']: Path(row['frame_path']).name.split('_')[0]
        for row in read_rows(owners / 'annotations.csv')
    }
    order = sorted(set(truth.values()), key=lambda x: (int(x[-4:]) % 3, x))
    for fold in ('cv_fold0', 'cv_fold1', 'loso/fold_AtoB'):
        (owners / fold).mkdir(parents=True)
        for number, split in enumerate(SPLITS):
            mine = order[5 * number : 5 * number + 5]
            part = [x for x in pool if truth[x['original_sample_id']] in mine]
            write_rows(owners / fold / f'{split}_annotations.csv', part)
    done = pair(owners, '--folds')
    assert done.returncode == 0, done.stderr
    for fold in ('cv_fold0', 'cv_fold1', 'loso/fold_AtoB'):
        path = owners / fold / 'paired_test_annotations.csv'
        assert set(read_paired(path, root=owners)['grouped_by']) == {'recording'}


@pytest.mark.parametrize(
    ('path', 'recording'),
    [
        ('original_annotated/ph_6.5/co2_frame/MOV0012_frame_3.png', 'MOV0012'),
        ('a/FLIR1058_frame_0534.png', 'FLIR1058'),
        ('SEQ_0007/images/00012.png', 'SEQ_0007'),
        ('MOV_0123.png', 'MOV_0123'),
        ('MOV12345.png', ''),
        ('REMOV0012.png', ''),
        ('sample_00001_orig.png', ''),
    ],
)
def test_known_forms_of_recordings(path, recording):
    assert list(recordings([path])) == [recording]
