import subprocess
import sys

import numpy as np
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.errors import UserError
from tests.campaigns import (
    BREAKS,
    annotations,
    edit,
    make_campaign,
    read_rows,
    write_rows,
)

# What the message says of each break that reading one CSV must find; every message
# names the CSV, and the line where a row is at fault.
LINE_3 = {
    'unknown_gas': ("'n2o'", 'gas_type must be one of co2, ch4'),
    'ph_not_a_number': ("'low'", 'ph_value is not a number'),
    'ph_out_of_range': ("'65'", 'ph_value is outside 3.0 to 9.0'),
    'ph_disagrees': ('pH 5 is Acidotic', 'class_id 0 is Healthy'),
    'unknown_class_id': ("'3'", 'class_id must be one of 0 Healthy, 1 Trans'),
    'unknown_class_name': ("'Ill'", 'class_name must be one of Healthy, Trans'),
    'class_disagrees': ('class_id 0, class_name Acidotic', 'disagree'),
    'no_original': ('train_v0_f0_a0_ch4.png', 'original_sample_id is empty'),
    'no_frame_path': ("('')", 'frame_path is empty'),
    'absolute_path': ('/images/a.png', 'absolute path', 'relative to'),
    'windows_drive': ("'C:\\masks\\a.png'", 'mask_path is an absolute path'),
    'escaping_path': ('images/../../a.png', "climbs with '..'"),
    'frame_twice': ('line 22', 'more than one row', 'keep one'),
    'missing_frame': ('train_v0_f0_a0_ch4.png', 'frame_path names no file'),
    'missing_mask': ('train_v0_f0_a0_ch4.png', 'mask_path names no file'),
    'empty_frame': ('is not an image', 'not a readable image'),
    'not_an_image': ('is not an image', 'not a readable image'),
    'truncated_header': ('is not an image', 'not a readable image'),
    'size_differs': ('is 64x48, its mask 63x48', 'differ in size'),
}
FILE = {
    'missing_csv': ('does not exist', 'tools/dataset_converters/simulate_ogi.py'),
    'empty_csv': ('is empty', 'header'),
    'no_rows': ('has a header but no rows',),
    'not_text': ('not UTF-8',),
    'extra_field': ('more fields', 'line 3'),
    'missing_column': ('no column gas_type', 'it has frame_path, mask_path, ph_value'),
}
SEEN_ELSEWHERE = {'mask_values', 'leak'}


def test_every_break_is_tested():
    assert set(BREAKS) == set(LINE_3) | set(FILE) | SEEN_ELSEWHERE


@pytest.mark.parametrize('kind', [*LINE_3, *FILE])
def test_broken_campaign(tmp_path, kind):
    root = make_campaign(tmp_path, splits=['train'], broken=kind)
    with pytest.raises(UserError) as error:
        read_annotations(annotations(root))
    text = str(error.value)
    assert str(annotations(root)) in text
    assert kind in FILE or 'line 3 (' in text
    for phrase in LINE_3.get(kind, ()) + FILE.get(kind, ()):
        assert phrase in text


@pytest.mark.parametrize('kind', sorted(SEEN_ELSEWHERE))
def test_breaks_that_one_csv_does_not_show(tmp_path, kind):
    root = make_campaign(tmp_path, broken=kind)
    assert len(read_annotations(annotations(root))) == 20


def test_intact_campaign(tmp_path):
    root = make_campaign(tmp_path, vessels=2, frames=1, splits=['val'])
    frame = read_annotations(annotations(root, 'val'))
    assert frame.to_dict('list') == {
        'frame_path': [
            'images/val/val_v0_f0_a0_co2.png',
            'images/val/val_v0_f0_a0_ch4.png',
            'images/val/val_v1_f0_a0_co2.png',
            'images/val/val_v1_f0_a0_ch4.png',
        ],
        'mask_path': [
            'masks/val/val_v0_f0_a0_co2.png',
            'masks/val/val_v0_f0_a0_ch4.png',
            'masks/val/val_v1_f0_a0_co2.png',
            'masks/val/val_v1_f0_a0_ch4.png',
        ],
        'gas_type': ['co2', 'ch4', 'co2', 'ch4'],
        'ph_value': [6.5, 6.5, 5.9, 5.9],
        'class_id': [0, 0, 1, 1],
        'class_name': ['Healthy', 'Healthy', 'Transitional', 'Transitional'],
        'original_sample_id': ['val_v0_f0', 'val_v0_f0', 'val_v1_f0', 'val_v1_f0'],
        'augmentation_id': ['0'] * 4,
        'group': ['val_v0_f0', 'val_v0_f0', 'val_v1_f0', 'val_v1_f0'],
        'grouped_by': ['frame'] * 4,
    }
    assert frame['ph_value'].dtype == np.float64
    assert frame['class_id'].dtype == np.int64
    assert list(frame.index) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    'prefix', ['mmseg_dataset\\', 'mmseg_dataset/', './mmseg_dataset/', './', './/', '']
)
def test_prefix_and_separators(tmp_path, prefix):
    root = make_campaign(tmp_path, vessels=1, frames=1, splits=['train'], prefix=prefix)
    frame = read_annotations(annotations(root))
    assert frame['frame_path'][0] == 'images/train/train_v0_f0_a0_co2.png'
    assert frame['mask_path'][1] == 'masks/train/train_v0_f0_a0_ch4.png'


def test_one_frame_spelt_in_two_ways_is_the_same_frame(tmp_path):
    root = make_campaign(tmp_path, splits=['train'])
    path = read_rows(annotations(root))[0]['frame_path']
    edit(root, 1, frame_path='mmseg_dataset\\' + path.replace('/', '\\'))
    with pytest.raises(UserError, match=r'line 2 .*, line 3 .*more than one row'):
        read_annotations(annotations(root))


def test_inner_dots_in_names_are_no_climbing(tmp_path):
    root = make_campaign(tmp_path, vessels=1, frames=1, splits=['train'])
    (root / 'images/train/train_v0_f0_a0_co2.png').rename(root / 'images/a..b.png')
    edit(root, 0, frame_path='images/a..b.png')
    assert read_annotations(annotations(root))['frame_path'][0] == 'images/a..b.png'


def test_many_rows_name_three_lines_and_the_count(tmp_path):
    root = make_campaign(tmp_path, vessels=3, frames=2, splits=['train'])
    rows = read_rows(annotations(root))
    for row in rows[1:10]:
        row['gas_type'] = 'so2'
    write_rows(annotations(root), rows)
    with pytest.raises(UserError) as error:
        read_annotations(annotations(root))
    assert (
        "line 3 ('so2'), line 4 ('so2'), line 5 ('so2') and 6 more, 9 in total: "
        in str(error.value)
    )


def test_blank_lines_do_not_shift_line_numbers(tmp_path):
    root = make_campaign(tmp_path, splits=['train'])
    edit(root, 1, gas_type='n2o')
    lines = annotations(root).read_text().splitlines()
    lines.insert(1, '')
    lines.insert(1, ',' * 7)
    annotations(root).write_text('\n'.join(lines) + '\n\n')
    with pytest.raises(UserError, match=r"line 5 \('n2o'\)"):
        read_annotations(annotations(root))


def test_what_spreadsheets_leave_behind_is_read(tmp_path):
    root = make_campaign(tmp_path, vessels=1, frames=1, splits=['train'])
    clean = read_annotations(annotations(root))
    text = annotations(root).read_text()
    text = text.replace(',co2,6.5,0,Healthy', ' , CO2 ,6.50,0.0,healthy')
    annotations(root).write_bytes(
        b'\xef\xbb\xbf' + text.replace('\n', '\r\n').encode() + b'\r\n'
    )
    assert read_annotations(annotations(root)).equals(clean)


def test_a_first_row_with_too_many_fields_is_not_taken_for_an_index(tmp_path):
    root = make_campaign(tmp_path, splits=['train'])
    lines = annotations(root).read_text().splitlines()
    lines[1:] = [line + ',surplus' for line in lines[1:]]
    annotations(root).write_text('\n'.join(lines))
    with pytest.raises(UserError, match='more fields than the header'):
        read_annotations(annotations(root))


def test_a_row_cut_short_is_refused(tmp_path):
    root = make_campaign(tmp_path, splits=['train'])
    lines = annotations(root).read_text().splitlines()
    lines[2] = ','.join(lines[2].split(',')[:4])
    annotations(root).write_text('\n'.join(lines))
    with pytest.raises(UserError, match=r"line 3 \(''\): class_id must be one of"):
        read_annotations(annotations(root))


@pytest.mark.parametrize(
    ('columns', 'expected'),
    [
        ({}, 'train_v0_f0'),
        ({'run_id': '7'}, '7'),
        ({'run_id': '7', 'vessel_id': '012'}, '012'),
    ],
)
def test_group_is_vessel_or_run_or_original_as_text(tmp_path, columns, expected):
    root = make_campaign(tmp_path, vessels=1, frames=1, splits=['train'])
    rows = [row | columns for row in read_rows(annotations(root))]
    write_rows(annotations(root), rows)
    assert list(read_annotations(annotations(root))['group']) == [expected] * 2


def test_an_empty_vessel_is_refused(tmp_path):
    root = make_campaign(tmp_path, splits=['train'], vessel_id=True)
    edit(root, 1, vessel_id='')
    with pytest.raises(UserError, match=r'line 3 .*vessel_id is empty'):
        read_annotations(annotations(root))


def test_missing_root_gives_the_command(tmp_path):
    root = tmp_path / 'nothing'
    with pytest.raises(UserError) as error:
        read_annotations(annotations(root))
    command = f'`python tools/dataset_converters/simulate_ogi.py {root} --seed 42`'
    assert command in str(error.value)
    assert f'{root}/train_annotations.csv' in str(error.value)


def test_root_may_be_elsewhere_and_files_unchecked(tmp_path):
    root = make_campaign(tmp_path / 'data', splits=['train'])
    moved = annotations(root).rename(tmp_path / 'mine.csv')
    assert len(read_annotations(moved, root=root)) == 20
    with pytest.raises(UserError, match='20 in total: frame_path names no file'):
        read_annotations(moved)
    assert len(read_annotations(moved, check_files=False)) == 20


def test_torch_is_not_loaded():
    code = (
        'import sys, fume_mm.datasets.annotations, fume_mm.datasets.pairing, '
        'fume_mm.datasets.splitting; '
        'print([m for m in ("torch", "mmengine", "mmseg") if m in sys.modules])'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == '[]'
