"""From frames to samples: which CO2 and CH4 frame belong together.

Every annotated frame is in a sample, in a pair or alone, and in one only unless more
uses are asked for. (The original implementation's random pairing used some frames twice
and others never.)
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.naming import sample_names
from fume_mm.io.tables import NO_CLASS, CsvTable, repeated
from fume_mm.structures import AVAILABILITY, GASES, HEALTH_CLASSES

from .annotations import existing_root, one_row_per_frame, read_annotations
from .frame_limits import check_limits
from .grouping import BY_FRAME

#: What a pair's two frames have in common, by strategy: in rounds, each for the frames
#: that the rounds before have left.
STRATEGIES: dict[str, tuple[tuple[str, ...], ...]] = {
    'random': (('ph_value',),),
    'original_based': (('original_sample_id',),),
    'augmentation_matched': (('original_sample_id', 'augmentation_id'),),
    'same_group': (
        ('group', 'ph_value', 'class_id', 'augmentation_id'),
        ('group', 'ph_value', 'class_id'),
    ),
    'same_ph': (
        ('ph_value', 'class_id', 'augmentation_id'),
        ('ph_value', 'class_id'),
    ),
}
#: Their frames were taken at one time; what other strategies join was not.
_AT_ONCE = ('original_based', 'augmentation_matched')
#: In the column ``pairing``, of a frame that is in another pair, too.
REUSED = ' (used again)'
_HEALTH = ('ph_value', 'class_id', 'class_name')
#: The owners' columns of a paired CSV.
PAIRED_COLUMNS = (
    *('co2_frame', 'co2_mask', 'ch4_frame', 'ch4_mask', *_HEALTH),
    *('is_paired', 'missing_modality'),
)
#: What :func:`pair_gases` adds to them.
EXTRA_COLUMNS = ('sample_id', 'co2_group', 'ch4_group', 'grouped_by', 'pairing')

#: What :func:`.frame_limits.add_limits` adds.
LIMITS = ('co2_limits', 'ch4_limits')
_PAIR = 'python tools/dataset_converters/pair_gases.py'
_TRUTH = {
    **dict.fromkeys(('true', '1', '1.0', 'yes'), True),
    **dict.fromkeys(('false', '0', '0.0', 'no'), False),
}


def auto_strategy(annotations: pd.DataFrame) -> str:
    """The strategy for frames of a whole campaign, all splits together.

    ``original_based`` where an original has frames of both gases; else ``same_group``
    where a vessel, run or recording has; else ``same_ph``, as for the owners' frames,
    whose two cameras were not synchronous.
    """
    for column, strategy in (
        ('original_sample_id', 'original_based'),
        ('group', 'same_group'),
    ):
        if annotations.groupby(column)['gas_type'].nunique().max() > 1:
            return strategy
    return 'same_ph'


def pair_gases(
    annotations: pd.DataFrame,
    *,
    strategy: str = 'auto',
    seed: int = 42,
    uses: int = 1,
) -> pd.DataFrame:
    """Pair the CO2 and CH4 frames of one split.

    Frames that agree in what the strategy asks for (:data:`STRATEGIES`) are zipped: of
    one original in the order of the augmentations, else in a shuffled one. What one gas
    has more of stays single. The result does not depend on the order of the rows.

    Args:
        annotations: As :func:`~fume_mm.datasets.annotations.read_annotations` gives it.
        strategy: A key of :data:`STRATEGIES`, or ``auto`` (:func:`auto_strategy`; give
            the campaign's where these frames are a part of it). ``random``: any two
            frames of the same pH. ``original_based``: of the same original.
            ``augmentation_matched``: also of the same augmentation. ``same_group`` and
            ``same_ph``: of the same pH and class, in one group or in any, frames of the
            same augmentation first.
        seed: Of the shuffling.
        uses: How many pairs a frame of the gas that has fewer may be in.

    Returns:
        One row per sample, columns :data:`PAIRED_COLUMNS` and :data:`EXTRA_COLUMNS`.
        ``missing_modality`` is empty, ``co2`` or ``ch4``; the columns of a missing gas
        are empty. ``pairing`` says in words what the two frames share.

    Raises:
        UserError: If the strategy is unknown, a frame is in two rows, or the frames of
            a pair disagree in pH or class.
    """
    if strategy == 'auto':
        strategy = auto_strategy(annotations)
    if strategy not in STRATEGIES:
        raise UserError(
            f'pairing strategy {strategy!r} is unknown; choose one of '
            f'{", ".join(STRATEGIES)}, or auto.'
        )
    if uses < 1 or (uses > 1 and strategy in _AT_ONCE):
        raise UserError(
            f'uses {uses} with {strategy}: a frame is in one pair at least, and in '
            'several only where pairs are by pH; leave it out.'
        )
    one_row_per_frame(annotations)
    ordered = _ordered(annotations, strategy, seed).reset_index(drop=True)
    partners = _partners(ordered, strategy, uses)
    parts = ordered[['frame_path', 'mask_path', 'group', 'grouped_by', *_HEALTH]]
    parts = parts.rename(columns={'frame_path': 'frame', 'mask_path': 'mask'})
    sides = [
        parts.reindex(partners[gas]).reset_index(drop=True).add_prefix(f'{gas}_')
        for gas in GASES
    ]
    paired = pd.concat([*sides, partners['pairing']], axis=1)
    _refuse_disagreement(paired, strategy)

    for column in _HEALTH:
        paired[column] = paired[f'co2_{column}'].fillna(paired[f'ch4_{column}'])
    paired['class_id'] = paired['class_id'].astype('int64')
    texts = [f'{g}_{part}' for g in GASES for part in ('frame', 'mask', 'group')]
    paired['grouped_by'] = _grouped_by(*(paired[f'{gas}_grouped_by'] for gas in GASES))
    paired[texts] = paired[texts].fillna('')
    paired['missing_modality'] = _missing_gas(paired)
    paired['is_paired'] = paired['missing_modality'] == ''
    first = paired['co2_frame'].where(paired['co2_frame'] != '', paired['ch4_frame'])
    paired = paired.iloc[first.argsort(kind='stable')].reset_index(drop=True)
    paired['sample_id'] = _names(paired)
    return paired[[*PAIRED_COLUMNS, *EXTRA_COLUMNS]]


def _grouped_by(co2: pd.Series, ch4: pd.Series) -> pd.Series:
    """That of a sample's frames; :data:`BY_FRAME` if it is so of one of them."""
    return co2.fillna(ch4).mask((co2 == BY_FRAME) | (ch4 == BY_FRAME), BY_FRAME)


def _ordered(annotations: pd.DataFrame, strategy: str, seed: int) -> pd.DataFrame:
    """The frames in the order in which they find partners."""
    if strategy not in _AT_ONCE:
        shuffle = np.random.default_rng(seed).permutation(len(annotations))
        return annotations.sort_values('frame_path').iloc[shuffle]
    # by the number in augmentation_id (2 before 10), then by its text
    text = annotations['augmentation_id'].astype(str)
    number = pd.to_numeric(text.str.extract(r'(^-?\d+|\d+)\D*$', expand=False))
    return annotations.assign(
        augmentation_id=text, number=number.astype('float64').fillna(-1)
    ).sort_values(['number', 'augmentation_id', 'frame_path'])


def _partners(ordered: pd.DataFrame, strategy: str, uses: int) -> pd.DataFrame:
    """Rows of ``ordered`` that make samples: by gas, -1 for none, and ``pairing``."""
    of_gas = [ordered[ordered['gas_type'] == gas] for gas in GASES]
    left = of_gas
    if strategy == 'same_ph':  # of frames without health nothing is the same
        left = [
            rows[rows['ph_value'].notna() | (rows['class_id'] != NO_CLASS)]
            for rows in of_gas
        ]
    rounds = STRATEGIES[strategy]
    found = []
    for number, keys in enumerate([*rounds, *rounds[-1:] * (uses - 1)]):
        again = number >= len(rounds)
        sides = [left] if not again else [[left[0], of_gas[1]], [of_gas[0], left[1]]]
        for rows in sides:
            pairs = _zip(rows, keys)
            found.append(pairs.assign(pairing=_words(keys, strategy) + REUSED * again))
            left = [
                x[~x.index.isin(pairs[gas])] for x, gas in zip(left, GASES, strict=True)
            ]
    pairs = pd.concat(found, ignore_index=True)
    alone = [
        pd.DataFrame({gas: x.index[~x.index.isin(pairs[gas])]})
        for gas, x in zip(GASES, of_gas, strict=True)
    ]
    samples = pd.concat([pairs, *alone], ignore_index=True)
    samples[list(GASES)] = samples[list(GASES)].fillna(-1).astype('int64')
    return samples.fillna({'pairing': ''})


def _zip(rows: Sequence[pd.DataFrame], keys: Sequence[str]) -> pd.DataFrame:
    """Within each key the n-th CO2 frame meets the n-th CH4 frame."""
    columns = list(keys)
    sides = []
    for part, gas in zip(rows, GASES, strict=True):
        rank = part.groupby(columns, sort=False, dropna=False).cumcount()
        sides.append(part[columns].assign(rank=rank, **{gas: part.index}))
    joined = sides[0].merge(sides[1], on=[*columns, 'rank'], validate='one_to_one')
    return joined[list(GASES)]


def _words(keys: Sequence[str], strategy: str) -> str:
    shared = [
        word
        for key, word in (
            ('original_sample_id', 'original'),
            ('group', 'group'),
            ('ph_value', 'pH'),
            ('augmentation_id', 'augmentation'),
        )
        if key in keys
    ]
    text = 'same ' + ' and '.join(shared)
    return text if strategy in _AT_ONCE else f'{text} at another time'


def _missing_gas(paired: pd.DataFrame) -> np.ndarray:
    """Of each row the gas that has no frame; '' where both have one."""
    absent = [paired[f'{gas}_frame'] == '' for gas in GASES]
    return np.select(absent, GASES, '').astype(object)


def _refuse_disagreement(paired: pd.DataFrame, strategy: str) -> None:
    both = paired['co2_frame'].notna() & paired['ch4_frame'].notna()
    ph = {gas: paired[f'{gas}_ph_value'].fillna(-1) for gas in GASES}  # rows without
    other_class = paired['co2_class_id'] != paired['ch4_class_id']
    bad = paired[both & ((ph['co2'] != ph['ch4']) | other_class)]
    if bad.empty:
        return
    row = bad.iloc[0]
    sides = ' and '.join(
        f'{row[f"{gas}_frame"]} (pH {row[f"{gas}_ph_value"]:g}, '
        f'{row[f"{gas}_class_name"]})'
        for gas in GASES
    )
    raise UserError(
        f'{strategy} pairs the rows of {sides}, which disagree in pH or class '
        f'({len(bad)} such pairs); correct their original_sample_id or pH, or pair '
        'with another strategy.'
    )


def _names(paired: pd.DataFrame) -> list[str]:
    columns = [paired[f'{gas}_frame'].tolist() for gas in GASES]
    rows = [zip(GASES, paths, strict=True) for paths in zip(*columns, strict=True)]
    return sample_names([{gas: path for gas, path in row if path} for row in rows])


def pairing_statistics(
    paired: Mapping[str, pd.DataFrame],
    annotations: Mapping[str, pd.DataFrame] | None = None,
    classes: Sequence[str] = HEALTH_CLASSES,
) -> dict[str, dict[str, Any]]:
    """Count samples and frames, ready for JSON.

    Args:
        paired: Samples by split.
        annotations: The frames they were made of, by split; adds ``frames_in``.
        classes: The campaign's health classes.

    Returns:
        By split: ``samples``; ``both``, ``co2_only`` and ``ch4_only``; the same four
        under ``by_class`` (every class, also those with none) and ``by_ph`` (as text,
        ascending); ``frames_out`` (and ``frames_in``) by gas; ``pairing``, pairs by
        what their frames share.
    """
    statistics = {}
    for split, samples in paired.items():
        pattern = availability_of(samples)
        by_ph = samples['ph_value'].dropna().sort_values().unique()
        counts: dict[str, Any] = _counts(pattern) | {
            'by_class': {
                name: _counts(pattern[samples['class_id'] == class_id])
                for class_id, name in enumerate(classes)
            },
            'by_ph': {
                f'{ph:g}': _counts(pattern[samples['ph_value'] == ph]) for ph in by_ph
            },
        }
        if annotations is not None:
            gases = annotations[split]['gas_type']
            counts['frames_in'] = {gas: int((gases == gas).sum()) for gas in GASES}
        words = samples['pairing']
        counts['pairing'] = words[words != ''].value_counts().to_dict()
        counts['frames_out'] = {
            gas: int((samples[f'{gas}_frame'] != '').sum()) for gas in GASES
        }
        statistics[split] = counts
    return statistics


def availability_of(samples: pd.DataFrame) -> pd.Series:
    """Of each sample one of :data:`~fume_mm.structures.AVAILABILITY`."""
    patterns = {'': 'both', 'ch4': 'co2_only', 'co2': 'ch4_only'}
    return samples['missing_modality'].map(patterns)


def _counts(pattern: pd.Series) -> dict[str, int]:
    by_pattern = {name: int((pattern == name).sum()) for name in AVAILABILITY}
    return {'samples': len(pattern), **by_pattern}


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
        One row per sample in the CSV's order, as :func:`pair_gases` gives it
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
        frame['sample_id'] = _names(frame)
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
    frame['sample_id'] = frame['sample_id'].mask(unnamed, pd.Series(_names(frame)))
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
    expected = _missing_gas(frame)
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
        frame['grouped_by'] = _grouped_by(*by_gas).fillna('')
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
