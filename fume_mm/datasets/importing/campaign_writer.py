"""The one writer of imported campaigns: checks, then masks, frames and CSVs.

Nothing is written before all frames and masks were looked at.
"""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.files import disk_errors, make_folder, write_whole
from fume_mm.io.images import (
    decode_mask,
    decode_size,
    image_size,
    orientation,
    write_mask,
)
from fume_mm.io.label_file import read_labels
from fume_mm.io.progress import ordered_map
from fume_mm.io.tables import write_table
from fume_mm.structures import ANNOTATION_COLUMNS, SPLITS
from fume_mm.structures.labels import Labels

from .assignment import add_labels, add_recordings, divide, health
from .items import Encoded, Item, Shapes, Source, Value, counted, refuse
from .legend import (
    class_ids,
    mask_coding,
    mask_values,
    to_classes,
    two_levels,
    value_text,
)
from .tree import nfc, with_gas

#: What a frame without a mask may mean.
MISSING_MASK = ('background', 'skip', 'error')
_FORBIDDEN = str.maketrans(dict.fromkeys('\\:*?"<>|\0', '_'))
#: What a reader does to a picture of that orientation in EXIF, where that swaps sides.
_TURNS = {
    5: lambda mask: mask.swapaxes(0, 1),
    6: lambda mask: np.rot90(mask, -1),
    7: lambda mask: np.rot90(mask, 2).swapaxes(0, 1),
    8: lambda mask: np.rot90(mask),
}


@dataclass(frozen=True)
class _Seen:
    """What is known of an item once its files were read."""

    problem: str = ''
    size: tuple[int, int] = (0, 0)
    values: frozenset[Value] = frozenset()
    as_it_is: bool = False
    jpeg: bool = False
    turned: bool = False
    upright: bool = True


def write_campaign(
    source: Source,
    out: Path,
    *,
    gases: Sequence[str],
    mask_map: Mapping[Value, int] | None = None,
    missing_mask: str | None = None,
    ph: float | None = None,
    labels: Path | None = None,
    group_pattern: str | None = None,
    split: str = 'auto',
    shares: Sequence[float] = (70, 15, 15),
    seed: int = 42,
    link: bool = False,
    force: bool = False,
) -> list[str]:
    """Write what a format has found as a campaign.

    Frames below ``out`` stay where they are, and so do masks there that are right
    already; other frames are copied to ``frames/``, masks written to ``masks/`` (to
    ``imported_masks/`` beside frames that stay).

    Args:
        source: The frames.
        out: Data root, made if need be. A ``labels.json`` there says what the classes
            are.
        gases: The gases there are; of several, names must tell them.
        mask_map: Class ids of the masks' values; see :func:`.legend.mask_coding`.
        missing_mask: One of :data:`MISSING_MASK`; None is the format's own rule.
        ph: pH of the frames of which none is known.
        labels: See :func:`.assignment.add_labels`.
        group_pattern: See :func:`.assignment.add_recordings`.
        split: One of :data:`.assignment.SPLITTING`.
        shares: Of train, val and test.
        seed: Of the split.
        link: Make symbolic links to the frames in place of copies.
        force: Replace annotation CSVs that are there.

    Returns:
        Lines that say what was made of what.

    Raises:
        UserError: Naming the files that do not fit, once for all of a kind.
    """
    classes = read_labels(out)
    remarks = list(source.remarks)
    items = with_gas(source.items, gases)
    items = [replace(item, name=_safe(item.name)) for item in items]
    keys = Counter((item.gas, item.name.casefold()) for item in items)
    refuse(
        [i.name for i in items if keys[i.gas, i.name.casefold()] > 1],
        'frames share a name (but for the ending, or capitals); rename them',
    )
    items = add_labels(items, labels, ph)
    items = _without_masks(items, missing_mask, source.missing_mask, remarks)
    if not items:
        raise UserError('no frame is left to import; check the source and the options.')

    given = dict(mask_map or {})
    colours = any(isinstance(v, tuple) for v in [*given, *source.legend])
    seen = list(
        ordered_map(lambda item: _look(item, colours), items, frames=len(items))
    )
    refuse([s.problem for s in seen if s.problem], 'files do not fit or read')
    values = frozenset[Value]().union(*(s.values for s in seen))
    coding = mask_coding(values, given, source.legend, classes)
    remarks += _remarks(seen, coding, given, source.legend, classes)

    items, recordings = add_recordings(items, group_pattern)
    same = all(value == code for value, code in coding.items())
    paths = [_targets(i, s, out, same) for i, s in zip(items, seen, strict=True)]
    rows = _rows(items, paths, out, classes)
    official = [item.split for item in items]
    if any(official):
        rows.insert(len(rows.columns) - 1, 'official_split', official)
    parts, divided = divide(rows, official, how=split, shares=shares, seed=seed)
    csvs = {name: out / f'{name}_annotations.csv' for name in SPLITS}
    there = [str(path) for path in csvs.values() if path.exists()]
    if there and not force:
        raise UserError(f'{", ".join(there)} would be replaced; add --force for that.')

    make_folder(out)

    def write(job: tuple[Item, _Seen, tuple[Path, Path]]) -> None:
        with disk_errors(out):
            _write(*job, coding=coding, labels=classes, colours=colours, link=link)

    jobs = zip(items, seen, paths, strict=True)
    for _ in ordered_map(write, jobs, frames=len(items)):
        pass
    with disk_errors(out):
        for path in csvs.values():
            path.unlink(missing_ok=True)  # of an earlier import, with --force
        for name, part in parts.items():
            write_table(part.drop(columns='group'), csvs[name])
    return [
        *(
            f'{csvs[name]}: {counted(len(part), "frame")}, '
            f'{counted(part["group"].nunique(), "group")}'
            for name, part in parts.items()
        ),
        *remarks,
        recordings,
        f'split: {divided}',
        *_unlabelled(rows),
    ]


def _safe(name: str) -> str:
    """A name as a path below a folder, on any system."""
    parts = PurePosixPath(nfc(name).replace('\\', '/')).parts
    parts = tuple(part for part in parts if part not in ('/', '.', '..'))
    return '/'.join(part.translate(_FORBIDDEN) for part in parts) or 'frame'


def _without_masks(
    items: list[Item], asked: str | None, usual: str, remarks: list[str]
) -> list[Item]:
    missing = [item.name for item in items if item.mask is None]
    rule = asked or usual
    if rule == 'error':
        refuse(
            missing,
            f'of {counted(len(items), "frame")} have no mask; say what that means with '
            '--missing-mask background (no gas) or --missing-mask skip (not judged)',
        )
    elif missing:
        means = 'left out' if rule == 'skip' else 'background alone'
        remarks.append(f'{counted(len(missing), "frame")} without a mask: {means}')
    return [i for i in items if i.mask is not None or rule == 'background']


def _load(picture: Encoded, name: str) -> bytes:
    if not isinstance(picture, Path):
        return picture()
    try:
        return picture.read_bytes()
    except OSError as error:
        raise UserError(f'{picture}: cannot be read ({error.strerror})') from error


def _called(picture: Encoded, item: Item) -> str:
    return str(picture) if isinstance(picture, Path) else item.name


def _look(item: Item, colours: bool) -> _Seen:
    """Decode what is needed to know that an item is sound."""
    try:
        upright = True
        if isinstance(item.frame, Path):
            size = image_size(item.frame)
            if item.ending.lower() != '.png':
                upright = orientation(item.frame) == 1
        else:
            size = decode_size(item.frame(), item.name)
        mask, jpeg, turned, plain = _raw(item, size, colours, {})
    except UserError as error:
        return _Seen(problem=str(error).removesuffix('.'))
    values: set[Value] = set()
    if isinstance(item.mask, Shapes):
        values = {label.lower() for label, _ in item.mask.parts}
    elif item.mask is not None:
        values = mask_values(mask)
    return _Seen('', size, frozenset(values), plain, jpeg, turned, upright)


def _raw(
    item: Item, size: tuple[int, int], colours: bool, coding: Mapping[Value, int]
) -> tuple[np.ndarray, bool, bool, bool]:
    """A mask's values (of shapes: class ids) at the size of the frame.

    And whether it is a JPEG, was turned, and is a file that may stay as it is.
    """
    shape = size[::-1]
    if item.mask is None:
        return np.zeros(shape, np.uint8), False, False, False
    name = _called(item.frame, item)
    jpeg = plain = False
    if isinstance(item.mask, Shapes):
        drawn = item.mask.size or size
        paint = shape if drawn == size else drawn[::-1]
        mask = np.zeros(paint, np.uint8)
        for label, pixels in item.mask.parts:
            try:
                mask[pixels((paint[0], paint[1]))] = coding.get(label.lower(), 0)
            except UserError as error:
                raise UserError(f'{name}, {label}: {error}') from error
            except (IndexError, KeyError, TypeError, ValueError) as error:
                raise UserError(f'{name}, {label}: is no shape ({error!r})') from error
    else:
        called = _called(item.mask, item)
        data = _load(item.mask, called)
        mask = decode_mask(data, called, palette_colours=colours)
        jpeg = data.startswith(b'\xff\xd8')
        plain = mask.ndim == 2 and called.lower().endswith('.png') and not colours
        try:
            if jpeg:
                mask = two_levels(mask)
            mask_values(mask)
        except UserError as error:
            raise UserError(f'{called} {error}') from error
    found = mask.shape[1::-1]
    if found == size:
        return mask, jpeg, False, plain and isinstance(item.mask, Path)
    turn = None
    if found == shape:
        frame = item.frame if isinstance(item.frame, Path) else item.frame()
        turn = _TURNS.get(orientation(frame))
    if turn is None:
        raise UserError(
            f'{name} is {size[0]}x{size[1]}, its mask {found[0]}x{found[1]}'
        )
    return np.ascontiguousarray(turn(mask)), jpeg, True, False


def _targets(item: Item, seen: _Seen, out: Path, same: bool) -> tuple[Path, Path]:
    """Where the frame and the mask of an item will be."""
    frame = out / 'frames' / item.gas / f'{item.name}{item.ending}'
    folder = 'masks'
    if isinstance(item.frame, Path) and out.resolve() in _absolute(item.frame).parents:
        frame, folder = item.frame, 'imported_masks'
        if seen.as_it_is and same and isinstance(item.mask, Path):
            return frame, item.mask
    return frame, out / folder / item.gas / f'{item.name}.png'


def _absolute(path: Path) -> Path:
    """The path with its folder resolved: a link itself stays one."""
    return path.parent.resolve() / path.name


def _write(
    item: Item,
    seen: _Seen,
    targets: tuple[Path, Path],
    *,
    coding: Mapping[Value, int],
    labels: Labels,
    colours: bool,
    link: bool,
) -> None:
    frame, mask = targets
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(item.frame, Path):
        with write_whole(frame) as part:
            part.write_bytes(item.frame())
    elif frame != item.frame:
        if link:
            frame.unlink(missing_ok=True)
            try:
                frame.symlink_to(item.frame.resolve())
            except OSError as error:
                raise UserError(
                    f'{frame}: no link can be made here ({error.strerror}); leave '
                    '--link out.'
                ) from error
        else:
            with write_whole(frame) as part:
                shutil.copyfile(item.frame, part)
    if mask != item.mask:
        values, *_ = _raw(item, seen.size, colours, coding)
        drawn = item.mask is None or isinstance(item.mask, Shapes)
        ids = values if drawn else to_classes(values, coding)
        write_mask(mask, ids, labels.seg_palette)


def _rows(
    items: Sequence[Item],
    paths: Sequence[tuple[Path, Path]],
    out: Path,
    labels: Labels,
) -> pd.DataFrame:
    base = out.resolve()

    def below(path: Path) -> str:
        return _absolute(path).relative_to(base).as_posix()

    known = any(item.recording for item in items)
    table = pd.DataFrame(
        {
            'frame_path': [below(frame) for frame, _ in paths],
            'mask_path': [below(mask) for _, mask in paths],
            'gas_type': [item.gas for item in items],
            'original_sample_id': [item.name for item in items],
            'augmentation_id': '0',
        }
    )
    table = pd.concat([table, health(items, labels)], axis=1)[list(ANNOTATION_COLUMNS)]
    if known:
        table['recording'] = [item.recording for item in items]
    for column in dict.fromkeys(key for item in items for key in item.extra):
        table[column] = [item.extra.get(column, '') for item in items]
    table['group'] = table['recording' if known else 'original_sample_id']
    return table


def _remarks(
    seen: Sequence[_Seen],
    coding: Mapping[Value, int],
    given: Mapping[Value, int],
    names: Mapping[Value, str],
    labels: Labels,
) -> list[str]:
    legend = {code: name for name, code in class_ids(labels).items()}
    text = ', '.join(f'{value_text(v)} is {legend[code]}' for v, code in coding.items())
    source = 'as given' if given else 'by the legend' if names else 'inferred'
    if any(isinstance(value, str) for value in coding) and not given:
        source = 'by their names'
    lines = [f'mask values: {text} ({source})'] if coding else []
    used = {*coding, *(names[v].lower() for v in coding if v in names)}
    if unused := [value_text(value) for value in given if value not in used]:
        lines.append(f'no mask holds {", ".join(unused)} of --mask-map')
    if number := sum(s.jpeg for s in seen):
        lines.append(
            f'{counted(number, "mask")} in JPEG, whose values stray: 128 and more is '
            '255, less is 0'
        )
    if number := sum(s.turned for s in seen):
        lines.append(
            f'{counted(number, "mask")} drawn on the picture as it is stored are '
            "turned as the frame's EXIF says"
        )
    if number := sum(not s.upright and not s.turned for s in seen):
        lines.append(
            f'{counted(number, "frame")} turned by EXIF: their masks are taken as '
            'drawn on the picture as it is shown'
        )
    return lines


def _unlabelled(rows: pd.DataFrame) -> list[str]:
    if number := int((rows['class_id'] < 0).sum()):
        return [f'{counted(number, "frame")} have no pH: they serve segmentation only']
    return []
