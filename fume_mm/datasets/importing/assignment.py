"""Which recording, split, pH and class each frame has."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from fume_mm.datasets.grouping import RECORDING_PATTERN, recordings
from fume_mm.datasets.splitting import find_leaks, split_by_group
from fume_mm.errors import UserError
from fume_mm.io.tables import NO_CLASS, CsvTable
from fume_mm.structures import SPLITS
from fume_mm.structures.labels import Labels

from .items import Item, counted, refuse
from .tree import SPLIT_WORDS, nfc, split_of

#: What ``--split`` may be; ``auto`` is the published split if it serves, else groups.
SPLITTING = ('auto', 'official', 'groups', *SPLITS)
#: The number of a frame at the end of its name: after a separator, or of three digits.
_FRAME_NUMBER = re.compile(
    r'(?:[._\s-]*(?:frame|img|image)[._\s-]*|[._\s-]+)\d+$|\d{3,}$'
)
#: What Roboflow appends: ``clip1_0001_png.rf.<hash>``.
_ROBOFLOW = re.compile(r'_(?:png|jpe?g|bmp|tiff?)\.rf\.\w{8,}$')


def add_labels(
    items: Sequence[Item], path: Path | None, ph: float | None
) -> list[Item]:
    """The items with what a CSV says of them, and the pH of all.

    Args:
        items: The frames.
        path: CSV with a column ``stem`` (an item's name) and any of ``ph_value``,
            ``class_name``, ``split`` and ``recording`` (or ``group``).
        ph: pH of every frame that has none.

    Raises:
        UserError: If the CSV names no frame, or one twice, or the pH is no rumen's.
    """
    if path is not None:
        if not path.is_file():
            raise UserError(f'{path} does not exist; name a CSV with a column stem.')
        table = CsvTable(path, ['stem'], root=path.parent)
        frame = table.frame
        frame['stem'] = frame['stem'].map(nfc).str.replace('\\', '/', regex=False)
        table.refuse(
            ~frame['stem'].isin([item.name for item in items])
            | frame['stem'].duplicated(keep=False),
            'stem',
            'stem is of no frame or in more than one row',
            "write a frame's name without the ending once, as in "
            f'{items[0].name if items else "frame_0001"}',
        )
        said = {row['stem']: row for row in frame.to_dict('records')}
        fields = {
            'ph_value': 'ph',
            'class_name': 'class_name',
            'split': 'split',
            'group': 'recording',
            'recording': 'recording',
        }
        columns = {column: name for column, name in fields.items() if column in frame}
        items = [
            replace(
                item,
                **{
                    name: said[item.name][column] or getattr(item, name)
                    for column, name in columns.items()
                    if item.name in said
                },
            )
            for item in items
        ]
        if 'recording' in columns.values():
            refuse(
                [item.name for item in items if not item.recording],
                f'frames have no group in {path}; fill it in',
            )
    if ph is not None:
        items = [replace(item, ph=item.ph or f'{ph:g}') for item in items]
    return list(items)


def health(items: Sequence[Item], labels: Labels) -> pd.DataFrame:
    """``ph_value`` (NaN if unknown), ``class_id`` (-1) and ``class_name`` of each item.

    Raises:
        UserError: If a pH is none or no rumen's, or a class is not one.
    """
    numbers = pd.to_numeric(pd.Series([item.ph for item in items]), errors='coerce')
    refuse(
        [
            f'{item.name} ({item.ph})'
            for item, number in zip(items, numbers, strict=True)
            if item.ph and np.isnan(number)
        ],
        'frames have a ph_value that is not a number; correct it or leave it empty',
    )
    known = numbers.dropna().unique() if labels.ph_limits is not None else ()
    by_ph = {ph: labels.health_class(ph) for ph in known}
    classes = labels.health_classes
    spelled = {name.lower(): i for i, name in enumerate(classes)}
    names = [item.class_name.strip().lower() for item in items]
    refuse(
        [
            f'{i.name} ({i.class_name})'
            for i, name in zip(items, names, strict=True)
            if name not in ('', *spelled)
        ],
        f'frames have a class_name that is none of {", ".join(classes)}',
    )
    ids = [
        spelled[name] if name else by_ph.get(ph, NO_CLASS)
        for name, ph in zip(names, numbers, strict=True)
    ]
    legend = {NO_CLASS: ''} | dict(enumerate(classes))
    return pd.DataFrame(
        {
            'ph_value': numbers.astype(float),
            'class_id': ids,
            'class_name': [legend[class_id] for class_id in ids],
        }
    )


def add_recordings(
    items: Sequence[Item], pattern: str | None
) -> tuple[list[Item], str]:
    """The items with their recordings, and how these were found.

    By ``pattern``; else what the source says; else the known form in the name; else the
    name without the frame's number at its end. Where that gives each frame one of its
    own, no recording is known, and it stays empty.

    Raises:
        UserError: If the pattern is none, or recordings are known of some frames only.
    """
    paths = [_plain_name(item.name) for item in items]
    if pattern is not None:
        found, how = recordings(paths, pattern).tolist(), f'by the pattern {pattern!r}'
        refuse(
            [path for path, name in zip(paths, found, strict=True) if not name],
            f'names give no group by the pattern {pattern!r}; widen it',
        )
    else:
        known = recordings(paths, RECORDING_PATTERN).tolist()
        found = [
            item.recording or name for item, name in zip(items, known, strict=True)
        ]
        how = (
            'as the source says'
            if any(i.recording for i in items)
            else 'by their names'
        )
        if not all(found):
            cut = [name or _cut(path) for name, path in zip(found, paths, strict=True)]
            samples = {item.name for item in items}
            if not any(found) and len(set(cut)) >= len(samples):
                cut = [''] * len(items)
            if any(cut):
                refuse(
                    [path for path, name in zip(paths, cut, strict=True) if not name],
                    'names hold no recording, while others do; give --group-pattern or '
                    'a column recording in --labels',
                )
                how = 'by the names without the number of the frame at their end'
            found = cut
    done = [replace(i, recording=name) for i, name in zip(items, found, strict=True)]
    names = list(dict.fromkeys(found))
    if not any(found):
        return done, (
            'no recording is known: every name is a group of its own. Where frames of '
            'one recording follow each other, give --group-pattern, or results measure '
            'memory'
        )
    shown = ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
    return done, f'{counted(len(names), "recording")}, {how}: {shown}'


def _plain_name(name: str) -> str:
    parts = PurePosixPath(_ROBOFLOW.sub('', name)).parts
    kept = [part for part in parts[:-1] if part.lower() not in SPLIT_WORDS]
    return '/'.join([*kept, *parts[-1:]])


def _cut(path: str) -> str:
    folder, _, name = path.rpartition('/')
    name = _FRAME_NUMBER.sub('', name)
    if name.isdecimal():
        name = ''
    return '/'.join(filter(None, [folder, name]))


def divide(
    rows: pd.DataFrame,
    official: Sequence[str],
    *,
    how: str,
    shares: Sequence[float],
    seed: int,
) -> tuple[dict[str, pd.DataFrame], str]:
    """Rows by split, and how they were divided.

    Args:
        rows: With ``group``, ``class_id`` and ``gas_type``.
        official: The published split of each row, in the source's words; may be empty.
        how: One of :data:`SPLITTING`.
        shares: Of train, val and test, where groups are divided.
        seed: Of that.

    Raises:
        UserError: If there is no published split to keep, or too few groups to divide.
    """
    if how in SPLITS:
        return {how: rows}, f'all in {how}, as asked for'
    known = pd.Series([split_of(word) for word in official], index=rows.index)
    if how == 'official' and (known == '').any():
        raise UserError(
            f'{counted(int((known == "").sum()), "frame")} are in no published split; '
            'leave --split official out.'
        )
    why = ''
    if (known != '').any() and how != 'groups':
        published = {s: rows[known == s].reset_index(drop=True) for s in SPLITS}
        published = {split: part for split, part in published.items() if len(part)}
        leaks = find_leaks(published)
        shared = (
            f'{counted(len(leaks), "group")} of the published split are in several '
            f'parts ({", ".join(list(leaks)[:3])})'
        )
        if how == 'official':
            if not leaks:
                return published, 'as published'
            return published, (
                f'as published, as asked for: {shared}, so results on it measure '
                'memory, and training asks for allow_leakage=True'
            )
        if (known == '').any():
            why = 'not every frame is in a published split'
        elif leaks:
            why = shared
        elif len(published) < len(SPLITS):
            why = f'the published split has only {" and ".join(published)}'
        else:
            return published, 'as published; no recording is in two parts'
    groups = rows['group'].unique()
    if len(groups) < len(SPLITS):
        raise UserError(
            f'all {counted(len(rows), "frame")} are of {counted(len(groups), "group")} '
            f'({", ".join(groups)}), and each of {", ".join(SPLITS)} needs one. '
            'Put them in one split with --split, or say what in the names is the '
            'recording with --group-pattern.'
        )
    parts = split_by_group(rows, shares=shares, seed=seed, balance=['gas_type'])
    said = f'by whole groups, {":".join(f"{share:g}" for share in shares)}, seed {seed}'
    if why:
        said += f', since {why}; --split official keeps the published one'
    return parts, said
