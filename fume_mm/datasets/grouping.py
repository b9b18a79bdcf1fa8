"""What was recorded together: the group of each frame, which no splits may share.

A group is a vessel, a run or a recording. The owners' split CSVs name none of them
(``sample_00001_aug_003.png``): there ``original_sample_id`` leads to the row of the
root ``annotations.csv`` whose file is still named after its recording (``MOV0012``).
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.naming import RECORDING_PATTERN, recording_in
from fume_mm.io.tables import CsvTable

#: Columns that name the group; the first that a CSV has counts.
GROUP_COLUMNS = ('vessel_id', 'run_id', 'recording')
#: ``grouped_by`` of a frame of which no recording is known: its group is its original.
BY_FRAME = 'frame'


def add_groups(table: CsvTable, *, pattern: str | None = None) -> None:
    """Add ``group`` and ``grouped_by`` to the rows of an annotation CSV.

    With ``pattern`` the group is what it finds in the names; else the first column of
    :data:`GROUP_COLUMNS`; else the recording that a name holds: that of the original
    in the root ``annotations.csv``, or the frame's own; else ``original_sample_id``.

    Args:
        table: With columns ``frame_path`` and ``original_sample_id``.
        pattern: Regular expression; its groups joined by ``_``, or all of it, name the
            recording.

    Raises:
        UserError: If a group is empty, or the pattern is none or finds nothing in a
            row.
    """
    frame = table.frame
    column = next((name for name in GROUP_COLUMNS if name in frame), None)
    if pattern is None and column is not None:
        table.refuse(
            (frame[column] == '') & (column not in table.absent),
            'frame_path',
            f'{column} is empty',
            'without it the splits cannot be kept apart, so fill it in',
        )
        frame['group'], frame['grouped_by'] = frame[column], column
        return
    found = recordings(frame['frame_path'], pattern or RECORDING_PATTERN)
    originals = _originals(table, pattern or RECORDING_PATTERN)
    ids = frame['original_sample_id'].tolist()
    of_original = pd.Series([originals.get(x, '') for x in ids], dtype=object)
    found = of_original.mask(of_original == '', found)
    if pattern is not None:
        table.refuse(
            found == '',
            'frame_path',
            f'the pattern {pattern!r} finds no recording in the name',
            'widen it',
        )
    unknown = found == ''
    frame['group'] = found.mask(unknown, frame['original_sample_id'])
    frame['grouped_by'] = unknown.map({True: BY_FRAME, False: 'recording'})


def without_groups(annotations: pd.DataFrame) -> pd.DataFrame:
    """Rows as an annotation CSV has them; found recordings become a column."""
    rows = annotations.drop(columns=['group', 'grouped_by'])
    if (annotations['grouped_by'] == 'recording').all():
        rows['recording'] = annotations['group']
    return rows.fillna('')


def by_frame_note(annotations: pd.DataFrame) -> str:
    """What to say where no recording is known of some frames; '' where all are."""
    count = int((annotations['grouped_by'] == BY_FRAME).sum())
    if not count:
        return ''
    return (
        f'SPLIT BY FRAME: no recording is known of {count} of {len(annotations)} '
        f'frames (no column {", ".join(GROUP_COLUMNS)}, no recording in the names): '
        'splits are by frame only, so frames of one recording may be on both sides, '
        'and every result is marked. Add a column recording, or give --group-pattern.'
    )


def recordings(paths: Iterable[str], pattern: str = RECORDING_PATTERN) -> pd.Series:
    """The recording that each path names, in its file or else its folders; '' if none.

    Raises:
        UserError: If the pattern is no regular expression.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise UserError(
            f'group pattern {pattern!r} is no regular expression ({error}); correct it.'
        ) from None
    return pd.Series([recording_in(path, pattern) for path in paths], dtype=object)


def _originals(table: CsvTable, pattern: str) -> dict[str, str]:
    """The recording of each original that a root ``annotations.csv`` lists."""
    folders = dict.fromkeys([table.root, table.path.parent])
    if table.root.resolve().name == 'mmseg_dataset':
        folders[table.root.resolve().parent] = None
    for folder in folders:
        path = Path(folder, 'annotations.csv')
        if not path.is_file():
            continue
        rows = CsvTable(path, root=table.root).frame
        if not {'sample_id', 'frame_path'} <= set(rows):
            continue
        column = next((name for name in GROUP_COLUMNS if name in rows), None)
        names = rows['frame_path'].str.replace('\\', '/', regex=False)
        found = recordings(names, pattern) if column is None else rows[column]
        return dict(zip(rows['sample_id'], found, strict=True))
    return {}
