"""Public sets, small and made up, in the layouts in which they are published."""

import io
import json
import re
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from fume_mm.datasets.importing import FORMATS
from fume_mm.errors import UserError
from fume_mm.io.images import read_gray
from tests.imports import (
    NAMES,
    assert_campaign,
    classes,
    convert,
    encoded,
    picture,
    rows,
    save,
)

#: Where `NAMES` are published: recordings apart.
SPLITS = ['train', 'train', 'val', 'val', 'test', 'test']


def binary(number):
    return 255 * np.uint8(classes(number) == 2)


def gas_only(names):
    return {name: np.where(classes(i) == 2, 2, 0) for i, name in enumerate(names)}


def recordings(out):
    return {row['original_sample_id']: row['recording'] for row in rows(out)}


def test_gas_twin_former(tmp_path):
    for split in set(SPLITS):
        lines = ['img_name,diet_type']
        for number, (name, where) in enumerate(zip(NAMES, SPLITS, strict=True)):
            if where == split:
                save(tmp_path / f'in/{split}/images/{name}.png', picture(number))
                save(tmp_path / f'in/{split}/masks/{name}.png', binary(number))
                lines.append(f'{name}.png,diet{number}')
        (tmp_path / f'in/combined_{split}.csv').write_text('\n'.join(lines))
    lines = convert('gas_twin_former', tmp_path / 'in', tmp_path / 'out')
    names = [f'{split}/{name}' for split, name in zip(SPLITS, NAMES, strict=True)]
    assert_campaign(tmp_path / 'out', gas_only(names))
    assert 'split: as published; no recording is in two parts' in lines
    found = {row['original_sample_id']: row for row in rows(tmp_path / 'out')}
    assert [found[name]['diet_type'] for name in names] == [
        f'diet{i}' for i in range(6)
    ]
    assert [found[name]['recording'] for name in names] == [n[:8] for n in NAMES]
    (tmp_path / 'in/combined_val.csv').write_text('img_name,diet_type\nx.png,a\n')
    with pytest.raises(UserError, match=r'2 frames are in none of combined_test\.csv'):
        convert('gas_twin_former', tmp_path / 'in', tmp_path / 'no')


def test_controlled_diet(tmp_path):
    names = []
    for number, diet in enumerate(['Control', 'LF', 'HF'] * 2):
        split = SPLITS[number]
        names.append(f'{split}/{diet}/video{number // 2}_frame_{number:04d}')
        for kind, image in (('images', picture(number)), ('masks', binary(number))):
            path = f'in/{split}/{kind}/{names[-1].removeprefix(split + "/")}.png'
            save(tmp_path / path, image)
    convert('controlled_diet', tmp_path / 'in', tmp_path / 'out', split='official')
    assert_campaign(tmp_path / 'out', gas_only(names))
    assert {
        (r['original_sample_id'].split('/')[1], r['diet_type'])
        for r in rows(tmp_path / 'out')
    } == {('Control', 'Control'), ('LF', 'LF'), ('HF', 'HF')}


def test_carboformer(tmp_path):
    for number, name in enumerate(NAMES):
        save(tmp_path / f'in/images/{name}.png', picture(number))
        save(tmp_path / f'in/masks/{name}.png', binary(number))
    convert('carboformer', tmp_path / 'in', tmp_path / 'out', gases=('co2',))
    assert_campaign(tmp_path / 'out', gas_only(NAMES))
    assert set(recordings(tmp_path / 'out').values()) == {n[:8] for n in NAMES}


@pytest.mark.parametrize('name', ['igs_few', 'gasvid', 'simgas_scenes'])
def test_folders_of_scenes(tmp_path, name):
    names = [f'scene_{scene}/{frame}' for scene in 'abc' for frame in (1, 2)]
    for number, frame in enumerate(names):
        scene, stem = frame.split('/')
        save(tmp_path / f'in/{scene}/images/{stem}.png', picture(number))
        save(tmp_path / f'in/{scene}/masks/{stem}.png', binary(number))
    convert(name, tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', gas_only(names))
    assert recordings(tmp_path / 'out') == {n: n.split('/')[0] for n in names}
    with pytest.raises(UserError, match='no folder of a scene'):
        convert(name, tmp_path / 'in/scene_a', tmp_path / 'no')


@pytest.mark.parametrize('leaks', [False, True])
def test_trace(tmp_path, leaks):
    lines = ['frame_id,seq_id,class_id,image_path,mask_path,gas_area_pct,split']
    names = [f'SEQ_000{seq}/frame_{frame}' for seq in range(3) for frame in (1, 2)]
    for number, name in enumerate(names):
        seq, stem = name.split('/')
        for kind in ('images', 'masks', 'overlays'):
            image = binary(number) if kind == 'masks' else picture(number)
            save(tmp_path / f'in/{seq}/{kind}/{stem}.png', image)
        split = SPLITS[::2][number % 3] if leaks else SPLITS[number]
        lines.append(
            f'{number},{seq},4,{seq}/images/{stem}.png,{seq}/masks/{stem}.png,7.5,{split}'
        )
    (tmp_path / 'in/annotations.csv').write_text('\n'.join(lines))
    said = convert('trace', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', gas_only(names))
    assert recordings(tmp_path / 'out') == {n: n.split('/')[0] for n in names}
    row = rows(tmp_path / 'out')[0]
    assert (row['source_class_id'], row['gas_area_pct']) == ('4', '7.5')
    assert any('--split official keeps' in line for line in said) == leaks


def test_gas_db_takes_the_thermal_channel(tmp_path):
    for number, name in enumerate(NAMES):
        image = np.dstack([np.full((48, 64, 3), 200, np.uint8), picture(number)])
        path = tmp_path / f'in/images/{name}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(image))
        save(tmp_path / f'in/labels/{name}.png', np.uint8(classes(number) == 2))
    for split in set(SPLITS):
        names = [n for n, s in zip(NAMES, SPLITS, strict=True) if s == split]
        (tmp_path / f'in/{split}.txt').write_text('\n'.join(names))
    convert('gas_db', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', gas_only(NAMES))
    for row in rows(tmp_path / 'out'):
        number = NAMES.index(row['original_sample_id'])
        frame = read_gray(tmp_path / 'out' / row['frame_path'])
        assert np.array_equal(frame, picture(number))
        assert row['split'] == SPLITS[number]
    save(tmp_path / f'in/images/{NAMES[0]}.png', picture())
    with pytest.raises(UserError, match='is no image of four channels'):
        convert('gas_db', tmp_path / 'in', tmp_path / 'no')


def tar(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, 'w') as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))


@pytest.mark.parametrize(
    'mask_name', ['{}.mask.png', '{}_mask.png', '{}.seg.png', 'masks/{}.png']
)
def test_gas_ground(tmp_path, mask_name):
    for shard in range(3):
        members = {}
        for number in (2 * shard, 2 * shard + 1):
            name = NAMES[number]
            members[f'{name}.png'] = encoded(picture(number))
            members[mask_name.format(name)] = encoded(binary(number))
            told = {'video': name[:8], 'split': SPLITS[number], 'frame_index': number}
            members[f'{name}.json'] = json.dumps(told).encode()
        tar(tmp_path / f'in/data/{shard:05d}.tar', members)
    lines = convert('gas_ground', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', gas_only(NAMES))
    assert 'split: as published; no recording is in two parts' in lines
    for row in rows(tmp_path / 'out'):
        number = NAMES.index(row['original_sample_id'])
        assert (row['recording'], row['frame_index']) == (
            NAMES[number][:8],
            str(number),
        )
    (tmp_path / 'in/data/bad.tar').write_bytes(b'no tar')
    with pytest.raises(UserError, match=r'bad\.tar: cannot be read'):
        convert('gas_ground', tmp_path / 'in', tmp_path / 'no')


def parquet(path, table):
    pa = pytest.importorskip('pyarrow')
    from pyarrow.parquet import write_table

    path.parent.mkdir(parents=True, exist_ok=True)
    write_table(pa.table(table), path, row_group_size=2)


@pytest.mark.parametrize('structures', [False, True])
def test_gasformer_is_split_again_by_videos(tmp_path, structures):
    def pictures(images):
        data = [encoded(image) for image in images]
        return [{'bytes': d, 'path': None} for d in data] if structures else data

    table = {
        'video_id': [0, 0, 1, 1, 2, 2],
        'frame_index': list(range(6)),
        'image': pictures(picture(i) for i in range(6)),
        'mask': pictures(binary(i) for i in range(6)),
        'flow_rate_class': [1, 1, 2, 2, 10, 10],
        'official_split': ['train', 'test', 'train', 'val', 'train', 'val'],
    }
    parquet(tmp_path / 'in/data.parquet', table)
    lines = convert('gasformer', tmp_path / 'in', tmp_path / 'out')
    names = [f'{i // 2}_{i:05d}' for i in range(6)]
    assert_campaign(tmp_path / 'out', gas_only(names))
    assert any('3 groups of the published split are in several' in x for x in lines)
    where = {}
    for row in rows(tmp_path / 'out'):
        where.setdefault(row['recording'], set()).add(row['split'])
        number = int(row['frame_index'])
        assert row['flow_rate_class'] == str(table['flow_rate_class'][number])
        assert row['official_split'] == table['official_split'][number]
        assert row['recording'] == str(number // 2)
    assert sorted(map(len, where.values())) == [1, 1, 1]
    convert('gasformer', tmp_path / 'in', tmp_path / 'b', split='official')
    assert all(row['split'] == row['official_split'] for row in rows(tmp_path / 'b'))


@pytest.mark.parametrize('clips', [False, True])
def test_simgas_parquet(tmp_path, clips):
    frames = [encoded(picture(i)) for i in range(6)]
    drawn = [encoded(binary(i)) for i in range(6)]
    if clips:  # a row is a clip
        table = {
            'filename': ['a.mp4', 'b.mp4', 'c.mp4'],
            'video': ['a', 'b', 'c'],
            'frames': [frames[i : i + 2] for i in (0, 2, 4)],
            'gt': [drawn[i : i + 2] for i in (0, 2, 4)],
        }
        names = [f'{video}_{frame:05d}' for video in 'abc' for frame in (0, 1)]
    else:
        table = {
            'filename': [f'{i}.png' for i in range(6)],
            'video': list('aabbcc'),
            'frames': frames,
            'gt': drawn,
        }
        names = [f'{"aabbcc"[i]}_{i}' for i in range(6)]
    parquet(tmp_path / 'in/train.parquet', table)
    convert('simgas', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', gas_only(names))
    assert recordings(tmp_path / 'out') == {n: n[0] for n in names}
    table.pop('gt')
    parquet(tmp_path / 'no/train.parquet', table)
    with pytest.raises(UserError, match='has no column gt'):
        convert('simgas', tmp_path / 'no', tmp_path / 'x')


def test_owners_originals(tmp_path):
    lines = ['sample_id,frame_path,mask_path,ph_value,class_id,class_name,gas_type']
    names = []
    for number in range(6):
        gas = ('co2', 'ch4')[number % 2]
        recording = f'{"MOV" if gas == "co2" else "FLIR"}00{10 + number}'
        name = f'original_annotated/ph_5.0/{gas}_frame/{recording}_{number:04d}'
        mask = name.replace('_frame/', '_mask/')
        save(tmp_path / f'in/{name}.png', picture(number))
        save(tmp_path / f'in/{mask}.png', classes(number))
        lines.append(f'sample_{number:05d},{name}.png,{mask}.png,5.0,2,Acidotic,{gas}')
        names.append(name)
    (tmp_path / 'in/annotations.csv').write_text('\n'.join(lines))
    convert('owners', tmp_path / 'in', tmp_path / 'out', gases=('co2', 'ch4'))
    assert_campaign(tmp_path / 'out', {n: classes(i) for i, n in enumerate(names)})
    for row in rows(tmp_path / 'out'):
        number = names.index(row['original_sample_id'])
        assert (
            row['recording'] == f'{"MOV" if number % 2 == 0 else "FLIR"}00{10 + number}'
        )
        assert (row['ph_value'], row['class_name']) == ('5.0', 'Acidotic')


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow.parquet', None)
    with pytest.raises(UserError, match='`pip install pyarrow`'):
        convert('gasformer', tmp_path, tmp_path / 'out')


def test_every_format_has_a_tree_here():
    texts = [
        path.read_text('utf-8') for path in Path(__file__).parent.glob('test_*.py')
    ]
    named = {name for text in texts for name in re.findall(r"'(\w+)'", text)}
    assert set(FORMATS) - named == set()
