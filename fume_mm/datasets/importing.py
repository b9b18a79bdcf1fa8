"""From plain folders of frames and masks to the rows of an annotation CSV.

For OGI data of other makers: frames and masks that belong together have the same name
(but for the ending). What is not known (pH, class) stays empty; such rows train masks
only.
"""

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.files import disk_errors
from fume_mm.io.images import IMAGES, image_size, read_mask_values, write_mask
from fume_mm.io.progress import ordered_map
from fume_mm.io.tables import NO_CLASS, CsvTable
from fume_mm.structures import GAS, HEALTH_CLASSES, IGNORE, SEG_CLASSES, health_class

from .annotations import existing_root

#: How the values of masks may be read; ``auto`` decides by the values there are.
MASK_VALUES = ('auto', 'binary', 'classes')
_NAMED = 3


def import_folders(
    root: str | Path,
    *,
    gases: Sequence[str],
    frames: str,
    masks: str,
    ph: float | None = None,
    labels: str | Path | None = None,
    group_pattern: str | None = None,
    mask_values: str = 'auto',
    ignore_value: int | None = None,
    copy_to: str | Path | None = None,
    workers: int | None = None,
) -> tuple[pd.DataFrame, dict[int, int]]:
    """Describe a campaign of plain folders; write class masks where theirs are others.

    Frames are used where they lie. Masks that are class ids already (one channel, 0
    background, 1 tube, 2 gas, 255 unlabelled) are too; others are written anew to
    ``imported_masks/{gas}/``.

    Args:
        root: The folder that holds them.
        gases: The gases there are.
        frames: Folder of the frames below ``root``; ``{gas}`` stands for the gas.
        masks: The same of the masks.
        ph: pH of all frames.
        labels: CSV with a column ``stem`` (a frame's path below its folder, without the
            ending), and ``ph_value`` or ``group`` or both.
        group_pattern: Regular expression found in the stem; its groups, or all of it,
            name the vessel or run.
        mask_values: ``binary`` (0, and 1 or 255 for gas), ``classes`` or ``auto``:
            binary if no mask has a 2.
        ignore_value: Value of unlabelled pixels in the masks; they become 255.
        copy_to: Data root to copy frames and masks to.
        workers: Threads; None is a few more than processors.

    Returns:
        Rows as :func:`~fume_mm.datasets.annotations.read_annotations` gives them, paths
        relative to ``copy_to`` or ``root``; and what each mask value became.

    Raises:
        UserError: On wrong arguments, and naming files that do not fit together, do not
            read or hold other values.
    """
    root = existing_root(root)
    if len(gases) > 1 and not all('{gas}' in folder for folder in (frames, masks)):
        raise UserError(
            f'{frames} and {masks} must hold {{gas}} where there are several gases, so '
            'that each has folders of its own.'
        )
    if ignore_value is not None and not 0 < ignore_value <= 255:
        raise UserError(f'ignore value {ignore_value} is not in 1..255; correct it.')
    found: dict[tuple[str, str], tuple[Path, Path]] = {}
    for gas in gases:
        pair = _match(root / frames.format(gas=gas), root / masks.format(gas=gas))
        found |= {(gas, stem): files for stem, files in pair.items()}
    stems = sorted({stem for _, stem in found})
    ph_of, group_of = _labels(stems, ph, labels, group_pattern)

    scanned = list(ordered_map(_scan, found.values(), workers, frames=len(found)))
    _refuse([text for text, *_ in scanned if text], 'files do not fit or read')
    values = set().union(*(values for _, values, _ in scanned))
    coding = mask_coding(values, mask_values, ignore_value)
    as_they_are = all(value == code for value, code in coding.items())
    target = root if copy_to is None else Path(copy_to)
    paths = {}
    for ((gas, stem), files), (_, _, is_png) in zip(
        found.items(), scanned, strict=True
    ):
        frame, mask = files
        if copy_to is not None:
            frame = target / 'frames' / gas / f'{stem}{frame.suffix}'
            mask = target / 'masks' / gas / f'{stem}.png'
        elif not (is_png and as_they_are):
            mask = target / 'imported_masks' / gas / f'{stem}.png'
        paths[gas, stem] = (frame, mask)
    written = [(found[key], to) for key, to in paths.items() if to != found[key]]
    for _ in ordered_map(
        lambda pair: _write(*pair, coding=coding), written, workers, frames=len(written)
    ):
        pass
    rows = [
        {
            'frame_path': frame.relative_to(target).as_posix(),
            'mask_path': mask.relative_to(target).as_posix(),
            'gas_type': gas,
            'ph_value': ph_of.get(stem, np.nan),
            'original_sample_id': stem,
            'augmentation_id': '0',
            'vessel_id': group_of.get(stem, stem),
        }
        for (gas, stem), (frame, mask) in paths.items()
    ]
    table = pd.DataFrame(rows)
    classes = [
        NO_CLASS if np.isnan(ph) else health_class(ph) for ph in table['ph_value']
    ]
    table.insert(4, 'class_id', classes)
    names = {NO_CLASS: ''} | dict(enumerate(HEALTH_CLASSES))
    table.insert(5, 'class_name', [names[class_id] for class_id in classes])
    table['group'] = table['vessel_id']
    return table if group_of else table.drop(columns='vessel_id'), coding


def mask_coding(
    values: Iterable[int], how: str = 'auto', ignore_value: int | None = None
) -> dict[int, int]:
    """The class id (or 255) of each value of the masks.

    Args:
        values: All values that occur.
        how: One of :data:`MASK_VALUES`.
        ignore_value: The value of unlabelled pixels.

    Raises:
        UserError: If the values are not those of ``how``.
    """
    found = sorted(set(values) - {ignore_value})
    ignored = {} if ignore_value is None else {ignore_value: IGNORE}
    classes = set(found) <= set(range(len(SEG_CLASSES)))
    if classes and (how == 'classes' or (how == 'auto' and GAS in found)):
        return {value: value for value in found} | ignored
    if how != 'classes' and (set(found) <= {0, 1} or set(found) <= {0, 255}):
        return {value: GAS if value else 0 for value in found} | ignored
    named = ', '.join(map(str, found[:8])) + (', ...' if len(found) > 8 else '')
    raise UserError(
        f'the masks have the values {named}; they must be 0 and 1, or 0 and 255 (gas), '
        'or 0, 1 and 2 (background, tube, gas). Name the value of unlabelled pixels '
        'with --ignore-value; save masks without loss (PNG), not as JPEG.'
    )


def _match(frames: Path, masks: Path) -> dict[str, tuple[Path, Path]]:
    """Frame and mask by stem."""
    by_stem = []
    for folder in (frames, masks):
        if not folder.is_dir():
            raise UserError(f'{folder} does not exist; name the folder it should be.')
        files = sorted(p for p in folder.rglob('*') if p.suffix.lower() in IMAGES)
        stems = [p.relative_to(folder).with_suffix('').as_posix() for p in files]
        _refuse(
            [
                f'{folder / stem}'
                for stem, number in Counter(stems).items()
                if number > 1
            ],
            'names are shared by files of different endings; keep one of each',
        )
        by_stem.append(dict(zip(stems, files, strict=True)))
    if not by_stem[0]:
        raise UserError(f'{frames} holds no image ({", ".join(IMAGES)}).')
    pictures, drawn = by_stem
    _refuse(
        [
            str(pictures.get(stem) or drawn[stem])
            for stem in [*pictures, *drawn]
            if not (stem in pictures and stem in drawn)
        ],
        f'files have no partner of their name in {frames} or {masks}; rename or move '
        'them',
    )
    return {stem: (path, drawn[stem]) for stem, path in pictures.items()}


def _refuse(names: Sequence[str], problem: str) -> None:
    if names:
        more = f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''
        raise UserError(f'{len(names)} {problem}: {"; ".join(names[:_NAMED])}{more}.')


def _labels(
    stems: Sequence[str],
    ph: float | None,
    labels: str | Path | None,
    group_pattern: str | None,
) -> tuple[Mapping[str, float], Mapping[str, str]]:
    """The pH and the group of the stems that have one."""
    ph_of = {} if ph is None else dict.fromkeys(stems, ph)
    group_of: dict[str, str] = {}
    if labels is not None:
        path = Path(labels)
        if not path.is_file():
            raise UserError(f'{path} does not exist; name a CSV with a column stem.')
        table = CsvTable(path, ['stem'], root=path.parent)
        frame = table.frame
        table.refuse(
            ~frame['stem'].isin(stems) | frame['stem'].duplicated(keep=False),
            'stem',
            'stem is of no frame or in more than one row',
            "write a frame's path below its folder, without the ending, once",
        )
        if 'ph_value' in frame and ph is None:
            number = pd.to_numeric(frame['ph_value'], errors='coerce')
            table.refuse(
                number.isna() & (frame['ph_value'] != ''),
                'ph_value',
                'ph_value is not a number',
                'correct it or leave it empty',
            )
            ph_of = dict(zip(frame['stem'], number, strict=True))
        if 'group' in frame:
            group_of = dict.fromkeys(stems, '')
            group_of |= dict(zip(frame['stem'], frame['group'], strict=True))
    for value in {ph for ph in ph_of.values() if not np.isnan(ph)}:
        health_class(value)  # refuses what is no rumen's
    if group_pattern is not None:
        try:
            matches = {stem: re.search(group_pattern, stem) for stem in stems}
        except re.error as error:
            raise UserError(
                f'group pattern {group_pattern!r} is no regular expression ({error}); '
                'correct it.'
            ) from None
        group_of = {
            stem: '_'.join(match.groups(default='')) or match[0]
            for stem, match in matches.items()
            if match
        }
        _refuse(
            [stem for stem in stems if not group_of.get(stem)],
            f'names give no group by the pattern {group_pattern!r}; widen it',
        )
    _refuse(
        [stem for stem in stems if group_of and not group_of[stem]],
        f'frames have no group in {labels}; fill it in',
    )
    return ph_of, group_of


def _scan(files: tuple[Path, Path]) -> tuple[str, set[int], bool]:
    """What is wrong, the mask's values, and whether it is a PNG."""
    frame, path = files
    try:
        size = image_size(frame)
        mask = read_mask_values(path)
    except UserError as error:
        return str(error).removesuffix('.'), set(), False
    if mask.shape[::-1] != size:
        sizes = f'{size[0]}x{size[1]}, its mask {mask.shape[1]}x{mask.shape[0]}'
        return f'{frame} is {sizes}', set(), False
    values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    return '', set(values.tolist()), path.suffix.lower() == '.png'


def _write(
    files: tuple[Path, Path], targets: tuple[Path, Path], *, coding: Mapping[int, int]
) -> None:
    """Copy the frame and write the class mask, where they are not in place."""
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    if targets[0] != files[0]:
        shutil.copyfile(files[0], targets[0])
    if targets[1] == files[1]:
        return
    table = np.zeros(256, np.uint8)
    table[list(coding)] = list(coding.values())
    with disk_errors(targets[1].parent):
        write_mask(targets[1], table[read_mask_values(files[1])])
