"""The review of masks: what is begun, decided, taken back and collected."""

import json
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.reviewing import Review, collect_reviewed, open_review
from fume_mm.errors import UserError
from fume_mm.inference.prelabelling import prelabel
from fume_mm.io.images import read_mask, write_mask
from fume_mm.structures.labels import FUME_LABELS, Labels
from tests.campaigns import read_rows, write_rows

SIZE = (20, 30)  # height, width


@pytest.fixture
def root(tmp_path):
    """Three frames of one clip and the CSV that names them."""
    (tmp_path / 'frames').mkdir()
    rows = []
    for i, gas in enumerate(('co2', 'co2', 'ch4')):
        path = f'frames/clip_{i:05d}.png'
        cv2.imwrite(str(tmp_path / path), np.full(SIZE, 50 + i, np.uint8))
        row = {'frame_path': path, 'gas_type': gas, 'recording': f'MOV000{i // 2}'}
        rows.append(row | {'time_s': f'{i / 2}', 'ph_value': '6.2' if i else ''})
    write_rows(tmp_path / 'frames.csv', rows)
    return tmp_path


@pytest.fixture
def review(root):
    return open_review(root / 'frames.csv', root)[0]


def mask_of(tube=0, gas=0, unsure=0):
    """A mask with so many rows of each."""
    mask = np.zeros(SIZE, np.uint8)
    for value, start, rows in ((1, 0, tube), (2, 5, gas), (255, 15, unsure)):
        mask[start : start + rows] = value
    return mask


# -- beginning ------------------------------------------------------------------------


def test_a_review_has_a_row_per_frame_and_what_is_known_of_it(root, review):
    rows = read_rows(root / 'review.csv')
    assert [row['mask_path'] for row in rows] == [
        f'masks/clip_{i:05d}.png' for i in range(3)
    ]
    assert {row['status'] for row in rows} == {'new'}
    assert [row['time_s'] for row in rows] == ['0.0', '0.5', '1.0']
    assert [row['class_name'] for row in rows] == ['', 'Healthy', 'Healthy']
    assert review.counts() == {'new': 3, 'accepted': 0, 'no gas': 0, 'rejected': 0}
    frame, mask = review.read(1)
    assert (frame == 51).all()
    assert mask.shape == SIZE
    assert not mask.any()  # none is there yet


def test_it_goes_on_where_it_was_and_takes_new_frames(root, review):
    review.save(1, mask_of(gas=3), 'accepted')
    rows = read_rows(root / 'frames.csv')
    shutil.copy(root / 'frames/clip_00000.png', root / 'frames/late.png')
    write_rows(
        root / 'frames.csv', [*rows, rows[0] | {'frame_path': 'frames/late.png'}]
    )
    again, left_out = open_review(root / 'frames.csv', root)
    assert left_out == 0
    assert again.rows['status'].tolist() == ['new', 'accepted', 'new', 'new']
    assert (again.read(1)[1] == mask_of(gas=3)).all()


def test_frames_that_have_a_mask_are_left_out(root):
    rows = read_rows(root / 'frames.csv')
    rows = [
        row | {'mask_path': 'm.png' if i == 1 else ''} for i, row in enumerate(rows)
    ]
    write_rows(root / 'frames.csv', rows)
    review, left_out = open_review(root / 'frames.csv', root)
    assert (len(review), left_out) == (2, 1)
    write_rows(root / 'frames.csv', [rows[1]])
    with pytest.raises(UserError, match='every row has a mask_path'):
        open_review(root / 'frames.csv', root / 'other')


def test_a_folder_needs_a_gas_and_its_masks_are_no_frames(root):
    with pytest.raises(UserError, match='say which gas its frames show, with --gas'):
        open_review(root, root)
    review, _ = open_review(root, root, gas='ch4')
    review.save(0, mask_of(), 'accepted')
    assert len(open_review(root, root, gas='ch4')[0]) == 3


def test_what_cannot_be_reviewed_is_named(root, tmp_path):
    with pytest.raises(UserError, match='there is no such review; make one'):
        Review(tmp_path / 'none')
    with pytest.raises(UserError, match='there is no such folder or CSV'):
        open_review(root / 'none.csv', root)
    rows = read_rows(root / 'frames.csv')
    write_rows(root / 'frames.csv', [rows[0] | {'frame_path': 'frames/gone.png'}])
    with pytest.raises(UserError, match=r'line 2 .*gone.*names no file'):
        open_review(root / 'frames.csv', root)
    shutil.copy(root / 'frames/clip_00000.png', root / 'frames/clip_00000.bmp')
    other = rows[0] | {'frame_path': 'frames/clip_00000.bmp'}
    write_rows(root / 'frames.csv', [rows[0], other])
    with pytest.raises(UserError, match='would have one mask, masks/clip_0'):
        open_review(root / 'frames.csv', root)


# -- deciding -------------------------------------------------------------------------


def test_a_decision_is_on_the_disk_at_once(root, review):
    review.save(0, mask_of(tube=2, gas=3, unsure=1), 'accepted')
    other = Review(root)
    assert other.rows['status'].tolist() == ['accepted', 'new', 'new']
    assert (other.read(0)[1] == mask_of(tube=2, gas=3, unsure=1)).all()
    with Image.open(root / 'masks/clip_00000.png') as image:
        assert image.mode == 'P'


def test_no_gas_keeps_tube_and_unsure(root, review):
    review.save(2, mask_of(tube=2, gas=3, unsure=1), 'no gas')
    assert (read_mask(root / 'masks/clip_00002.png') == mask_of(tube=2, unsure=1)).all()


def test_undo_takes_back_mask_and_status_one_after_the_other(root, review):
    write_mask(root / 'masks/clip_00001.png', mask_of(gas=4))
    before = (root / 'masks/clip_00001.png').read_bytes()
    review.save(1, mask_of(gas=1), 'no gas')
    review.save(0, mask_of(gas=2), 'rejected')
    assert review.undo() == 0
    assert not (root / 'masks/clip_00000.png').exists()
    assert review.undo() == 1
    assert (root / 'masks/clip_00001.png').read_bytes() == before
    assert review.undo() is None
    assert Review(root).counts()['new'] == 3


def test_the_next_frame_is_one_that_is_new(review):
    assert review.next_new(-1) == 0
    review.save(1, mask_of(), 'accepted')
    assert review.next_new(0) == 2
    assert review.next_new(2) == 0
    for index in (0, 2):
        review.save(index, mask_of(), 'rejected')
    assert review.next_new(0) is None


# -- collecting -----------------------------------------------------------------------


def test_accepted_masks_become_annotations_and_the_rest_does_not(root, review):
    with pytest.raises(UserError, match=r'no frame is accepted yet; .*label_app'):
        collect_reviewed(review)
    review.save(0, mask_of(gas=3), 'accepted')
    review.save(1, mask_of(gas=3), 'rejected')
    review.save(2, mask_of(gas=3), 'no gas')
    path, rows, copied = collect_reviewed(review)
    assert (path.name, len(rows), copied) == ('reviewed_annotations.csv', 2, 0)
    read = read_annotations(path, check_pixels=True)
    assert read['frame_path'].tolist() == [
        'frames/clip_00000.png',
        'frames/clip_00002.png',
    ]
    assert read['gas_type'].tolist() == ['co2', 'ch4']
    assert read['class_id'].tolist() == [-1, 0]
    assert read['group'].tolist() == ['MOV0000', 'MOV0001']
    assert read['time_s'].tolist() == ['0.0', '1.0']


def test_frames_elsewhere_are_copied_and_nothing_is_replaced(root, review, tmp_path):
    out = tmp_path / 'other campaign'
    review, _ = open_review(root / 'frames.csv', tmp_path / 'review')
    assert review.rows['frame_path'][0] == (root / 'frames/clip_00000.png').as_posix()
    review.save(0, mask_of(gas=3), 'accepted')
    for _ in range(2):
        path, _, copied = collect_reviewed(review, out)
        assert copied == 1
    read = read_annotations(path, check_pixels=True)
    assert read['frame_path'].tolist() == ['frames/clip_00000.png']
    assert read['mask_path'].tolist() == ['masks/clip_00000.png']
    (out / 'frames/clip_00000.png').write_bytes(b'precious')
    with pytest.raises(UserError, match='is another file than'):
        collect_reviewed(review, out)
    assert (out / 'frames/clip_00000.png').read_bytes() == b'precious'


def test_a_mask_that_does_not_fit_stops_the_collection(root, review):
    review.save(0, mask_of(gas=3), 'accepted')
    write_mask(root / 'masks/clip_00000.png', mask_of()[:-1])
    with pytest.raises(UserError, match=r'clip_00000\.png: the mask is 30x19 pixels'):
        collect_reviewed(review)
    assert not (root / 'reviewed_annotations.csv').exists()


# -- other classes --------------------------------------------------------------------


def test_the_campaigns_classes_are_those_of_its_labels_json(root, tmp_path):
    labels = {'classes': ['background', 'gas', 'tank'], 'ph_limits': [6.0]}
    labels['health_classes'] = ['good', 'bad']
    (root / 'labels.json').write_text(json.dumps(labels))
    review = open_review(root / 'frames.csv', root)[0]
    assert review.rows['class_name'].tolist() == ['', 'good', 'good']
    review.save(1, mask_of(tube=3, gas=4), 'no gas')  # the values 1 and 2
    assert np.bincount(review.read(1)[1].ravel()).tolist() == [16 * 30, 0, 4 * 30]
    palette = Image.open(review.mask_file(1)).getpalette()
    assert tuple(palette[3:6]) == FUME_LABELS.seg_palette[2]  # gas has one colour
    path, *_ = collect_reviewed(review)
    assert read_annotations(path, check_pixels=True)['class_id'].tolist() == [0]
    other = tmp_path / 'campaign'
    with pytest.raises(UserError, match=r'campaign: .*1 tube.*1 gas.*labels\.json'):
        collect_reviewed(review, other)
    assert not other.exists()


def test_a_model_of_other_classes_draws_no_masks(review):
    model = SimpleNamespace(
        model_name='other.py', labels=Labels(seg_classes=('a', 'gas'))
    )
    with pytest.raises(UserError, match=r'other\.py: .*0 a, 1 gas.*1 tube, 2 gas'):
        next(prelabel(model, review))
