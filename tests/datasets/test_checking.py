import json
import shutil

import cv2
import pytest

from fume_mm.datasets.checking import check_campaign
from fume_mm.errors import UserError
from fume_mm.structures import SPLITS
from tests.campaigns import (
    BREAKS,
    annotations,
    edit,
    make_campaign,
    pair_campaign,
    read_rows,
    write_rows,
)

FRAME = "'images/train/train_v0_f0_a0_ch4.png'"
#: Of each break: line, what is shown of it, and the problem.
FOUND = {
    'missing_csv': (None, '', 'the CSV does not exist'),
    'empty_csv': (None, '', 'is empty'),
    'no_rows': (None, '', 'has a header but no rows'),
    'not_text': (None, '', 'is not UTF-8 text'),
    'extra_field': (None, '', 'a row has more fields than the header'),
    'missing_column': (1, 'it has frame_path', 'has no column gas_type'),
    'unknown_gas': (3, "'n2o'", 'gas_type must be one of co2, ch4'),
    'ph_not_a_number': (3, "'low'", 'ph_value is not a number'),
    'ph_out_of_range': (3, "'65'", 'ph_value is outside 3.0 to 9.0'),
    'ph_disagrees': (3, 'pH 5 is Acidotic', 'ph_value and class_id disagree'),
    'unknown_class_id': (3, "'3'", 'class_id must be one of 0 Healthy'),
    'unknown_class_name': (3, "'Ill'", 'class_name must be one of Healthy'),
    'class_disagrees': (3, 'class_name Acidotic', 'class_id and class_name disagree'),
    'no_original': (3, FRAME, 'original_sample_id is empty'),
    'no_frame_path': (3, "''", 'frame_path is empty'),
    'absolute_path': (3, "'/images/a.png'", 'frame_path is an absolute path'),
    'windows_drive': (3, "'C:\\masks\\a.png'", 'mask_path is an absolute path'),
    'escaping_path': (3, "'images/../../a.png'", "frame_path climbs with '..'"),
    'frame_twice': (3, FRAME, 'the same frame_path is in more than one row'),
    'missing_frame': (3, FRAME, 'the frame does not exist'),
    'missing_mask': (3, FRAME.replace('images', 'masks'), 'the mask does not exist'),
    'empty_frame': (3, FRAME, 'the frame is not an image that can be'),
    'not_an_image': (3, FRAME, 'the frame is not an image that can be'),
    'truncated_header': (3, FRAME, 'the frame is not an image that can be'),
    'size_differs': (3, 'is 64x48, its mask 63x48', 'frame and mask differ in size'),
    'mask_values': (3, FRAME.replace('images', 'masks'), 'mask values 100, 200 are no'),
    'leak': (None, 'train_v0_f0 (train, val)', 'a group is in more than one split'),
}


def problems(root, **options):
    return [defect.problem for defect in check_campaign(root, **options).defects]


def test_every_break_is_tested():
    assert set(FOUND) == set(BREAKS)


@pytest.mark.parametrize('kind', BREAKS)
def test_a_break_is_the_one_defect(tmp_path, kind):
    root = make_campaign(tmp_path, vessels=6, broken=kind)
    defects = check_campaign(root).defects
    line, shown, problem = FOUND[kind]
    # A frame annotated twice is two rows at fault.
    assert len(defects) == (2 if kind == 'frame_twice' else 1)
    assert defects[0].file == str(root if kind == 'leak' else annotations(root))
    assert defects[0].line == line
    assert shown in defects[0].shown
    assert defects[0].problem.startswith(problem)
    assert defects[0].way_out


def test_what_rows_and_files_can_have_wrong_is_all_in_one_report(tmp_path):
    root = make_campaign(tmp_path)
    # Breaks of row 1 or of the splits, of which none hides another.
    together = ['unknown_gas', 'ph_disagrees', 'missing_frame', 'mask_values', 'leak']
    for kind in reversed(together):
        BREAKS[kind](root)
    annotations(root, 'test').unlink()
    found = problems(root)
    assert len(found) == len(together) + 1
    for kind in [*together, 'missing_csv']:
        assert any(problem.startswith(FOUND[kind][2]) for problem in found), kind


def test_a_missing_column_hides_nothing_else(tmp_path):
    root = make_campaign(tmp_path, broken='missing_frame')
    BREAKS['missing_column'](root)
    assert [p.split(' (')[0] for p in problems(root)] == [
        'has no column gas_type',
        'the frame does not exist',
    ]


def test_an_intact_campaign_has_no_defect_and_all_its_frames(tmp_path):
    root = make_campaign(tmp_path, prefix='mmseg_dataset\\', vessel_id=True)
    pair_campaign(root)
    report = check_campaign(root)
    assert report.defects == []
    assert report.notes == []
    assert report.frames['split'].value_counts().to_dict() == dict.fromkeys(SPLITS, 20)


def test_a_copy_in_another_split_is_found_in_another_format(tmp_path):
    root = make_campaign(tmp_path)
    source = read_rows(annotations(root))[0]['frame_path']
    image = cv2.imread(str(root / source), cv2.IMREAD_GRAYSCALE)
    cv2.imwrite(str(root / 'images/val/copy.bmp'), image)
    edit(root, 0, 'val', frame_path='images/val/copy.bmp')
    (defect,) = check_campaign(root).defects
    assert defect.file == str(annotations(root, 'val'))
    assert defect.line == 2
    assert defect.shown == f"'images/val/copy.bmp' is '{source}' of train"
    assert defect.problem == 'a frame has the same pixels as one of another split'


def test_a_copy_in_the_same_split_is_a_note(tmp_path):
    root = make_campaign(tmp_path, vessel_id=True)
    first, other = (row['frame_path'] for row in read_rows(annotations(root))[:3:2])
    shutil.copy(root / first, root / other)
    report = check_campaign(root)
    assert report.defects == []
    assert report.notes == ['1 frames repeat the pixels of one of their split.']


@pytest.mark.parametrize(
    ('column', 'value', 'problem'),
    [
        ('co2_frame', 'images/train/other.png', 'co2_frame is not a co2 frame of'),
        ('ch4_mask', 'masks/train/train_v1_f1_a0_ch4.png', 'ch4_mask differs from'),
        ('missing_modality', 'ch4', 'missing_modality must name the gas without'),
        ('is_paired', 'maybe', 'is_paired must be True or False'),
        ('class_name', 'Ill', 'class_name must be one of'),
    ],
)
def test_paired_rows_are_checked(tmp_path, column, value, problem):
    root = make_campaign(tmp_path)
    pair_campaign(root)
    path = root / 'paired_train_annotations.csv'
    rows = read_rows(path)
    rows[0][column] = value
    write_rows(path, rows)
    defects = [d for d in check_campaign(root).defects if d.problem.startswith(problem)]
    assert [(d.file, d.line) for d in defects] == [(str(path), 2)]


def test_paired_rows_of_another_split_are_found(tmp_path):
    root = make_campaign(tmp_path)
    pair_campaign(root)
    paths = [root / f'paired_{split}_annotations.csv' for split in SPLITS]
    shutil.copy(paths[0], paths[1])
    found = problems(root)
    assert 'co2_frame is in another split of the annotation CSVs' in found
    assert 'a group is in more than one split of the paired CSVs' in found


def test_a_campaign_that_names_no_recording_is_a_note(tmp_path):
    notes = check_campaign(make_campaign(tmp_path / 'none')).notes
    assert notes[0].startswith('SPLIT BY FRAME: no recording is known of 60 of 60')
    named = make_campaign(tmp_path / 'named', vessel_id=True)
    assert check_campaign(named).notes == []


def test_frames_that_no_sample_uses_are_a_note(tmp_path):
    root = make_campaign(tmp_path, vessel_id=True)
    pair_campaign(root)
    path = root / 'paired_val_annotations.csv'
    write_rows(path, read_rows(path)[1:])
    report = check_campaign(root)
    assert report.defects == []
    assert report.notes == ['2 annotated frames are in no paired CSV.']


def test_rows_without_ph_and_class_are_a_note_with_half_of_it_a_defect(tmp_path):
    root = make_campaign(tmp_path, vessel_id=True)
    edit(root, 0, ph_value='', class_id='', class_name='')
    report = check_campaign(root)
    assert report.defects == []
    assert report.notes == [
        '1 frames have no health class: they serve segmentation only.'
    ]
    edit(root, 0, ph_value='6.5')
    assert [p[:22] for p in problems(root)] == [
        'class_id must be one o',
        'class_name must be one',
    ]


def test_unlabelled_pixels_are_no_defect(tmp_path):
    root = make_campaign(tmp_path)
    path = str(root / read_rows(annotations(root))[0]['mask_path'])
    mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    mask[:5] = 255
    cv2.imwrite(path, mask)
    assert problems(root) == []


def test_255_where_no_mask_has_gas_is_a_defect(tmp_path):
    root = make_campaign(tmp_path)
    masks = list((root / 'masks').rglob('*.png'))
    for path in masks:
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), (mask == 2) * 255)
    (defect,) = check_campaign(root).defects
    assert defect.shown == f'{len(masks)} masks with 255'
    assert defect.problem == 'no mask has gas (2), and 255 is unlabelled'
    assert 'import_dataset.py' in defect.way_out


def test_damaged_metadata_are_a_defect(tmp_path):
    root = make_campaign(tmp_path)
    (root / 'campaign.json').write_text('{')
    (defect,) = check_campaign(root).defects
    assert defect.file.endswith('campaign.json')
    assert defect.problem.startswith('is no readable metadata of a campaign')


def test_one_thread_and_many_find_the_same_in_the_same_order(tmp_path):
    root = make_campaign(tmp_path, broken='mask_values')
    for row in (5, 9, 11):
        (root / read_rows(annotations(root))[row]['frame_path']).unlink()
    one, many = (check_campaign(root, workers=n).defects for n in (1, 8))
    assert len(one) == 4
    assert one == many


def test_a_folder_without_annotations_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r'has none of train_annotations\.csv'):
        check_campaign(tmp_path)


def test_csvs_may_lie_in_a_folder_of_their_own(tmp_path):
    root = pair_campaign(make_campaign(tmp_path / 'data'))
    fold = tmp_path / 'fold'
    fold.mkdir()
    for path in root.glob('*.csv'):
        path.rename(fold / path.name)
    assert not problems(root, ann_root=fold)
    edit(fold, 1, gas_type='n2o')
    assert problems(root, ann_root=fold)[0] == 'gas_type must be one of co2, ch4'
    with pytest.raises(UserError, match=r'has none of train_annotations\.csv'):
        check_campaign(root)


def found_by_probes(root, **options):
    report = check_campaign(root, **options)
    return [
        [(found.file, found.line, found.problem) for found in kind]
        for kind in (report.defects, report.warnings)
    ]


def test_a_mirrored_brighter_copy_in_another_split_is_found(tmp_path):
    root = make_campaign(tmp_path)
    rows = [read_rows(annotations(root, split))[4] for split in ('train', 'test')]
    for column in ('frame_path', 'mask_path'):
        image = cv2.imread(str(root / rows[0][column]), cv2.IMREAD_GRAYSCALE)
        if column == 'frame_path':
            image = cv2.convertScaleAbs(image, alpha=0.9, beta=5)
        cv2.imwrite(str(root / rows[1][column]), cv2.flip(image, 1))
    (defect,) = check_campaign(root).defects
    assert (defect.file, defect.line) == (str(annotations(root, 'test')), 6)
    first, second = rows[1]['frame_path'], rows[0]['frame_path']
    assert defect.shown == f"'{first}', '{second}' of train, correlation 1.00"
    assert (
        defect.problem == 'a frame is nearly the same picture as one of another split'
    )
    assert 'split_by_group.py' in defect.way_out


def test_labels_painted_in_gray_are_found(tmp_path):
    root = make_campaign(tmp_path)
    for split in SPLITS:
        for row in read_rows(annotations(root, split)):
            image = cv2.imread(str(root / row['frame_path']), cv2.IMREAD_GRAYSCALE)
            mask = cv2.imread(str(root / row['mask_path']), cv2.IMREAD_GRAYSCALE)
            image[mask == 2] = 255
            cv2.imwrite(str(root / row['frame_path']), image)
    defects = check_campaign(root).defects
    of_reader = [d for d in defects if 'trivial reader' in d.problem]
    assert [d.shown.split(', most in ')[0] for d in of_reader] == [
        'CO2, IoU 1.00',
        'CH4, IoU 1.00',
    ]
    assert of_reader[0].shown.count('images/') == 3


def test_a_label_painted_in_colour_is_found_in_its_one_frame(tmp_path):
    root = make_campaign(tmp_path)
    row = read_rows(annotations(root))[2]
    image = cv2.imread(str(root / row['frame_path']))
    mask = cv2.imread(str(root / row['mask_path']), cv2.IMREAD_GRAYSCALE)
    image[mask == 2] = (0, 0, 200)
    cv2.imwrite(str(root / row['frame_path']), image)
    defects, _ = found_by_probes(root)
    problem = 'the label is painted into the frame in colour'
    assert defects == [(str(annotations(root)), 4, problem)]


def test_a_class_of_another_size_is_found(tmp_path):
    root = make_campaign(tmp_path)
    for split in SPLITS:
        for row in read_rows(annotations(root, split)):
            if row['class_name'] == 'Acidotic':
                for column in ('frame_path', 'mask_path'):
                    path = str(root / row[column])
                    image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
                    cv2.imwrite(path, image[:-6])
    report = check_campaign(root)
    size = [d for d in report.defects if 'size' in d.problem]
    assert len(size) == len(report.defects) == 2  # one of each gas
    assert size[0].problem == 'the size of the file gives the class away'
    assert '64x42: mostly Acidotic' in size[0].shown
    assert size[0].way_out.startswith('bring the frames of all classes to one size')


def test_a_gas_that_a_class_lacks_is_a_warning(tmp_path):
    root = make_campaign(tmp_path, co2_only=(1,), ch4_only=())
    defects, warnings = found_by_probes(root)
    assert defects == []
    problem = 'which gas was recorded tells the class, without a look at it'
    assert warnings == [(str(root), None, problem)]


def test_deep_says_whether_the_background_tells_the_class(tmp_path):
    root = make_campaign(tmp_path, vessels=12, frames=1)
    report = check_campaign(root, deep=True)
    assert report.warnings == []
    assert sum('gas erased' in note for note in report.notes) == 2
    for split in SPLITS:
        for row in read_rows(annotations(root, split)):
            path = str(root / row['frame_path'])
            image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
            cv2.imwrite(path, cv2.add(image, 45.0 * int(row['class_id'])))
    told = [w.problem for w in check_campaign(root, deep=True).warnings]
    assert told.count('the background alone tells the class') == 2


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ('{"split_counts": {"train": 3}}', 'split_counts differs from the'),
        (
            '{"original_samples": {"val": ["v0_f0", "other"]}}',
            'original_samples differs from the CSV in',
        ),
        ('[]', 'restore it'),
        ('{', 'is no readable description of the splits'),
    ],
)
def test_what_the_owners_say_of_their_splits(tmp_path, content, said):
    campaign = make_campaign(tmp_path)
    frames = check_campaign(campaign).frames
    counts = frames['split'].value_counts().to_dict()
    of_split = frames.groupby('split')['original_sample_id']
    originals = {split: sorted(set(ids)) for split, ids in of_split}
    path = campaign / 'split_config.json'
    path.write_text(json.dumps({'split_counts': counts, 'original_samples': originals}))
    assert check_campaign(campaign).defects == []
    path.write_text(content)
    (defect,) = check_campaign(campaign).defects
    assert defect.file == str(path)
    assert said in f'{defect.problem}; {defect.way_out}'
