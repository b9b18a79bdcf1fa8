"""From frames to samples: which CO2 and CH4 frame belong together.

Every annotated frame is in a sample, in a pair or alone, and in one only unless more
uses are asked for. (The original implementation's random pairing used some frames twice
and others never.)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.tables import NO_CLASS
from fume_mm.structures import AVAILABILITY, GASES, HEALTH_CLASSES, HEALTH_COLUMNS

from .annotations import one_row_per_frame
from .paired_csv import (
    EXTRA_COLUMNS,
    PAIRED_COLUMNS,
    REUSED,
    joint_grouping,
    missing_gas,
    names_of,
)

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
    parts = ordered[['frame_path', 'mask_path', 'group', 'grouped_by', *HEALTH_COLUMNS]]
    parts = parts.rename(columns={'frame_path': 'frame', 'mask_path': 'mask'})
    sides = [
        parts.reindex(partners[gas]).reset_index(drop=True).add_prefix(f'{gas}_')
        for gas in GASES
    ]
    paired = pd.concat([*sides, partners['pairing']], axis=1)
    _refuse_disagreement(paired, strategy)

    for column in HEALTH_COLUMNS:
        paired[column] = paired[f'co2_{column}'].fillna(paired[f'ch4_{column}'])
    paired['class_id'] = paired['class_id'].astype('int64')
    texts = [f'{g}_{part}' for g in GASES for part in ('frame', 'mask', 'group')]
    paired['grouped_by'] = joint_grouping(
        *(paired[f'{gas}_grouped_by'] for gas in GASES)
    )
    paired[texts] = paired[texts].fillna('')
    paired['missing_modality'] = missing_gas(paired)
    paired['is_paired'] = paired['missing_modality'] == ''
    first = paired['co2_frame'].where(paired['co2_frame'] != '', paired['ch4_frame'])
    paired = paired.iloc[first.argsort(kind='stable')].reset_index(drop=True)
    paired['sample_id'] = names_of(paired)
    return paired[[*PAIRED_COLUMNS, *EXTRA_COLUMNS]]


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
