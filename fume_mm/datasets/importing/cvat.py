"""CVAT's exports: "CVAT for images 1.1" (XML) and "Segmentation mask 1.1"."""

from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from fume_mm.errors import UserError

from .folders import read as read_folders
from .items import Item, Options, Shapes, Source, counted, refuse
from .shapes import ellipse, pasted, polygon, rectangle, runs, turned
from .tree import Pictures, files_of, split_of


def read(source: Path, options: Options) -> Source:
    """The XML of a folder (or the one), or else its masks with ``labelmap.txt``.

    An image without shapes has no mask. Points and lines are left out.

    Raises:
        UserError: If there is neither, the XML is of a video, or a frame is missing.
    """
    folder = source if source.is_dir() else source.parent
    files = files_of(folder, '.xml') if source.is_dir() else [source]
    if not files:
        return read_folders(source, options)
    pictures = Pictures(folder / options.frames)
    items, missing, lines = [], [], 0
    for path in files:
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            raise UserError(f'{path}: is no XML ({error}); export again.') from error
        if root.find('track') is not None:
            raise UserError(
                f'{path} is of a video; export the task as "CVAT for images 1.1".'
            )
        for image in root.iter('image'):
            name = image.attrib['name']
            subset = image.attrib.get('subset', '')
            frame = pictures.find(f'{subset}/{name}') or pictures.find(name)
            if frame is None:
                missing.append(name)
                continue
            shapes = [s for s in image if s.tag not in ('tag', 'points', 'polyline')]
            lines += sum(s.tag in ('points', 'polyline') for s in image)
            shapes.sort(key=lambda shape: int(shape.attrib.get('z_order', 0)))
            parts = [(s.attrib['label'], partial(_pixels, s)) for s in shapes]
            size = (int(image.attrib['width']), int(image.attrib['height']))
            items.append(
                Item(
                    name=frame.relative_to(folder).with_suffix('').as_posix(),
                    frame=frame,
                    mask=Shapes(parts, size) if parts else None,
                    split=split_of(subset),
                )
            )
    refuse(
        missing,
        f"images of CVAT's XML are not in {folder} (or not once); put them there",
    )
    if not items:
        raise UserError(f'{source}: the XML lists no image; export it with images.')
    left_out = f'{counted(lines, "shape")} without an area (points, lines) left out'
    return Source(items, remarks=[left_out] if lines else [])


def _pixels(shape: ElementTree.Element, size: tuple[int, int]) -> np.ndarray:
    """The pixels of a shape, (H, W) bool."""
    known = shape.attrib

    def numbers(*keys: str) -> list[float]:
        return [float(known[key]) for key in keys]

    degrees = float(known.get('rotation', 0))
    if shape.tag == 'mask':
        left, top, width, height = numbers('left', 'top', 'width', 'height')
        counts = [int(count) for count in known['rle'].split(',')]
        return pasted(runs(counts, (int(width), int(height))), left, top, size)
    if shape.tag == 'polygon':
        points = [tuple(map(float, p.split(','))) for p in known['points'].split(';')]
        return polygon(points, size)
    if shape.tag == 'box':
        x0, y0, x1, y1 = numbers('xtl', 'ytl', 'xbr', 'ybr')
        middle = (x0 + x1) / 2, (y0 + y1) / 2
        return polygon(turned(rectangle(x0, y0, x1, y1), middle, degrees), size)
    if shape.tag == 'ellipse':
        x, y, rx, ry = numbers('cx', 'cy', 'rx', 'ry')
        return polygon(ellipse(x, y, rx, ry, degrees), size)
    raise UserError(f'a {shape.tag} is no area')
