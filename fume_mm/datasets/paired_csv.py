"""The CSVs of samples, ``paired_{split}_annotations.csv``: their columns and reader."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.naming import sample_names
from fume_mm.io.tables import CsvTable, repeated
from fume_mm.structures import GASES, HEALTH_COLUMNS

from .annotations import existing_root, read_annotations
from .frame_limits import check_limits
from .grouping import BY_FRAME

#: The owners' columns of a paired CSV.
PAIRED_COLUMNS = (
    *('co2_frame', 'co2_mask', 'ch4_frame', 'ch4_mask', *HEALTH_COLUMNS),
    *('is_paired', 'missing_modality'),
)
#: What :func:`~.pairing.pair_gases` adds to them.
EXTRA_COLUMNS = ('sample_id', 'co2_group', 'ch4_group', 'grouped_by', 'pairing')

#: What :func:`.frame_limits.add_limits` adds.
LIMITS = ('co2_limits', 'ch4_limits')
_PAIR = 'python tools/dataset_converters/pair_gases.py'
_TRUTH = {
    **dict.fromkeys(('true', '1', '1.0', 'yes'), True),
    **dict.fromkeys(('false', '0', '0.0', 'no'), False),
}
#: In the column ``pairing``, of a frame that is in another pair, too.
REUSED = ' (used again)'


def read_paired(
    path: str | Path,
    *,
    root: str | Path | None = None,
    check_files: bool = True,
    require_groups: bool = True,
    labelled: bool = True,
) -> pd.DataFrame:
    """Read and validate one ``paired_{split}_annotations.csv``.

    The owners' paired CSVs lack :data:`EXTRA_COLUMNS`: their groups are looked up by
    frame in the neighbouring ``{split}_annotations.csv``, and samples are named after
    their frames (:func:`~fume_mm.io.naming.sample_names`).

    Args:
        path: The CSV, columns :data:`PAIRED_COLUMNS`.
        root: The folder its paths are relative to; by default the CSV's own.
        check_files: As for :func:`~fume_mm.datasets.annotations.read_annotations`.
        require_groups: Whether groups that cannot be found are an error; otherwise
            they are empty, and leaks between splits cannot be seen.
        labelled: False for frames to be looked at only: the CSV needs one of the
            columns ``co2_frame``, ``ch4_frame`` (or ``co2``, ``ch4``) and may have
            ``sample_id`` (or ``name``); paths may also be absolute or climb.

    Returns:
        One row per sample in the CSV's order, as :func:`~.pairing.pair_gases` gives it
        (``is_paired`` bool, missing fields ''), and ``groups``: a tuple of the distinct
        groups of its frames. If not ``labelled``, the columns ``sample_id``,
        ``co2_frame``, ``ch4_frame`` and ``line``, the line in the CSV.

    Raises:
        UserError: On a missing file or any invalid row.
    """
    path = Path(path)
    root = path.parent if root is None else Path(root)
    if not labelled:
        return _read_frames(path, root, check_files)
    existing_root(root)
    if not path.is_file():
        elsewhere = '' if path.parent == root else f' --annotations {path.parent}'
        raise UserError(
            f'{path} does not exist; pair the frames of the campaign with '
            f'`{_PAIR} {root}{elsewhere}`.'
        )
    table = CsvTable(path, PAIRED_COLUMNS, root=root)
    parse_paired(table)
    frame = table.frame
    if check_files:
        for gas in GASES:
            table.check_files(f'{gas}_frame', f'{gas}_mask')

    if 'sample_id' in frame:
        table.refuse(
            (frame['sample_id'] == '') | repeated(frame['sample_id']),
            'sample_id',
            'sample_id is empty or in more than one row',
            f'pair again with `{_PAIR} {root}`',
        )
    else:
        frame['sample_id'] = names_of(frame)
    _find_groups(table, required=require_groups)

    @functools.cache  # rows of the same groups share a tuple
    def distinct(*groups: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group for group in groups if group))

    columns = [frame[f'{gas}_group'].tolist() for gas in GASES]
    frame['groups'] = list(map(distinct, *columns))
    return frame


def _read_frames(path: Path, root: Path, check_files: bool) -> pd.DataFrame:
    """:func:`read_paired` of a CSV that need not be labelled."""
    if not path.is_file():
        raise UserError(f'{path}: there is no such CSV; give the path of one.')
    columns = [f'{gas}_frame' for gas in GASES]
    table = CsvTable(
        path, known=[*columns, *GASES, *LIMITS, 'sample_id', 'name'], root=root
    )
    frame = table.frame
    if not any(column in frame for column in columns):
        frame = frame.rename(columns=dict(zip(GASES, columns, strict=True)))
    if not any(column in frame for column in columns):
        raise UserError(
            f'{path}: has the columns {", ".join(frame.columns)}, but none that names '
            'frames; it needs co2_frame or ch4_frame (or co2, ch4).'
        )
    if 'sample_id' not in frame:
        frame = frame.rename(columns={'name': 'sample_id'})
    known = [name for name in LIMITS if name in frame]
    table.frame = frame = frame.reindex(
        columns=['sample_id', *columns, *known], fill_value=''
    )
    check_limits(table, LIMITS)
    for column in columns:
        frame[column] = table.paths(column, optional=True, anywhere=True)
    _refuse_without_frame(table)
    table.refuse(
        repeated(frame['sample_id']),
        'sample_id',
        'sample_id is in more than one row',
        'name each sample otherwise, or none',
    )
    if check_files:
        for column in columns:
            table.check_files(column)
    unnamed = frame['sample_id'] == ''
    frame['sample_id'] = frame['sample_id'].mask(unnamed, pd.Series(names_of(frame)))
    return frame.assign(line=table.lines)


def parse_paired(table: CsvTable) -> None:
    """Parse and check the columns of ``table`` that the owners' paired CSVs have."""
    frame = table.frame
    for gas in GASES:
        image, mask = f'{gas}_frame', f'{gas}_mask'
        frame[image] = table.paths(image, optional=True)
        frame[mask] = table.paths(mask, optional=True)
        table.refuse(
            (frame[image] == '') & (frame[mask] != ''),
            lambda row, image=image, mask=mask: (  # type: ignore[misc]
                f'{frame[image].iat[row]!r}, {frame[mask].iat[row]!r}'
            ),
            f'{mask} has no {image}',
            'give the frame, or take the mask away',
        )
        reused = frame.get('pairing', pd.Series('', frame.index)).str.endswith(REUSED)
        table.refuse(
            repeated(frame[image].mask(reused, '')),
            image,
            f'the same {image} is in more than one row',
            f'pair again with `{_PAIR} {table.root}`',
        )
    check_limits(table, LIMITS)
    _refuse_without_frame(table)
    frame['missing_modality'] = frame['missing_modality'].str.lower()
    expected = missing_gas(frame)
    table.refuse(
        frame['missing_modality'] != expected,
        'missing_modality',
        'missing_modality must name the gas without a frame, and be empty if both '
        'have one',
    )
    truth = frame['is_paired'].str.lower().map(_TRUTH)
    table.refuse(truth.isna(), 'is_paired', 'is_paired must be True or False')
    frame['is_paired'] = truth.isin([True])
    table.refuse(
        truth.notna() & (frame['is_paired'] != (expected == '')),
        'is_paired',
        'is_paired must be True where both gases have a frame, else False',
    )
    table.parse_health()


def _refuse_without_frame(table: CsvTable) -> None:
    columns = [f'{gas}_frame' for gas in GASES]
    table.refuse(
        (table.frame[columns] == '').all(axis=1),
        lambda row: f'{" and ".join(columns)} are empty',
        'a sample needs a frame of at least one gas',
        'delete the row',
    )


def _find_groups(table: CsvTable, *, required: bool) -> None:
    """Fill in the groups and ``grouped_by`` where the CSV has none."""
    frame, path = table.frame, table.path
    columns = [f'{gas}_group' for gas in GASES]
    way_out = f'pair again with `{_PAIR} {table.root}`'
    problem = 'group is empty'
    given = all(column in frame for column in columns)
    source = path.with_name(path.name.removeprefix('paired_'))
    if 'pairing' not in frame:
        frame['pairing'] = ''
    complete = given and 'grouped_by' in frame
    if not complete and source != path and source.is_file():
        known = read_annotations(source, root=table.root, check_files=False)
        known = known.set_index('frame_path')
        names = {gas: frame[f'{gas}_frame'] for gas in GASES}
        for gas in GASES if not given else ():
            frame[f'{gas}_group'] = names[gas].map(known['group']).fillna('')
        by_gas = [names[gas].map(known['grouped_by']) for gas in GASES]
        frame['grouped_by'] = joint_grouping(*by_gas).fillna('')
        problem = f'frame is not in {source.name}, so its group is unknown'
    elif required and not given:
        raise UserError(
            f'{path} has no column {" and ".join(columns)}, and there is no '
            f'{source.name} beside it to look them up in, so nothing tells '
            f'whether splits share a vessel; {way_out}, or set '
            'require_groups=False.'
        )
    for column in (*columns, 'grouped_by'):
        frame[column] = frame.get(column, '')
    for gas in GASES:
        table.refuse(
            required & (frame[f'{gas}_frame'] != '') & (frame[f'{gas}_group'] == ''),
            f'{gas}_frame',
            f'{gas}_{problem}',
            way_out,
        )


def joint_grouping(co2: pd.Series, ch4: pd.Series) -> pd.Series:
    """That of a sample's frames; :data:`BY_FRAME` if it is so of one of them."""
    return co2.fillna(ch4).mask((co2 == BY_FRAME) | (ch4 == BY_FRAME), BY_FRAME)


def missing_gas(paired: pd.DataFrame) -> np.ndarray:
    """Of each row the gas that has no frame; '' where both have one."""
    absent = [paired[f'{gas}_frame'] == '' for gas in GASES]
    return np.select(absent, GASES, '').astype(object)


def names_of(paired: pd.DataFrame) -> list[str]:
    """Of each sample its name, after its frames."""
    columns = [paired[f'{gas}_frame'].tolist() for gas in GASES]
    rows = [zip(GASES, paths, strict=True) for paths in zip(*columns, strict=True)]
    return sample_names([{gas: path for gas, path in row if path} for row in rows])
