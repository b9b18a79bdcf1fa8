"""COCO, labelme, Label Studio, CVAT and label_gas, as these tools write them."""

import base64
import json
import shutil
import sys

import cv2
import numpy as np
import pytest

from fume_mm.datasets.importing.label_studio import decode_brush
from fume_mm.errors import UserError
from tests.imports import (
    NAMES,
    SIZE,
    assert_campaign,
    classes,
    convert,
    encoded,
    masks,
    picture,
    rows,
    save,
)

WIDTH, HEIGHT = SIZE
EXPECTED = {name: classes(i) for i, name in enumerate(NAMES)}
TUBE_BOX = (0, 20, 8, 30)  # as `classes` draws it


def gas_box(number):
    return (8, 10, 30 + number, 20 + number)


def corners(box):
    x0, y0, x1, y1 = box
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def flat(box):
    return [number for corner in corners(box) for number in corner]


def column_runs(mask):
    """COCO's runs of a mask, plain."""
    flat = mask.T.ravel().astype(int)
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *ends, flat.size]).tolist()
    return [0, *counts] if flat[0] else counts


def frames(root, suffix='.png'):
    for number, name in enumerate(NAMES):
        save(root / f'{name}{suffix}', picture(number))
    return root


def prefixed(folder):
    """As `EXPECTED`, the frames being in a folder of the source."""
    return {f'{folder}/{name}': mask for name, mask in EXPECTED.items()}


def coco_file(segment):
    images, annotations = [], []
    for number, name in enumerate(NAMES):
        images.append(
            {'id': number, 'file_name': f'{name}.png', 'width': WIDTH, 'height': HEIGHT}
        )
        for category, box in ((3, TUBE_BOX), (7, gas_box(number))):
            annotations.append(
                {
                    'id': len(annotations),
                    'image_id': number,
                    'category_id': category,
                    'segmentation': segment(
                        box, classes(number) == (category == 7) + 1
                    ),
                }
            )
    categories = [{'id': 3, 'name': 'Tube'}, {'id': 7, 'name': 'Plume'}]
    return {'images': images, 'annotations': annotations, 'categories': categories}


def compressed(box, mask):
    tool = pytest.importorskip('pycocotools.mask')
    run = tool.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': run['size'], 'counts': run['counts'].decode()}


@pytest.mark.parametrize(
    'segment',
    [
        lambda box, mask: [flat(box)],
        lambda box, mask: {'size': [HEIGHT, WIDTH], 'counts': column_runs(mask)},
        compressed,
    ],
    ids=['polygons', 'runs', 'compressed'],
)
def test_coco(tmp_path, segment):
    frames(tmp_path / 'in/images')
    path = tmp_path / 'in/annotations/instances_default.json'
    path.parent.mkdir()
    path.write_text(json.dumps(coco_file(segment)))
    lines = convert('coco', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', prefixed('images'))
    assert 'mask values: plume is gas, tube is tube (by their names)' in lines


def test_coco_of_several_splits_with_images_of_one_name(tmp_path):
    for number, split in enumerate(('train', 'valid', 'test')):
        content = coco_file(lambda box, mask: [flat(box)])
        content['images'] = content['images'][number : number + 1]
        content['images'][0]['file_name'] = 'a.png'
        save(tmp_path / f'in/{split}/a.png', picture(number))
        (tmp_path / f'in/{split}/_annotations.coco.json').write_text(
            json.dumps(content)
        )
    convert('coco', tmp_path / 'in', tmp_path / 'out', split='official')
    found = masks(tmp_path / 'out')
    assert {name: mask.sum() for name, mask in found.items()} == {
        f'{split}/a': classes(number).sum()
        for number, split in enumerate(('train', 'valid', 'test'))
    }


def test_coco_images_without_annotations_have_no_mask(tmp_path):
    frames(tmp_path / 'in')
    content = coco_file(lambda box, mask: [flat(box)])
    content['annotations'] = [a for a in content['annotations'] if a['image_id'] != 1]
    (tmp_path / 'in/a.json').write_text(json.dumps(content))
    with pytest.raises(UserError, match='1 of 6 frames have no mask'):
        convert('coco', tmp_path / 'in', tmp_path / 'out')
    convert('coco', tmp_path / 'in', tmp_path / 'out', missing_mask='background')
    assert masks(tmp_path / 'out')[NAMES[1]].max() == 0


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda c: c['images'][0].update(file_name='x.png'), '1 images of the COCO'),
        (lambda c: c['categories'][0].update(name='Hose'), 'masks hold hose, and'),
        (lambda c: c['images'][0].update(width=65), 'is 64x48, its mask 65x48'),
        (
            lambda c: c['annotations'][0].pop('segmentation'),
            'of another form than coco',
        ),
        (
            lambda c: c['annotations'][0].update(
                segmentation={'size': [HEIGHT, WIDTH], 'counts': [5]}
            ),
            'runs of 5 pixels in place of 64x48',
        ),
        (lambda c: c.pop('categories'), 'holds no COCO file'),
    ],
)
def test_wrong_coco_files_are_one_line(tmp_path, change, said):
    frames(tmp_path / 'in')
    content = coco_file(lambda box, mask: [flat(box)])
    change(content)
    (tmp_path / 'in/a.json').write_text(json.dumps(content))
    with pytest.raises(UserError) as error:
        convert('coco', tmp_path / 'in', tmp_path / 'out')
    assert said in str(error.value)
    assert not (tmp_path / 'out').exists()


def test_a_label_of_another_name_is_mapped(tmp_path):
    frames(tmp_path / 'in')
    content = coco_file(lambda box, mask: [flat(box)])
    content['categories'][0]['name'] = 'Hose'
    (tmp_path / 'in/a.json').write_text(json.dumps(content))
    lines = convert('coco', tmp_path / 'in', tmp_path / 'o', mask_map='hose=tube x=gas')
    assert_campaign(tmp_path / 'o', EXPECTED)
    assert 'no mask holds x of --mask-map' in lines


def labelme_file(number, name, kind, *, inside=False):
    tube = {'label': 'tube', 'shape_type': 'rectangle'}
    tube['points'] = [corners(TUBE_BOX)[0], corners(TUBE_BOX)[2]]
    box = gas_box(number)
    gas = {'label': 'gas', 'shape_type': kind, 'points': corners(box)}
    if kind == 'mask':
        gas['points'] = [box[:2], box[2:]]
        part = np.full((box[3] - box[1], box[2] - box[0]), 255, np.uint8)
        gas['mask'] = base64.b64encode(encoded(part)).decode()
    point = {'label': 'note', 'shape_type': 'point', 'points': [[1, 1]]}
    data = base64.b64encode(encoded(picture(number))).decode() if inside else None
    return {
        'version': '5.5.0',
        'shapes': [tube, gas, point],
        'imagePath': f'..\\images\\{name}.png' if not inside else f'{name}.png',
        'imageData': data,
        'imageHeight': HEIGHT,
        'imageWidth': WIDTH,
    }


@pytest.mark.parametrize('kind', ['polygon', 'mask'])
@pytest.mark.parametrize('inside', [False, True])
def test_labelme(tmp_path, kind, inside):
    if not inside:
        frames(tmp_path / 'in/images')
    (tmp_path / 'in/json').mkdir(parents=True)
    for number, name in enumerate(NAMES):
        content = labelme_file(number, name, kind, inside=inside)
        (tmp_path / f'in/json/{name}.json').write_text(json.dumps(content))
    lines = convert('labelme', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', prefixed('json'))
    assert '6 shapes without an area (points, lines) left out' in lines
    row = rows(tmp_path / 'out')[0]
    frame = cv2.imread(str(tmp_path / 'out' / row['frame_path']), -1)
    assert np.array_equal(frame, picture(NAMES.index(row['original_sample_id'][5:])))


def test_labelme_without_shapes_is_background_and_without_file_unknown(tmp_path):
    frames(tmp_path / 'in')
    for number, name in enumerate(NAMES[:5]):
        content = labelme_file(number, name, 'polygon') | {'imagePath': f'{name}.png'}
        content['shapes'] = content['shapes'] if number else []
        (tmp_path / f'in/{name}.json').write_text(json.dumps(content))
    with pytest.raises(UserError, match='1 of 6 frames have no mask'):
        convert('labelme', tmp_path / 'in', tmp_path / 'out')
    convert('labelme', tmp_path / 'in', tmp_path / 'out', missing_mask='skip')
    found = masks(tmp_path / 'out')
    assert set(found) == set(NAMES[:5])
    assert found[NAMES[0]].max() == 0


def test_a_labelme_circle_has_its_area(tmp_path):
    frames(tmp_path / 'in')
    for name in NAMES:
        content = labelme_file(0, name, 'polygon') | {'imagePath': f'{name}.png'}
        circle = {
            'label': 'gas',
            'shape_type': 'circle',
            'points': [[30, 24], [42, 24]],
        }
        content['shapes'] = [circle]
        (tmp_path / f'in/{name}.json').write_text(json.dumps(content))
    convert('labelme', tmp_path / 'in', tmp_path / 'out')
    area = (masks(tmp_path / 'out')[NAMES[0]] == 2).sum()
    assert area == pytest.approx(np.pi * 12**2, rel=0.02)


def brush(mask):
    """Label Studio's RLE of a mask: runs of one value for equal bytes."""
    values = np.repeat(np.where(mask, 255, 0).ravel(), 4)
    bits = (
        f'{len(values):032b}'
        + f'{7:05b}'
        + ''.join(f'{n - 1:04b}' for n in (3, 4, 8, 16))
    )
    start = 0
    while start < len(values):
        end = start
        while (
            end < len(values) and values[end] == values[start] and end - start < 60000
        ):
            end += 1
        if end - start < 3:  # single values, as the tool writes them
            bits += f'0{0:02b}{end - start - 1:03b}'
            bits += ''.join(f'{v:08b}' for v in values[start:end])
        else:
            bits += f'1{3:02b}{end - start - 1:016b}{values[start]:08b}'
        start = end
    bits += '0' * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def test_the_brush_is_decoded():
    # 8 bits each: a run of 4 times 255, then 2 single values 0 and 7
    bits = f'{6:032b}{7:05b}' + '0010' * 4 + '1' + '00' + '011' + f'{255:08b}'
    bits += '0' + '01' + '001' + f'{0:08b}{7:08b}'
    bits += '0' * (-len(bits) % 8)
    rle = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert decode_brush(rle).tolist() == [255] * 4 + [0, 7]
    with pytest.raises(UserError, match='cut short'):
        decode_brush(rle[:-3])
    mask = classes(3) == 2
    assert np.array_equal(decode_brush(brush(mask))[3::4] > 0, mask.ravel())


def percent(box):
    x0, y0, x1, y1 = box
    scale = np.array([100 / WIDTH, 100 / HEIGHT])
    return {
        'points': (np.array(corners(box)) * scale).tolist(),
        'x': x0 * scale[0],
        'y': y0 * scale[1],
        'width': (x1 - x0) * scale[0],
        'height': (y1 - y0) * scale[1],
        'rotation': 0,
    }


def task(number, name, kind):
    size = {'original_width': WIDTH, 'original_height': HEIGHT, 'image_rotation': 0}
    results = [
        size
        | {
            'type': 'rectanglelabels',
            'value': percent(TUBE_BOX) | {'rectanglelabels': ['Tube']},
        }
    ]
    value = percent(gas_box(number))
    if kind == 'brushlabels':
        value = {'format': 'rle', 'rle': brush(classes(number) == 2)}
    results.append(size | {'type': kind, 'value': value | {kind: ['Gas']}})
    results.append({'type': 'choices', 'value': {'choices': ['good']}})
    return {
        'id': number + 40,
        'data': {'image': f'/data/upload/1/{number:08x}-{name}.png'},
        'annotations': [{'id': number, 'was_cancelled': False, 'result': results}],
    }


@pytest.mark.parametrize('kind', ['brushlabels', 'polygonlabels', 'rectanglelabels'])
def test_label_studio(tmp_path, kind):
    frames(tmp_path / 'in/images')
    tasks = [task(number, name, kind) for number, name in enumerate(NAMES)]
    tasks[1]['data']['image'] = f'/data/local-files/?d=x%2Fimages%2F{NAMES[1]}.png'
    cancelled = {'was_cancelled': True, 'result': []}
    tasks[2]['annotations'].append(cancelled)
    (tmp_path / 'in/project.json').write_text(json.dumps(tasks))
    convert('label_studio', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', prefixed('images'))


def test_label_studio_tasks_without_annotation_have_no_mask(tmp_path):
    frames(tmp_path / 'in')
    tasks = [task(number, name, 'brushlabels') for number, name in enumerate(NAMES)]
    tasks[0]['annotations'][0]['was_cancelled'] = True
    tasks[1]['annotations'][0]['result'] = []  # judged: nothing there
    (tmp_path / 'in/project.json').write_text(json.dumps(tasks))
    with pytest.raises(UserError, match='1 of 6 frames have no mask'):
        convert('label_studio', tmp_path / 'in', tmp_path / 'out')
    convert('label_studio', tmp_path / 'in', tmp_path / 'out', missing_mask='skip')
    assert masks(tmp_path / 'out')[NAMES[1]].max() == 0


def test_label_studio_pngs_per_class(tmp_path):
    frames(tmp_path / 'in/images')
    for number in range(len(NAMES)):
        for value, label in ((2, 'Gas'), (1, 'Tube')):
            name = f'task-{number + 40}-annotation-{number}-by-1-tag-{label}-0.png'
            save(tmp_path / 'in' / name, 255 * np.uint8(classes(number) == value))
    with pytest.raises(UserError, match='JSON or JSON-MIN export'):
        convert('label_studio', tmp_path / 'in', tmp_path / 'out')
    tasks = [
        {'id': number + 40, 'image': f'/data/upload/1/{number:08x}-{name}.png'}
        for number, name in enumerate(NAMES)
    ]
    (tmp_path / 'in/min.json').write_text(json.dumps(tasks))
    convert('label_studio', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', prefixed('images'))


def cvat_xml(shape, subset=''):
    images = ''.join(
        f'<image id="{number}" name="{name}.png" {subset} width="{WIDTH}" '
        f'height="{HEIGHT}">{shape(number)}</image>'
        for number, name in enumerate(NAMES)
    )
    return f'<?xml version="1.0"?><annotations><meta/>{images}</annotations>'


def cvat_shapes(kind):
    def shape(number):
        x0, y0, x1, y1 = gas_box(number)
        points = ';'.join(f'{x:.2f},{y:.2f}' for x, y in corners(gas_box(number)))
        # a box that covers the tube too lies below it by its z_order
        tube = '<box label="Tube" xtl="0" ytl="20" xbr="8" ybr="30" z_order="1"/>'
        gas = f'<polygon label="Gas" points="{points}" z_order="0"/>'
        if kind == 'box':
            gas = f'<box label="Gas" xtl="{x0}" ytl="{y0}" xbr="{x1}" ybr="{y1}"/>'
        if kind == 'mask':
            area = (x1 - x0) * (y1 - y0)
            gas = (
                f'<mask label="Gas" rle="0, {area}" left="{x0}" top="{y0}" '
                f'width="{x1 - x0}" height="{y1 - y0}" z_order="0"/>'
            )
        return tube + gas + '<points label="Gas" points="1,1"/><tag label="good"/>'

    return shape


@pytest.mark.parametrize('kind', ['polygon', 'box', 'mask'])
def test_cvat_xml(tmp_path, kind):
    frames(tmp_path / 'in/images')
    (tmp_path / 'in/annotations.xml').write_text(cvat_xml(cvat_shapes(kind)))
    lines = convert('cvat', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', prefixed('images'))
    assert '6 shapes without an area (points, lines) left out' in lines


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('<annotations><track id="0"/></annotations>', 'is of a video; export'),
        ('<annotations>', 'is no XML'),
        ('<annotations/>', 'lists no image'),
        (cvat_xml(lambda _: '<polygon label="Gas" points="x"/>'), 'is no shape'),
        (cvat_xml(lambda _: '<skeleton label="Gas"/>'), 'a skeleton is no area'),
    ],
)
def test_wrong_xml_is_one_line(tmp_path, text, said):
    frames(tmp_path / 'in')
    (tmp_path / 'in/annotations.xml').write_text(text)
    with pytest.raises(UserError) as error:
        convert('cvat', tmp_path / 'in', tmp_path / 'out')
    assert said in str(error.value)


def test_cvat_masks_are_read_by_the_label_map(tmp_path):
    colours = np.array([[0, 0, 0], [250, 50, 83], [51, 221, 255]], np.uint8)
    frames(tmp_path / 'in/JPEGImages', '.jpg')
    for name, mask in EXPECTED.items():
        save(tmp_path / f'in/SegmentationClass/{name}.png', colours[mask])
        save(tmp_path / f'in/SegmentationObject/{name}.png', colours[mask][..., ::-1])
    (tmp_path / 'in/labelmap.txt').write_text(
        '# label:color_rgb:parts:actions\nbackground:0,0,0::\ntube:250,50,83::\n'
        'gas:51,221,255::\n'
    )
    lines = convert('cvat', tmp_path / 'in', tmp_path / 'out')
    assert_campaign(tmp_path / 'out', EXPECTED)
    assert any('by the legend' in line for line in lines)
    shutil.rmtree(tmp_path / 'out')
    options = {'mask_map': 'gas=tube tube=gas'}
    convert('cvat', tmp_path / 'in', tmp_path / 'out', **options)
    swapped = {n: np.array([0, 2, 1])[m] for n, m in EXPECTED.items()}
    assert_campaign(tmp_path / 'out', swapped)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
@pytest.mark.parametrize('folder', ['frames/', ''])
def test_label_gas(tmp_path, suffix, folder):
    source = tmp_path / 'in'
    frames(source / folder, suffix)
    for number, (name, mask) in enumerate(EXPECTED.items()):
        save(source / f'overlays/{name}{suffix}', picture())
        if number != 3:  # skipped
            save(source / f'masks/{name}{suffix}', 255 * np.uint8(mask == 2))
    lines = convert('label_gas', source, tmp_path / 'out')
    assert '1 frame without a mask: left out' in lines
    assert any('5 masks in JPEG' in line for line in lines) == (suffix == '.jpg')
    found = masks(tmp_path / 'out')
    assert set(found) == set(NAMES) - {NAMES[3]}
    for name, mask in found.items():
        right = np.where(EXPECTED[name] == 2, 2, 0)
        assert (mask == right).mean() > (0.995 if suffix == '.jpg' else 0.9999)


def test_compressed_runs_without_pycocotools_say_what_to_install(tmp_path, monkeypatch):
    frames(tmp_path / 'in')
    segment = {'size': [HEIGHT, WIDTH], 'counts': 'abc'}
    content = coco_file(lambda box, mask: segment)
    (tmp_path / 'in/a.json').write_text(json.dumps(content))
    monkeypatch.setitem(sys.modules, 'pycocotools.mask', None)
    with pytest.raises(UserError, match=r'6 files .*`pip install pycocotools`'):
        convert('coco', tmp_path / 'in', tmp_path / 'out')
