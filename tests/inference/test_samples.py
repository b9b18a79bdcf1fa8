from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.errors import UserError
from fume_mm.inference.samples import describe, gather
from tests.campaigns import make_campaign, pair_campaign

PIXELS = cv2.imencode('.png', np.zeros((20, 24), np.uint8))[1].tobytes()


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PIXELS)
    return root


def said(samples) -> dict[str, tuple[str, ...]]:
    return {sample.name: tuple(sample.frames) for sample in samples}


def test_two_folders_are_paired_by_name(tmp_path):
    touch(tmp_path, 'x/a.png', 'x/b.png', 'y/b.jpg', 'y/c.png', 'x/notes.txt')
    samples = gather(co2=tmp_path / 'x', ch4=str(tmp_path / 'y'))
    both = ('co2', 'ch4')
    assert said(samples) == {'a': ('co2',), 'b': both, 'c': ('ch4',)}
    assert samples[1].frames['ch4'] == tmp_path / 'y/b.jpg'
    assert describe(samples) == (
        '3 samples: 1 with both gases, 1 with CO2 alone (a), 1 with CH4 alone (c)'
    )


@pytest.mark.parametrize(
    ('co2', 'ch4', 'name'),
    [
        ('a_co2.png', 'a_ch4.png', 'a'),
        ('CO2-a.png', 'CH4-a.png', 'a'),
        ('v1_co2_f3_co2.png', 'v1_co2_f3_ch4.png', 'v1_co2_f3'),
        ('co2.png', 'ch4.png', 'frame'),
    ],
)
def test_one_folder_is_paired_by_what_names_the_gas(tmp_path, co2, ch4, name):
    samples = gather(touch(tmp_path, co2, ch4))
    assert said(samples) == {name: ('co2', 'ch4')}
    assert said(gather(co2=tmp_path, ch4=tmp_path)) == said(samples)


def test_folders_of_the_gases_in_one_folder(tmp_path):
    touch(tmp_path, 'CO2/a_co2.png', 'ch4/a.png', 'ch4/b.png')
    assert said(gather(tmp_path)) == {'a': ('co2', 'ch4'), 'b': ('ch4',)}


def test_one_folder_of_one_gas(tmp_path):
    touch(tmp_path, 'a.png', 'b.png')
    assert said(gather(ch4=tmp_path)) == {'a': ('ch4',), 'b': ('ch4',)}


def test_a_pair_of_files_is_named_by_what_they_share(tmp_path):
    touch(tmp_path, 'a_co2.png', 'a_ch4.png', 'b.png')
    paths = [tmp_path / name for name in ('a_co2.png', 'a_ch4.png', 'b.png')]
    assert said(gather(co2=paths[0], ch4=paths[1])) == {'a': ('co2', 'ch4')}
    assert list(said(gather(co2=paths[0], ch4=paths[2]))) == ['a_co2+b']


def test_lists_belong_together_by_position():
    frame = np.zeros((20, 24), np.uint8)
    samples = gather(co2=[frame, None], ch4=[frame, frame])
    assert said(samples) == {
        'sample_0001': ('co2', 'ch4'),
        'sample_0002': ('ch4',),
    }


def test_dicts(tmp_path):
    touch(tmp_path, 'a.png')
    frame = np.zeros((20, 24), np.uint8)
    items = [{'ch4': frame, 'co2': tmp_path / 'a.png', 'name': 'x'}, {'ch4': frame}]
    assert said(gather(items)) == {'x': ('co2', 'ch4'), 'sample_0002': ('ch4',)}
    assert said(gather(items[0])) == {'x': ('co2', 'ch4')}


def test_names_are_made_unique(tmp_path):
    touch(tmp_path, 'x/1.png', 'y/1.png', 'z/1.png', 'z/1-2.png')
    paths = [tmp_path / name for name in ('x/1.png', 'y/1.png', 'z/1-2.png', 'z/1.png')]
    assert list(said(gather(co2=paths))) == ['1', '1~2', '1-2', '1~3']


def test_csv_of_any_make(tmp_path):
    touch(tmp_path, 'in/a.png', 'in/b.png')
    table = tmp_path / 'in/list.csv'
    text = f'Name, CH4 ,co2\nfirst,b.png,a.png\n,{tmp_path}/in/b.png,NaN\n'
    table.write_text(text, encoding='utf-8-sig')
    samples = gather(table)
    assert said(samples) == {'first': ('co2', 'ch4'), 'b': ('ch4',)}


def campaign(root: Path) -> Path:
    make_campaign(root, vessels=2, frames=1, co2_only=(1,), ch4_only=())
    return pair_campaign(root, splits=('val', 'test'))


def test_a_campaign_is_read_by_its_paired_csvs(tmp_path):
    root = campaign(tmp_path)
    assert len(gather(root)) == 4
    samples = gather(root, split='test')
    assert [tuple(sample.frames) for sample in samples] == [('co2', 'ch4'), ('co2',)]
    assert samples == gather(root / 'paired_test_annotations.csv')
    assert len({sample.name for sample in gather(root)}) == 4


def test_the_owners_paths_lose_their_prefix(tmp_path):
    touch(tmp_path, 'images/a.png')
    table = tmp_path / 'x.csv'
    table.write_text('co2_frame,ch4_frame\nmmseg_dataset\\images\\a.png,\n')
    (sample,) = gather(table)
    assert sample.frames == {'co2': tmp_path / 'images/a.png'}


def test_frames_that_are_not_there_are_named_with_their_line(tmp_path):
    table = tmp_path / 'x.csv'
    table.write_text('co2,ch4\na.png,\n')
    with pytest.raises(UserError, match=r'x\.csv, line 2 .*a\.png.*names no file'):
        gather(table)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a,b\n1,2\n', 'none that names frames'),
        ('', 'is empty'),
        ('co2,ch4\n,\n', 'no rows'),
        ('sample_id,co2,ch4\nx,,\n', r'line 2.*needs a frame'),
        ('co2,ch4\na,b,c\n', r'x\.csv.*columns'),
        ('co2,ch4\n', 'no rows'),
        (b'\x89PNG\xff', 'UTF-8'),
    ],
)
def test_a_csv_that_says_nothing(tmp_path, text, message):
    table = tmp_path / 'x.csv'
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=message):
        gather(table)


def test_mistakes_name_the_way_out(tmp_path):
    touch(tmp_path, 'x/a.png', 'y/a_co2.png', 'z/a_co2.png', 'z/a-co2.png')
    frame = np.zeros((20, 24), np.uint8)
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'raw').mkdir()
    (tmp_path / 'raw/train_annotations.csv').write_text('x')
    cases = [
        ({}, 'no frame was given'),
        ({'inputs': tmp_path / 'x', 'co2': frame}, 'not all'),
        ({'inputs': 3}, 'int is no input'),
        ({'inputs': []}, 'list of samples is empty'),
        ({'inputs': [{'co': 1}]}, r'sample 1: give a dict'),
        ({'inputs': [{}]}, r'sample 1: no frame was given'),
        ({'inputs': tmp_path / 'x/a.png'}, 'say of which gas'),
        ({'inputs': tmp_path / 'x'}, r'a\.png: its name does not say which gas'),
        ({'inputs': tmp_path / 'empty'}, 'holds no image'),
        ({'inputs': tmp_path / 'raw'}, r'not paired yet; .*pair_gases\.py'),
        ({'inputs': tmp_path / 'nowhere.csv'}, 'no such CSV'),
        ({'inputs': tmp_path / 'nowhere'}, 'there is no such frame'),
        ({'inputs': tmp_path / 'x', 'split': 'test'}, 'no such CSV'),
        ({'co2': tmp_path / 'x', 'ch4': frame}, 'the other gas is not'),
        ({'ch4': tmp_path / 'y'}, r'a_co2\.png: lies in the ch4 folder'),
        ({'co2': tmp_path / 'z'}, 'both are the co2 frame'),
        ({'co2': [frame], 'ch4': [frame, frame]}, 'of one length'),
        ({'co2': [frame], 'ch4': frame}, 'of one length'),
        ({'co2': 3}, 'its co2 frame is a int'),
        ({'co2': tmp_path / 'no.png'}, r'no\.png: there is no such co2 frame'),
    ]
    for given, message in cases:
        with pytest.raises(UserError, match=message):
            gather(**given)


def test_a_csv_of_a_fold_names_frames_below_the_data_root(tmp_path):
    root = campaign(tmp_path)
    inside = gather(root / 'paired_test_annotations.csv')
    fold = tmp_path / 'cv_fold0'
    fold.mkdir()
    csv = (root / 'paired_test_annotations.csv').rename(fold / 'paired.csv')
    assert gather(csv, root=root) == inside
    with pytest.raises(UserError, match='names no file under'):
        gather(csv)
