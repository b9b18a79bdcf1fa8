"""labelme's JSON files; its VOC export is plain folders (:mod:`.folders`)."""

import base64
import binascii
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.files import read_json
from fume_mm.io.images import decode_mask

from .items import Encoded, Item, Options, Shapes, Source, counted, refuse
from .shapes import ellipse, pasted, polygon, rectangle
from .tree import Pictures, files_of, image_files, nfc


def read(source: Path, options: Options) -> Source:
    """Every JSON of a folder with its picture, which may be inside the JSON.

    A picture without a JSON has no mask; a JSON without shapes says that there is no
    gas. Points and lines have no area and are left out.

    Raises:
        UserError: If there is no labelme file, or a picture is missing.
    """
    folder = source if source.is_dir() else source.parent
    pictures = Pictures(folder / options.frames)
    items, missing, lines, used = [], [], 0, set()
    for path in files_of(folder, '.json') if source.is_dir() else [source]:
        content = read_json(path, what='labelme file')
        if not isinstance(content, dict) or 'shapes' not in content:
            continue
        name = str(content.get('imagePath') or path.with_suffix('').name)
        near = path.parent / name.replace('\\', '/')
        file = near if near.is_file() else pictures.find(name)
        frame: Encoded | None = file
        if file is None and content.get('imageData'):
            frame = partial(_inside, path)
        if frame is None:
            missing.append(f'{name} of {path.name}')
            continue
        used.add(file.resolve() if file else None)
        parts = [_part(shape) for shape in content['shapes']]
        lines += sum(part is None for part in parts)
        size = (int(content['imageWidth']), int(content['imageHeight']))
        items.append(
            Item(
                name=nfc(path.relative_to(folder).with_suffix('').as_posix()),
                frame=frame,
                mask=Shapes([part for part in parts if part], size),
                suffix=Path(name).suffix or '.png',
            )
        )
    if not items and not missing:
        raise UserError(f'{source} holds no JSON of labelme, which has shapes.')
    refuse(
        missing,
        f'pictures of labelme files are not in {folder} (or not once); put them there',
    )
    items += [
        Item(
            name=nfc(path.relative_to(folder).with_suffix('').as_posix()),
            frame=path,
            mask=None,
            suffix=path.suffix,
        )
        for path in image_files(folder / options.frames)
        if source.is_dir() and path.resolve() not in used
    ]
    left_out = f'{counted(lines, "shape")} without an area (points, lines) left out'
    return Source(items, remarks=[left_out] if lines else [])


def _inside(path: Path) -> bytes:
    return base64.b64decode(read_json(path, what='labelme file')['imageData'])


def _part(shape: dict[str, Any]) -> Any:
    kind, points = shape.get('shape_type') or 'polygon', shape['points']
    if kind == 'mask':
        (left, top), *_ = points
        pixels = partial(_pasted, shape['mask'], left, top)
        return shape['label'], pixels
    if kind == 'rectangle':
        (x0, y0), (x1, y1) = (
            points[:1] + points[-1:] if len(points) < 4 else (points[0], points[2])
        )
        points = rectangle(x0, y0, x1, y1)
    elif kind == 'circle':
        centre, rim = points
        radius = math.dist(centre, rim)
        points = ellipse(centre[0], centre[1], radius, radius)
    elif kind != 'polygon':
        return None
    return shape['label'], partial(polygon, points)


def _pasted(
    encoded: str, left: float, top: float, shape: tuple[int, int]
) -> np.ndarray:
    try:
        part = decode_mask(base64.b64decode(encoded), 'mask')
    except binascii.Error as error:
        raise UserError(f'the mask cannot be decoded ({error})') from error
    return pasted(part > 0, left, top, shape)
