"""Folders of frames and masks, and what holds for every format."""

import re
import unicodedata

import cv2
import numpy as np
import pytest
from PIL import Image

from fume_mm.errors import UserError
from fume_mm.io.images import read_gray
from tests.imports import (
    NAMES,
    SIZE,
    assert_campaign,
    classes,
    convert,
    files,
    masks,
    picture,
    rows,
    save,
    save_palette,
)

EXPECTED = {name: classes(i) for i, name in enumerate(NAMES)}
COLOURS = np.array([[0, 0, 0], [250, 50, 83], [51, 221, 255]], np.uint8)


def tree(root, paint=lambda mask: mask, *, names=NAMES, suffix='.png', write=save):
    for number, name in enumerate(names):
        save(root / 'frames' / f'{name}.png', picture(number))
        write(root / 'masks' / f'{name}{suffix}', paint(classes(number)))
    return root


def binary(mask):
    return np.where(mask == 2, 255, 0).astype(np.uint8)


def gas_only(expected=EXPECTED):
    return {name: np.where(mask == 2, 2, 0) for name, mask in expected.items()}


@pytest.mark.parametrize(
    ('write', 'paint', 'options', 'said'),
    [
        (save, lambda m: m, {}, '0 is background, 1 is tube, 2 is gas (inferred)'),
        (save_palette, lambda m: m, {}, '1 is tube, 2 is gas (inferred)'),
        (
            save,
            lambda m: np.array([0, 127, 255], np.uint8)[m],
            {},
            '0 is background, 127 is tube, 255 is gas (inferred)',
        ),
        (
            save,
            lambda m: np.array([0, 85, 170], np.uint8)[m],
            {'mask_map': '85=tube 170=gas'},
            '85 is tube, 170 is gas (as given)',
        ),
        (
            save,
            lambda m: COLOURS[m],
            {'mask_map': '250,50,83=tube 51,221,255=gas'},
            '51,221,255 is gas, 250,50,83 is tube (as given)',
        ),
        (save, lambda m: np.dstack([m] * 3), {}, '1 is tube, 2 is gas (inferred)'),
    ],
    ids=['ids', 'palette', '127', 'given', 'colours', 'three channels'],
)
def test_masks_of_every_kind_become_the_classes(tmp_path, write, paint, options, said):
    source = tree(tmp_path / 'in', paint, write=write)
    lines = convert('folders', source, tmp_path / 'out', **options)
    assert_campaign(tmp_path / 'out', EXPECTED)
    assert any(said in line for line in lines)
    for row in rows(tmp_path / 'out'):
        with Image.open(tmp_path / 'out' / row['mask_path']) as image:
            assert image.mode == 'P'


@pytest.mark.parametrize(
    'paint',
    [
        binary,
        lambda m: np.uint8(m == 2),
        lambda m: np.dstack([binary(m), 0 * m, 0 * m]),
    ],
    ids=['0 and 255', '0 and 1', 'red'],
)
def test_two_values_are_background_and_gas(tmp_path, paint):
    source = tree(tmp_path / 'in', paint)
    convert('folders', source, tmp_path / 'out')
    assert_campaign(tmp_path / 'out', gas_only())


def test_a_colour_of_a_palette_may_be_named_by_its_colour(tmp_path):
    source = tree(tmp_path / 'in', write=save_palette)
    convert('folders', source, tmp_path / 'o', mask_map='128,0,0=gas 0,128,0=tube')
    swapped = {n: np.array([0, 2, 1])[m] for n, m in EXPECTED.items()}
    assert_campaign(tmp_path / 'o', swapped)


def test_unlabelled_pixels_become_255(tmp_path):
    def paint(mask):
        mask = mask.copy()
        mask[:5] = 128
        return mask

    source = tree(tmp_path / 'in', paint)
    convert('folders', source, tmp_path / 'o', mask_map='1=tube 2=gas 128=unlabelled')
    assert (masks(tmp_path / 'o')[NAMES[0]][:5] == 255).all()


@pytest.mark.parametrize(
    ('paint', 'options', 'said'),
    [
        (lambda m: np.array([0, 3, 200], np.uint8)[m], {}, 'masks hold 3, 200, and'),
        (lambda m: COLOURS[m], {}, 'masks hold 51,221,255, 250,50,83, and'),
        (lambda m: m, {'mask_map': '2=gas'}, 'masks hold 1, and nothing'),
        (lambda m: m, {'mask_map': '2=plume'}, 'write VALUE=CLASS'),
        (lambda m: m, {'mask_map': 'gas'}, 'write VALUE=CLASS'),
        (lambda m: m.astype(np.uint16) + 300, {}, 'holds uint16'),
    ],
)
def test_values_that_mean_nothing_are_named(tmp_path, paint, options, said):
    source = tree(tmp_path / 'in', paint)
    with pytest.raises(UserError) as error:
        convert('folders', source, tmp_path / 'out', **options)
    assert said in str(error.value)
    assert not (tmp_path / 'out').exists()


def test_in_place_frames_stay_and_right_masks_too(tmp_path):
    tree(tmp_path)
    before = files(tmp_path)
    convert('folders', tmp_path, tmp_path)
    assert files(tmp_path) - before == {
        f'{split}_annotations.csv' for split in ('train', 'val', 'test')
    }
    assert_campaign(tmp_path, EXPECTED)


def test_in_place_other_masks_are_written_anew(tmp_path):
    tree(tmp_path, binary)
    convert('folders', tmp_path, tmp_path)
    assert {row['mask_path'] for row in rows(tmp_path)} == {
        f'imported_masks/ch4/{name}.png' for name in NAMES
    }
    assert cv2.imread(str(tmp_path / f'masks/{NAMES[0]}.png'), -1).max() == 255
    assert_campaign(tmp_path, gas_only())


def test_a_copy_and_links_leave_the_source_alone(tmp_path):
    source = tree(tmp_path / 'in')
    before = files(source)
    for link in (False, True):
        out = tmp_path / f'out{link}'
        convert('folders', source, out, link=link)
        assert_campaign(out, EXPECTED)
        frame = out / rows(out)[0]['frame_path']
        assert frame.is_symlink() == link
        assert frame.parent == out / 'frames/ch4'
    assert files(source) == before


def test_csvs_are_replaced_by_force_only(tmp_path):
    tree(tmp_path)
    convert('folders', tmp_path, tmp_path)
    with pytest.raises(UserError, match='would be replaced; add --force'):
        convert('folders', tmp_path, tmp_path)
    convert('folders', tmp_path, tmp_path, force=True, split='test')
    assert {row['split'] for row in rows(tmp_path)} == {'test'}


@pytest.mark.parametrize(
    'layout',
    ['{split}/images/{name}', 'images/{split}/{name}', '{split}/frames/{name}'],
)
def test_folders_of_splits_are_the_published_split(tmp_path, layout):
    splits = ['train', 'train', 'valid', 'valid', 'test', 'test']
    for number, (name, split) in enumerate(zip(NAMES, splits, strict=True)):
        path = tmp_path / 'in' / (layout.format(split=split, name=name) + '.png')
        save(path, picture(number))
        mask = str(path).replace('/images/', '/masks/').replace('/frames/', '/masks/')
        save(tmp_path / mask, classes(number))
    lines = convert('folders', tmp_path / 'in', tmp_path / 'out')
    assert 'split: as published; no recording is in two parts' in lines
    found = {
        row['original_sample_id'].split('/')[-1]: row for row in rows(tmp_path / 'out')
    }
    assert [found[name]['split'] for name in NAMES] == [
        split.replace('valid', 'val') for split in splits
    ]
    assert [found[name]['recording'] for name in NAMES] == [n[:8] for n in NAMES]


def test_a_published_split_that_leaks_is_made_again_unless_asked_for(tmp_path):
    source = tmp_path / 'in'
    for number, name in enumerate(NAMES):
        split = ('train', 'test', 'val')[number % 3]  # neighbours apart
        save(source / split / 'images' / f'{name}.png', picture(number))
        save(source / split / 'masks' / f'{name}.png', classes(number))
    lines = convert('folders', source, tmp_path / 'a')
    assert any(
        'in several parts' in line and '--split official' in line for line in lines
    )
    recordings = {}
    for row in rows(tmp_path / 'a'):
        recordings.setdefault(row['recording'], set()).add(row['split'])
    assert all(len(splits) == 1 for splits in recordings.values())
    lines = convert('folders', source, tmp_path / 'b', split='official')
    assert any('results on it measure memory' in line for line in lines)
    assert all(row['split'] == row['official_split'] for row in rows(tmp_path / 'b'))


@pytest.mark.parametrize(
    ('names', 'recordings', 'how'),
    [
        (
            ['FLIR0001_frame_0001', 'FLIR0002_1', 'x_MOV_0003_9'],
            ['FLIR0001', 'FLIR0002', 'MOV_0003'],
            'by their names',
        ),
        (
            ['barn a_001', 'barn a_002', 'barn b_001', 'c_7'],
            ['barn a', 'barn a', 'barn b', 'c'],
            'without the number',
        ),
        (
            ['clipa0001', 'clipa0002', 'clipb0001', 'clipc0001'],
            ['clipa', 'clipa', 'clipb', 'clipc'],
            'without the number',
        ),
        (['u/1', 'u/2', 'v/1', 'w/1'], ['u', 'u', 'v', 'w'], 'without the number'),
        (['1', '2', '3'], None, 'no recording is known'),
        (['clip1', 'clip2', 'clip3'], None, 'no recording is known'),
    ],
)
def test_recordings_are_found_in_names(tmp_path, names, recordings, how):
    source = tree(tmp_path / 'in', names=names)
    lines = convert('folders', source, tmp_path / 'out')
    assert any(how in line for line in lines)
    found = {
        row['original_sample_id']: row.get('recording')
        for row in rows(tmp_path / 'out')
    }
    assert [found[name] for name in names] == (recordings or [None] * len(names))


def test_a_pattern_and_a_table_give_recordings_and_ph(tmp_path):
    source = tree(tmp_path / 'in', names=['a1', 'b1', 'c1'])
    convert('folders', source, tmp_path / 'p', group_pattern='^(.)')
    assert {row['recording'] for row in rows(tmp_path / 'p')} == {'a', 'b', 'c'}
    table = tmp_path / 'l.csv'
    table.write_text('stem;ph_value;group\na1;6,5;x\nb1;5,0;y\nc1;;z\n')
    convert('folders', source, tmp_path / 't', labels=table, split='test')
    assert [
        (row['recording'], row['ph_value'], row['class_name'])
        for row in rows(tmp_path / 't')
    ] == [('x', '6.5', 'Healthy'), ('y', '5.0', 'Acidotic'), ('z', '', '')]


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'frames': 'images'}, 'images does not exist'),
        ({'gases': ('co2', 'ch4'), 'frames': 'frames'}, 'must hold {gas}'),
        ({'gases': ('co2', 'ch4')}, '6 names hold none of co2, ch4'),
        ({'ph': 65.0}, 'pH 65 is outside'),
        ({'group_pattern': '('}, 'is no regular expression'),
        ({'group_pattern': '^x'}, "6 names give no group by the pattern '^x'"),
        ({'group_pattern': '^(FLIR)'}, 'each of train, val, test needs one'),
        ({'split': 'official'}, '6 frames are in no published split'),
        ({'mask_name': re.compile('(.*)_seg')}, 'holds no mask whose name fits'),
    ],
)
def test_wrong_arguments_write_nothing(tmp_path, options, said):
    source = tree(tmp_path / 'in')
    with pytest.raises(UserError) as error:
        convert('folders', source, tmp_path / 'out', **options)
    assert said in str(error.value)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('table', 'said'),
    [
        ('stem,ph_value\nc_9,6.5\n', 'stem is of no frame'),
        ('stem,ph_value\na,6.5\na,6.5\n', 'more than one row'),
        ('stem,ph_value\na,low\n', 'ph_value that is not a number'),
        ('stem,class_name\na,ill\n', 'none of Healthy'),
        ('stem,group\na,x\n', '2 frames have no group'),
        ('name\na\n', 'has no column stem'),
        (None, 'does not exist'),
    ],
)
def test_wrong_tables(tmp_path, table, said):
    source = tree(tmp_path / 'in', names=['a', 'b', 'c'])
    path = tmp_path / 'l.csv'
    if table:
        path.write_text(table)
    with pytest.raises(UserError, match=said):
        convert('folders', source, tmp_path / 'out', labels=path)


def damage(root, kind):
    frame, mask = root / f'frames/{NAMES[0]}.png', root / f'masks/{NAMES[0]}.png'
    if kind == 'no_frame':
        frame.unlink()
    elif kind == 'two_endings':
        save(frame.with_suffix('.jpg'), picture())
    elif kind == 'capitals':
        for path in (frame, mask):
            path.with_name(path.name.lower()).write_bytes(path.read_bytes())
    elif kind == 'no_image':
        frame.write_bytes(b'no image')
    elif kind == 'broken_mask':
        mask.write_bytes(b'no image')
    elif kind == 'size':
        save(mask, classes()[:-1])
    elif kind == 'picture':
        noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3))
        save(mask, noise.astype(np.uint8))


@pytest.mark.parametrize(
    ('kind', 'said'),
    [
        ('no_frame', '1 masks have no partner'),
        ('two_endings', 'files of different endings'),
        ('capitals', '2 frames share a name'),
        ('no_image', f'frames/{NAMES[0]}.png: is not an image'),
        ('broken_mask', f'masks/{NAMES[0]}.png: is not an image'),
        ('size', 'is 64x48, its mask 64x47'),
        ('picture', 'colours, so it is a picture and no mask'),
    ],
)
def test_files_that_do_not_fit_are_named_and_nothing_is_written(tmp_path, kind, said):
    source = tree(tmp_path / 'in')
    damage(source, kind)
    with pytest.raises(UserError) as error:
        convert('folders', source, tmp_path / 'out')
    assert said in str(error.value)
    assert not (tmp_path / 'out').exists()


def test_a_frame_without_a_mask_means_what_the_user_says(tmp_path):
    source = tree(tmp_path / 'in')
    for name in (NAMES[0], NAMES[3]):
        (source / f'masks/{name}.png').unlink()
    with pytest.raises(UserError, match=r'2 of 6 frames have no mask.*--missing-mask'):
        convert('folders', source, tmp_path / 'no')
    lines = convert('folders', source, tmp_path / 'a', missing_mask='background')
    nothing = {name: np.zeros(SIZE[::-1], np.uint8) for name in (NAMES[0], NAMES[3])}
    assert_campaign(tmp_path / 'a', EXPECTED | nothing)
    assert '2 frames without a mask: background alone' in lines
    lines = convert('folders', source, tmp_path / 'b', missing_mask='skip')
    assert_campaign(tmp_path / 'b', {n: EXPECTED[n] for n in NAMES if n not in nothing})
    assert '2 frames without a mask: left out' in lines


def test_names_of_masks_may_have_a_suffix_or_a_pattern(tmp_path):
    for number, name in enumerate(NAMES):
        save(tmp_path / f'in/frames/{name}.png', picture(number))
        save(tmp_path / f'in/masks/{name}_mask.png', classes(number))
        for label, value in (('Tube', 1), ('Plume', 2)):
            path = tmp_path / f'two/masks/{label}-of-{name}.png'
            save(path, np.uint8(classes(number) == value) * 255)
        save(tmp_path / f'two/frames/{name}.jpg', picture(number))
    with pytest.raises(UserError, match='--mask-suffix'):
        convert('folders', tmp_path / 'in', tmp_path / 'out')
    suffix = re.compile('(?P<name>.*)_mask')
    convert('folders', tmp_path / 'in', tmp_path / 'out', mask_name=suffix)
    assert_campaign(tmp_path / 'out', EXPECTED)
    of_class = re.compile('(?P<label>.*)-of-(?P<name>.*)')
    convert('folders', tmp_path / 'two', tmp_path / 'out2', mask_name=of_class)
    assert_campaign(tmp_path / 'out2', EXPECTED)


def test_roboflow_masks_lie_beside_their_frames(tmp_path):
    expected = {}
    for number in range(6):
        name = f'clip{number // 2}_{number:02d}_png.rf.{number:032x}'
        save(tmp_path / f'in/train/{name}.jpg', picture(number))
        save(tmp_path / f'in/train/{name}_mask.png', classes(number))
        expected[f'train/{name}'] = classes(number)
    table = 'Pixel Value, Class\n0, background\n1, tube\n2, gas\n'
    (tmp_path / 'in/train/_classes.csv').write_text(table)
    lines = convert('folders', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', expected)
    assert any('by the legend' in line for line in lines)
    assert {row['recording'] for row in rows(tmp_path / 'out')} == {
        'clip0',
        'clip1',
        'clip2',
    }


def test_labelme_voc_export_is_read_by_its_class_names(tmp_path):
    for number, name in enumerate(NAMES):
        save(tmp_path / f'in/JPEGImages/{name}.jpg', picture(number))
        swapped = np.array([0, 2, 1], np.uint8)[classes(number)]
        save_palette(tmp_path / f'in/SegmentationClass/{name}.png', swapped)
        save(tmp_path / f'in/SegmentationClassVisualization/{name}.jpg', picture())
    (tmp_path / 'in/class_names.txt').write_text('_background_\ngas\ntube\n')
    convert('folders', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', EXPECTED)


def test_both_gases_share_the_names_of_their_samples(tmp_path):
    for gas in ('co2', 'ch4'):
        for number, name in enumerate(NAMES):
            save(tmp_path / f'in/{gas}/frames/{name}.png', picture(number))
            save(tmp_path / f'in/{gas}/masks/{name}.png', classes(number))
            save(tmp_path / f'flat/frames/{name}_{gas}.png', picture(number))
            save(tmp_path / f'flat/masks/{name}_{gas}.png', classes(number))
    both = {'gases': ('co2', 'ch4')}
    for kind in ('in', 'flat'):
        out = tmp_path / f'out_{kind}'
        convert('folders', tmp_path / kind, out, **both)
        assert_campaign(out, EXPECTED)
        assert sorted((r['original_sample_id'], r['gas_type']) for r in rows(out)) == [
            (name, gas) for name in NAMES for gas in ('ch4', 'co2')
        ]
    named = {'frames': '{gas}/frames', 'masks': '{gas}/masks'}
    convert('folders', tmp_path / 'in', tmp_path / 'named', **both, **named)
    assert_campaign(tmp_path / 'named', EXPECTED)


def test_hidden_files_of_other_systems_are_no_frames(tmp_path):
    source = tree(tmp_path / 'in')
    for name in (f'._{NAMES[0]}.png', '.DS_Store', 'Thumbs.db', 'desktop.ini'):
        for folder in ('frames', 'masks'):
            (source / folder / name).write_bytes(b'\0\5\x16\7')
    (source / '__MACOSX/frames').mkdir(parents=True)
    (source / f'__MACOSX/frames/._{NAMES[0]}.png').write_bytes(b'\0')
    convert('folders', source, tmp_path / 'out')
    assert_campaign(tmp_path / 'out', EXPECTED)


def test_a_name_is_the_same_however_its_accents_are_written(tmp_path):
    expected = {}
    for number, name in enumerate(NAMES):
        name = f'Gefäß {name}'
        split = unicodedata.normalize('NFD', name)
        save(tmp_path / f'in/frames/{split}.png', picture(number))
        save(tmp_path / f'in/masks/{name}.png', classes(number))
        expected[name] = classes(number)
    convert('folders', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', expected)
    in_place = tmp_path / 'in'
    convert('folders', in_place, in_place)
    assert_campaign(in_place, expected)


def turned_jpeg(path, orientation, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(image).save(path, exif=exif, quality=100)


@pytest.mark.parametrize('orientation', [5, 6, 7, 8])
def test_a_mask_of_the_stored_picture_is_turned_with_it(tmp_path, orientation):
    for number, name in enumerate(NAMES):
        mask = classes(number)
        turned_jpeg(
            tmp_path / f'in/frames/{name}.jpg', orientation, np.uint8(mask * 100)
        )
        save(tmp_path / f'in/masks/{name}.png', mask)
    lines = convert('folders', tmp_path / 'in', tmp_path / 'out')
    assert any('6 masks drawn on the picture as it is stored' in line for line in lines)
    for row in rows(tmp_path / 'out'):
        frame = read_gray(tmp_path / 'out' / row['frame_path'])
        mask = masks(tmp_path / 'out')[row['original_sample_id']]
        assert mask.shape == SIZE
        assert (np.rint(frame / 100) == mask).mean() > 0.99


def test_a_mask_of_the_shown_picture_stays(tmp_path):
    for number, name in enumerate(NAMES):
        turned_jpeg(tmp_path / f'in/frames/{name}.jpg', 6, picture(number))
        save(tmp_path / f'in/masks/{name}.png', classes(number, SIZE[::-1]))
    lines = convert('folders', tmp_path / 'in', tmp_path / 'out')
    assert any('6 frames turned by EXIF' in line for line in lines)
    shown = {name: classes(i, SIZE[::-1]) for i, name in enumerate(NAMES)}
    assert_campaign(tmp_path / 'out', shown)


def test_jpeg_masks_lose_their_stray_values(tmp_path):
    source = tree(tmp_path / 'in', binary, suffix='.jpg')
    lines = convert('folders', source, tmp_path / 'out')
    assert any('6 masks in JPEG' in line for line in lines)
    found = masks(tmp_path / 'out')
    for name, mask in gas_only().items():
        assert (found[name] == mask).mean() > 0.995


@pytest.mark.parametrize(
    ('paint', 'said'),
    [
        (lambda m: m * 60, 'a JPEG of other levels than 0 and 255'),
        (lambda m: np.array([0, 127, 255], np.uint8)[m * 0 + 1], 'of other levels'),
        (lambda m: COLOURS[m], 'a JPEG in colour'),
    ],
)
def test_jpeg_masks_of_more_classes_are_refused(tmp_path, paint, said):
    source = tree(tmp_path / 'in', paint, suffix='.jpg')
    with pytest.raises(UserError, match=rf'6 files do not fit.*{said}'):
        convert('folders', source, tmp_path / 'out')


def test_links_of_an_import_are_imported_in_place(tmp_path):
    source = tree(tmp_path / 'in')
    convert('folders', source, tmp_path / 'out', link=True)
    options = {'frames': 'frames/ch4', 'masks': 'masks/ch4', 'force': True}
    convert('folders', tmp_path / 'out', tmp_path / 'out', **options)
    assert_campaign(tmp_path / 'out', EXPECTED)
    assert all(
        (tmp_path / 'out' / r['frame_path']).is_symlink()
        for r in rows(tmp_path / 'out')
    )
