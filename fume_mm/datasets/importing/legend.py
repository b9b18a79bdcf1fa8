"""What the values, colours and names in other people's masks mean here."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.tables import CsvTable, read_text
from fume_mm.structures import BACKGROUND, IGNORE
from fume_mm.structures.labels import FUME_LABELS, GAS_NAME, Labels

from .items import Value

#: How classes are called elsewhere, in lower case.
_ALIASES = {
    '_background_': 'background',
    'plume': GAS_NAME,
    'ch4': GAS_NAME,
    'co2': GAS_NAME,
    'methane': GAS_NAME,
    'ignore': 'unlabelled',
    '__ignore__': 'unlabelled',
    'unlabeled': 'unlabelled',
    'unsure': 'unlabelled',
}
#: The first colours of PASCAL VOC's palette, which labelme and others write.
_VOC = ((0, 0, 0), (128, 0, 0), (0, 128, 0))
_MOST = 256


def class_ids(labels: Labels) -> dict[str, int]:
    """Mask values by the names of the campaign's classes, in lower case."""
    names = {name.lower(): i for i, name in enumerate(labels.seg_classes)}
    return {'background': BACKGROUND, **names, 'unlabelled': IGNORE}


def parse_mask_map(
    entries: Sequence[str], labels: Labels = FUME_LABELS
) -> dict[Value, int]:
    """``127=tube``, ``250,50,83=tube``, ``plume=gas`` as class ids by value.

    Raises:
        UserError: On another form, or a class that the campaign has not.
    """
    coding: dict[Value, int] = {}
    classes = class_ids(labels)
    ids = {str(i): i for i in classes.values()} | classes
    for entry in entries:
        key, equals, name = entry.rpartition('=')
        if not equals or name.strip().lower() not in ids:
            raise UserError(
                f'--mask-map {entry}: write VALUE=CLASS, a gray value, a colour as '
                f'R,G,B or a label, and one of {", ".join(classes)}: 127=gas.'
            )
        coding[_value(key.strip())] = ids[name.strip().lower()]
    return coding


def _value(text: str) -> Value:
    parts = [part.strip() for part in text.split(',')]
    if not all(part.isdecimal() and int(part) < 256 for part in parts):
        return text.lower()
    return _plain(tuple(map(int, parts))) if len(parts) == 3 else int(parts[0])


def _plain(colour: tuple[int, ...]) -> Value:
    """A colour; a gray one as its value, which is how it is read."""
    red, green, blue = colour
    return red if red == green == blue else (red, green, blue)


def read_legend(folder: Path) -> dict[Value, str]:
    """Names by value or colour, from the legend that a tool has put beside the masks.

    CVAT's ``labelmap.txt``, labelme's ``class_names.txt``, Roboflow's ``_classes.csv``.

    Raises:
        UserError: If it cannot be read.
    """
    if (path := folder / 'labelmap.txt').is_file():
        rows = [line.split(':') for line in read_text(path).splitlines()]
        rows = [row for row in rows if len(row) > 1 and not row[0].startswith('#')]
        values = [(_value(row[1]), row[0]) for row in rows]
        if bad := [name for value, name in values if isinstance(value, str)]:
            raise UserError(f'{path}: {bad[0]} has no colour R,G,B; export it again.')
        return {value: name.strip() for value, name in values}
    if (path := folder / 'class_names.txt').is_file():
        names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
        return dict(enumerate(name for name in names if name != '__ignore__'))
    found = sorted(folder.rglob('_classes.csv'))
    legend: dict[Value, str] = {}
    for path in found:
        table = CsvTable(path, root=path.parent)
        rows = table.frame.iloc[:, :2].to_numpy().tolist()
        legend |= {_value(value): name for value, name in rows}
    return legend


def mask_coding(
    values: Iterable[Value],
    given: Mapping[Value, int],
    names: Mapping[Value, str],
    labels: Labels = FUME_LABELS,
) -> dict[Value, int]:
    """The class id (or 255) of each value that masks have.

    What is given counts first, then a name; then, of values without names, what they
    must mean: 0 and 1 or 255 background and gas; the classes' own ids (and 255) the
    classes; 0, 127 or 128, 255 background, tube and gas; two colours, one of them
    black, background and gas; the colours of VOC's palette or of the campaign's the
    classes.

    Raises:
        UserError: If some mean nothing, naming them and the way out.
    """
    found = set(values)
    classes = class_ids(labels)
    coding: dict[Value, int] = {}
    for value in found:
        name = (value if isinstance(value, str) else names.get(value, '')).lower()
        for key in (value, name):
            if key in given:
                coding[value] = given[key]
                break
        else:
            if (called := _ALIASES.get(name, name)) in classes:
                coding[value] = classes[called]
    if given and 0 in found:
        coding.setdefault(0, BACKGROUND)
    unknown = found - set(coding)
    if unknown and not given and not names:
        coding |= _inferred(found, labels)
        unknown = found - set(coding)
    if unknown:
        named = sorted(unknown - {0} or unknown, key=_order)
        shown = [
            value_text(v) + (f' ({names[v]})' if v in names else '') for v in named
        ]
        more = f' and {len(shown) - 8} more' if len(shown) > 8 else ''
        raise UserError(
            f'masks hold {", ".join(shown[:8])}{more}, and nothing says of which '
            'class; say it with --mask-map, as in `--mask-map '
            f'{value_text(named[-1])}=gas` (classes: {", ".join(classes)}). Masks that '
            'were saved with loss hold stray values: save them as PNG.'
        )
    return {value: coding[value] for value in sorted(found, key=_order)}


def _inferred(found: set[Value], labels: Labels) -> dict[Value, int]:
    gas, tube = labels.gas, labels.tube
    ids = range(len(labels.seg_classes))
    if found <= {0, 1} or found <= {0, 255}:
        return {value: gas if value else BACKGROUND for value in found}
    if found <= {*ids, IGNORE} and gas in found:
        return {i: i for i in (*ids, IGNORE)}
    for middle in (127, 128):
        if found <= {0, middle, 255} and tube is not None:
            return {0: BACKGROUND, middle: tube, 255: gas}
    for palette in (_VOC[: len(ids)], labels.seg_palette):
        known = {_plain(colour): i for i, colour in enumerate(palette)}
        if found <= set(known):
            return known
    if len(found) == 2 and 0 in found:
        (colour,) = found - {0}
        if not isinstance(colour, (int, str)):
            return {0: BACKGROUND, colour: gas}
    return {}


def _order(value: Value) -> tuple[int, Value]:
    """Values, then colours, then labels."""
    return (int, tuple, str).index(type(value)), value


def value_text(value: Value) -> str:
    """A value as users write it."""
    return ','.join(map(str, value)) if isinstance(value, tuple) else str(value)


def mask_values(mask: np.ndarray) -> set[Value]:
    """The values of a mask: (H, W) uint8 gray, or (H, W, 3) uint8 RGB.

    Raises:
        UserError: If it has more colours than a mask may.
    """
    if mask.ndim == 2:
        return set(np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist())
    codes = pd.unique(_codes(mask).ravel())
    if len(codes) > _MOST:
        raise UserError(f'has {len(codes)} colours, so it is a picture and no mask')
    return {
        _plain((code >> 16, code >> 8 & 255, code & 255)) for code in codes.tolist()
    }


def to_classes(mask: np.ndarray, coding: Mapping[Value, int]) -> np.ndarray:
    """The class ids of a mask whose values are all in ``coding``, (H, W) uint8."""
    if mask.ndim == 2:
        table = np.zeros(256, np.uint8)
        for value, code in coding.items():
            if isinstance(value, int):
                table[value] = code
        return table[mask]
    pixels = _codes(mask)
    classes = np.zeros(pixels.shape, np.uint8)
    for value, code in coding.items():
        if not isinstance(value, str):
            red, green, blue = (value,) * 3 if isinstance(value, int) else value
            classes[pixels == (red << 16 | green << 8 | blue)] = code
    return classes


def _codes(mask: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(mask.astype(np.int32), 2, 0)
    return red << 16 | green << 8 | blue


def two_levels(mask: np.ndarray) -> np.ndarray:
    """A mask of 0 and 255 that was saved with loss, as JPEG, without its stray values.

    Raises:
        UserError: If it was none: of colours, without white, or with much in between.
    """
    if mask.ndim == 3:
        raise UserError('is a JPEG in colour, whose values cannot be told any more')
    if 16 < mask.max() < 128 or ((mask > 64) & (mask < 192)).mean() > 0.1:
        raise UserError(
            'is a JPEG of other levels than 0 and 255, which lose their values'
        )
    return np.where(mask > 127, 255, 0).astype(np.uint8)
