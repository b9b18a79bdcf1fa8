"""COCO instance annotations: polygons and runs (RLE), plain or compressed."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.files import read_json

from .items import Item, Options, Shapes, Source, counted, refuse
from .shapes import polygon, runs
from .tree import Pictures, files_of, split_of

_KEYS = {'images', 'annotations', 'categories'}


def read(source: Path, options: Options) -> Source:
    """Every COCO file (``.json``) of a folder, or the one; frames anywhere beside.

    An image without annotations has no mask. A file or folder called as a split is one.

    Raises:
        UserError: If there is no COCO file, or a frame is missing.
    """
    folder = source if source.is_dir() else source.parent
    pictures = Pictures(folder / options.frames)
    items, missing, found = [], [], 0
    for path in files_of(folder, '.json') if source.is_dir() else [source]:
        content = read_json(path, what='COCO file')
        if not isinstance(content, dict) or not set(content) >= _KEYS:
            continue
        found += 1
        names = {row['id']: str(row['name']) for row in content['categories']}
        parts: dict[Any, list[dict[str, Any]]] = {}
        for row in content['annotations']:
            parts.setdefault(row['image_id'], []).append(row)
        here = path.relative_to(folder).with_suffix('').as_posix()
        for image in content['images']:
            name = str(image['file_name'])
            # the folder's own pictures first: splits may share names
            near = path.parent / name
            frame = near if near.is_file() else pictures.find(name)
            if frame is None:
                missing.append(name)
                continue
            rows = parts.get(image['id'], [])
            size = (int(image['width']), int(image['height']))
            drawn = [
                (names[row['category_id']], partial(_pixels, row['segmentation']))
                for row in rows
            ]
            items.append(
                Item(
                    name=frame.relative_to(folder).with_suffix('').as_posix(),
                    frame=frame,
                    mask=Shapes(drawn, size) if rows else None,
                    split=split_of(here),
                )
            )
    if not found:
        raise UserError(
            f'{source} holds no COCO file (JSON with {", ".join(sorted(_KEYS))}).'
        )
    refuse(
        missing,
        f'images of the COCO files are not in {folder} (or not once); put them there',
    )
    return Source(items, remarks=[f'{counted(found, "COCO file")} read'])


def _pixels(segmentation: Any, shape: tuple[int, int]) -> np.ndarray:
    """What a COCO segmentation covers, (H, W) bool.

    Raises:
        UserError: If it is neither polygons nor runs of that shape, or needs a package.
    """
    if isinstance(segmentation, list):
        mask = np.zeros(shape, bool)
        for points in segmentation:
            mask |= polygon(list(zip(points[::2], points[1::2], strict=True)), shape)
        return mask
    counts = segmentation['counts']
    if list(segmentation['size']) != list(shape):
        raise UserError(f'runs of {segmentation["size"]} on a picture of {list(shape)}')
    if isinstance(counts, list):
        return runs(counts, shape[::-1], columns_first=True)
    try:
        from pycocotools.mask import decode
    except ModuleNotFoundError:
        raise UserError(
            'compressed RLE needs pycocotools; install it with '
            '`pip install pycocotools`'
        ) from None
    return decode({'size': list(shape), 'counts': counts}).astype(bool)
