import cv2
import numpy as np
import pytest

from fume_mm.datasets.importing import import_folders, mask_coding
from fume_mm.errors import UserError
from fume_mm.io.images import read_mask
from fume_mm.io.tables import NO_CLASS

FRAME = np.full((4, 6), 90, np.uint8)
MASK = np.zeros((4, 6), np.uint8)
MASK[2:] = 255


def folders(root, stems=('a_0', 'a_1', 'b_0'), mask=MASK, gas='', suffix='.png'):
    """``frames`` and ``masks`` below ``root/gas``."""
    for stem in stems:
        for kind, image in (('frames', FRAME), ('masks', mask)):
            path = root / gas / kind / f'{stem}{suffix if kind == "masks" else ".png"}'
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image)
    return root


def imported(root, **options):
    defaults = {'gases': ['ch4'], 'frames': 'frames', 'masks': 'masks'}
    return import_folders(root, **(defaults | options))[0]


def files(root):
    return {p.relative_to(root).as_posix() for p in root.rglob('*') if p.is_file()}


@pytest.mark.parametrize(
    ('values', 'how', 'ignore', 'coding'),
    [
        ({0, 255}, 'auto', None, {0: 0, 255: 2}),
        ({0, 1}, 'auto', None, {0: 0, 1: 2}),
        ({0, 1}, 'classes', None, {0: 0, 1: 1}),
        ({0, 1, 2}, 'auto', None, {0: 0, 1: 1, 2: 2}),
        ({0, 2}, 'auto', None, {0: 0, 2: 2}),
        ({0}, 'auto', None, {0: 0}),
        ({0, 128, 255}, 'auto', 128, {0: 0, 128: 255, 255: 2}),
        ({0, 1, 2, 255}, 'auto', 255, {0: 0, 1: 1, 2: 2, 255: 255}),
        ({0, 1, 255}, 'binary', 255, {0: 0, 1: 2, 255: 255}),
    ],
)
def test_mask_coding(values, how, ignore, coding):
    assert mask_coding(values, how, ignore) == coding


@pytest.mark.parametrize(
    ('values', 'how'),
    [
        ({0, 1, 255}, 'auto'),
        ({0, 3, 255}, 'auto'),
        ({0, 1, 2}, 'binary'),
        ({0, 255}, 'classes'),
    ],
)
def test_other_values_name_themselves_and_the_way_out(values, how):
    with pytest.raises(UserError) as error:
        mask_coding(values, how)
    assert ', '.join(map(str, sorted(values))) in str(error.value)
    assert '--ignore-value' in str(error.value)


def test_binary_masks_are_written_anew_and_frames_stay(tmp_path):
    root = folders(tmp_path)
    before = files(root)
    rows = imported(root)
    assert rows['frame_path'].tolist() == [
        f'frames/{stem}.png' for stem in ('a_0', 'a_1', 'b_0')
    ]
    assert files(root) - before == set(rows['mask_path'])
    mask = read_mask(root / rows['mask_path'][0])
    assert (mask == np.where(MASK, 2, 0)).all()
    assert cv2.imread(str(root / 'masks/a_0.png'), cv2.IMREAD_UNCHANGED).max() == 255


def test_class_masks_are_used_where_they_lie(tmp_path):
    root = folders(tmp_path, mask=MASK // 255 * 2)
    before = files(root)
    assert imported(root)['mask_path'][0] == 'masks/a_0.png'
    assert files(root) == before


@pytest.mark.parametrize('suffix', ['.bmp', '.tif'])
def test_colour_files_of_gray_masks_become_one_channel(tmp_path, suffix):
    mask = cv2.cvtColor(MASK // 255 * 2, cv2.COLOR_GRAY2BGR)
    root = folders(tmp_path, mask=mask, suffix=suffix)
    path = imported(root)['mask_path'][0]
    assert path == 'imported_masks/ch4/a_0.png'
    assert read_mask(root / path).shape == (4, 6)


def test_unlabelled_pixels_become_255(tmp_path):
    mask = MASK.copy()
    mask[0] = 128
    root = folders(tmp_path, mask=mask)
    path = imported(root, ignore_value=128)['mask_path'][0]
    assert read_mask(root / path)[:, 0].tolist() == [
        255,
        0,
        2,
        2,
    ]


def test_a_copy_leaves_the_source_as_it_is(tmp_path):
    root = folders(tmp_path / 'source')
    before = files(root)
    rows = imported(root, copy_to=tmp_path / 'out')
    assert files(root) == before
    assert files(tmp_path / 'out') == {*rows['frame_path'], *rows['mask_path']}
    assert rows['frame_path'][0] == 'frames/ch4/a_0.png'


def test_without_ph_there_is_no_class(tmp_path):
    row = imported(folders(tmp_path)).iloc[0]
    assert np.isnan(row['ph_value'])
    assert (row['class_id'], row['class_name']) == (NO_CLASS, '')
    assert (row['original_sample_id'], row['group']) == ('a_0', 'a_0')


def test_one_ph_gives_the_class(tmp_path):
    rows = imported(folders(tmp_path), ph=5.6)
    assert rows['class_name'].tolist() == ['Acidotic'] * 3
    assert rows['ph_value'].tolist() == [5.6] * 3


def test_a_pattern_gives_the_groups(tmp_path):
    rows = imported(folders(tmp_path), group_pattern='^(.)_')
    assert rows['group'].tolist() == ['a', 'a', 'b']
    assert rows['vessel_id'].tolist() == ['a', 'a', 'b']


def test_a_table_gives_ph_and_groups(tmp_path):
    root = folders(tmp_path)
    (root / 'l.csv').write_text('stem,ph_value,group\na_0,6.5,x\na_1,,x\nb_0,5.9,y\n')
    rows = imported(root, labels=root / 'l.csv')
    assert rows['class_name'].tolist() == ['Healthy', '', 'Transitional']
    assert rows['group'].tolist() == ['x', 'x', 'y']


def test_both_gases_share_the_names_of_their_samples(tmp_path):
    for gas in ('co2', 'ch4'):
        folders(tmp_path, gas=gas, stems=['run/1'])
    rows = imported(
        tmp_path, gases=['co2', 'ch4'], frames='{gas}/frames', masks='{gas}/masks'
    )
    assert rows['frame_path'].tolist() == [
        'co2/frames/run/1.png',
        'ch4/frames/run/1.png',
    ]
    assert rows['original_sample_id'].tolist() == ['run/1'] * 2


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'frames': 'images'}, 'images does not exist'),
        ({'gases': ['co2', 'ch4']}, 'must hold {gas}'),
        ({'ignore_value': 0}, 'ignore value 0 is not in 1..255'),
        ({'ph': 65}, 'pH 65 is outside'),
        ({'labels': 'no.csv'}, 'no.csv does not exist'),
        ({'group_pattern': '('}, 'is no regular expression'),
        ({'group_pattern': '^a'}, "1 names give no group by the pattern '^a'"),
    ],
)
def test_wrong_arguments(tmp_path, options, said):
    root = folders(tmp_path)
    before = files(root)
    with pytest.raises(UserError) as error:
        imported(root, **options)
    assert said in str(error.value)
    assert files(root) == before


@pytest.mark.parametrize(
    ('table', 'said'),
    [
        ('stem,ph_value\nc_9,6.5\n', 'stem is of no frame'),
        ('stem,ph_value\na_0,6.5\na_0,6.5\n', 'more than one row'),
        ('stem,ph_value\na_0,low\n', 'ph_value is not a number'),
        ('stem,group\na_0,x\n', '2 frames have no group'),
        ('name\na_0\n', 'has no column stem'),
    ],
)
def test_wrong_tables(tmp_path, table, said):
    root = folders(tmp_path)
    (root / 'l.csv').write_text(table)
    with pytest.raises(UserError, match=said):
        imported(root, labels=root / 'l.csv')


def damage(root, kind):
    frame, mask = root / 'frames/a_0.png', root / 'masks/a_0.png'
    if kind == 'no_mask':
        mask.unlink()
    elif kind == 'no_frame':
        frame.unlink()
    elif kind == 'two_endings':
        (root / 'masks/a_0.jpg').write_bytes(mask.read_bytes())
    elif kind == 'no_image':
        frame.write_bytes(b'no image')
    elif kind == 'broken_mask':
        mask.write_bytes(b'no image')
    elif kind == 'size':
        cv2.imwrite(str(mask), MASK[:-1])
    elif kind == 'colour':
        cv2.imwrite(str(mask), np.dstack([MASK, MASK, 0 * MASK]))
    elif kind == 'bits':
        cv2.imwrite(str(mask), MASK.astype(np.uint16) + 300)


@pytest.mark.parametrize(
    ('kind', 'said'),
    [
        ('no_mask', 'frames/a_0.png'),
        ('no_frame', 'masks/a_0.png'),
        ('two_endings', 'files of different endings'),
        ('no_image', 'frames/a_0.png: is not an image'),
        ('broken_mask', 'masks/a_0.png: is not an image'),
        ('size', 'is 6x4, its mask 6x3'),
        ('colour', 'masks/a_0.png: is a colour image'),
        ('bits', 'masks/a_0.png: holds uint16'),
    ],
)
def test_files_that_do_not_fit_are_named_and_nothing_is_written(tmp_path, kind, said):
    root = folders(tmp_path)
    damage(root, kind)
    before = files(root)
    with pytest.raises(UserError) as error:
        imported(root)
    assert said in str(error.value)
    assert files(root) == before
