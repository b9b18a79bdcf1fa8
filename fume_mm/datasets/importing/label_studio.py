"""Label Studio's JSON (brush, polygons, boxes, ellipses), and its PNG per class."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.files import read_json

from .items import Item, Options, Shapes, Source, refuse
from .shapes import ellipse, polygon, rectangle, turned
from .tree import Pictures, files_of, image_files, nonzero

#: ``task-7-annotation-12-by-1-tag-Gas-0.png``.
_PNG = re.compile(r'task-(\d+)-annotation-(\d+)-by-\d+-tag-(?P<label>.+)-\d+')
#: What an upload puts before a file's name.
_UPLOAD = re.compile(r'^[0-9a-f]{8}-')
Part = tuple[str, Callable[[tuple[int, int]], np.ndarray]]


def read(source: Path, options: Options) -> Source:
    """The tasks of the JSON in a folder (or the one), with masks from it or from PNGs.

    Of several annotations of a task the last that was not cancelled counts; a task
    without any has no mask. PNGs per class name their task only, so a JSON (or
    JSON-MIN) of the same project must be beside them.

    Raises:
        UserError: If there is no such JSON, or a frame is missing.
    """
    folder = source if source.is_dir() else source.parent
    pictures = Pictures(folder / options.frames)
    tasks: list[dict[str, Any]] = []
    for path in files_of(folder, '.json') if source.is_dir() else [source]:
        content = read_json(path, what='export of Label Studio')
        if isinstance(content, list):
            tasks += [t for t in content if isinstance(t, dict) and 'id' in t]
    if not tasks:
        raise UserError(
            f'{source} holds no JSON or JSON-MIN export of Label Studio, a list of '
            'tasks; put it there (PNGs alone do not say which frame they are of).'
        )
    of_task: dict[str, list[tuple[int, str, Path]]] = {}
    for png in image_files(folder):
        if match := _PNG.fullmatch(png.stem):
            entry = (int(match[2]), match['label'], png)
            of_task.setdefault(match[1], []).append(entry)
    items, missing = [], []
    for task in tasks:
        name = _image(task.get('data', task))
        frame = pictures.find(name)
        if frame is None:
            frame = pictures.find(_UPLOAD.sub('', PurePosixPath(name).name))
        if frame is None:
            missing.append(name)
            continue
        stem = frame.relative_to(folder).with_suffix('').as_posix()
        mask = _png_mask(of_task.get(str(task['id']))) or _mask(task)
        items.append(Item(name=stem, frame=frame, mask=mask))
    refuse(
        missing,
        f"frames of Label Studio's tasks are not in {pictures.folder} (or not once); "
        'put them there, or name their folder with --frames',
    )
    return Source(items)


def _image(data: dict[str, Any]) -> str:
    """The path of a task's picture: of an upload, a local file or a store."""
    for value in data.values():
        if isinstance(value, str) and re.search(r'\.\w{3,4}$', value):
            url = urlparse(value)
            return unquote(parse_qs(url.query).get('d', [url.path])[0])
    raise UserError(f'a task of Label Studio has no image ({list(data)}).')


def _png_mask(files: Sequence[tuple[int, str, Path]] | None) -> Shapes | None:
    if not files:
        return None
    last = max(annotation for annotation, *_ in files)
    parts = [
        (label, partial(nonzero, path))
        for annotation, label, path in files
        if annotation == last
    ]
    # pixels of both are the gas's, which is nearer to the camera than the tube
    return Shapes(sorted(parts, key=lambda part: part[0].lower() != 'tube'))


def _mask(task: dict[str, Any]) -> Shapes | None:
    done = [a for a in task.get('annotations', []) if not a.get('was_cancelled')]
    if not done:
        return None
    results = [r for r in done[-1]['result'] if 'original_width' in r]
    parts = [part for result in results if (part := _part(result))]
    sizes = {(r['original_width'], r['original_height']) for r in results}
    return Shapes(parts, sizes.pop() if len(sizes) == 1 else None)


def _part(result: dict[str, Any]) -> Part | None:
    value, kind = result['value'], result['type']
    labels = value.get(kind)
    if not labels:
        return None
    if kind == 'brushlabels':
        size = (result['original_width'], result['original_height'])
        return labels[0], partial(_brush, value['rle'], size)
    width, height = result['original_width'] / 100, result['original_height'] / 100
    x, y = value.get('x', 0) * width, value.get('y', 0) * height
    degrees = value.get('rotation', 0)
    if kind == 'polygonlabels':
        points = [(px * width, py * height) for px, py in value['points']]
    elif kind == 'rectanglelabels':
        box = rectangle(x, y, x + value['width'] * width, y + value['height'] * height)
        points = turned(box, (x, y), degrees)
    elif kind == 'ellipselabels':
        radii = value['radiusX'] * width, value['radiusY'] * height
        points = ellipse(x, y, *radii, degrees)
    else:
        return None
    return labels[0], partial(polygon, points)


def _brush(
    rle: Sequence[int], size: tuple[int, int], shape: tuple[int, int]
) -> np.ndarray:
    width, height = size
    pixels = decode_brush(rle)
    if len(pixels) != width * height * 4:
        raise UserError(f'a brush of {len(pixels) // 4} pixels, not {width}x{height}')
    return pixels.reshape(height, width, 4)[..., 3] > 0


def decode_brush(rle: Sequence[int]) -> np.ndarray:
    """RGBA values of Label Studio's brush, uint8, pixel by pixel.

    The format is that of @thi.ng/rle-pack: a head of 32 bits for the number of values,
    5 for their bits less one and four times 4 for lengths of counts less one; then
    blocks of a bit (a run, or single values), 2 bits for the length of the count, the
    count less one, and one value or as many as counted.

    Raises:
        UserError: If it ends too early.
    """
    bits = np.unpackbits(np.asarray(rle, np.uint8))
    weights = 1 << np.arange(63, -1, -1, dtype=np.int64)[1:]
    at = 0

    def number(count: int) -> int:
        nonlocal at
        part = bits[at : at + count]
        if len(part) < count:
            raise UserError('a brush is cut short; export again')
        at += count
        return int(part @ weights[len(weights) - count :])

    total, depth = number(32), number(5) + 1
    lengths = [number(4) + 1 for _ in range(4)]
    values = np.zeros(total, np.uint8)
    done = 0
    while done < total:
        is_run = number(1)
        end = done + number(lengths[number(2)]) + 1
        if is_run:
            values[done:end] = number(depth)
        else:
            for place in range(done, min(end, total)):
                values[place] = number(depth)
        done = end
    return values
