"""Folds of a cross-validation by whole groups, and what they cannot show.

A fold is a split like any other: train, val and test share no group. Over all folds
each group is tested exactly once, so the test predictions of all folds put together are
of the whole campaign.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.files import file_name
from fume_mm.structures import GAS_LABELS, GASES, SPLITS

from .annotations import one_row_per_frame
from .splitting import assign_groups

#: By the fold's folder, the rows of each split.
Folds = dict[str, dict[str, pd.DataFrame]]

#: Where folds lie below the folder that they are written to.
FOLD_FOLDERS = ('cv_fold*', 'loso/fold_*')
#: Frames for training and validation of those that a fold does not test.
SHARES = (70.0, 15.0)
#: Of more folds a sentence says only how many.
_NAMED = 5
_PH_AND_GAS = ['ph_value', 'gas_type']
#: Moves and swaps of groups that are tried to make folds alike.
_TRIES = 5000


def k_folds(
    annotations: pd.DataFrame,
    *,
    folds: int,
    seed: int = 42,
    shares: Sequence[float] = SHARES,
) -> Folds:
    """Divide the groups into ``folds`` test parts, ``cv_fold0`` and so on.

    Every fold tests each class that has groups enough, and, as far as the groups allow,
    a pair of gases and equal shares of each class, gas and pH. (scikit-learn's
    StratifiedGroupKFold knows one label a frame, so it cannot keep pairs.)

    Args:
        annotations: Frames, see :func:`~.annotations.read_annotations`.
        folds: How many, 2 or more.
        seed: Decides between groups that serve equally well.
        shares: For training and validation, of what a fold does not test.

    Returns:
        The rows of each fold's splits in their order, index 0, 1, ...

    Raises:
        UserError: If there are fewer groups than folds, or too few to validate.
    """
    strata = _Strata.of(annotations)
    groups = strata.groups
    if not 2 <= folds <= len(groups):
        raise UserError(
            f'{folds} folds of {len(groups)} groups: each fold tests at least one '
            f'group, so choose 2 to {len(groups)}.'
        )
    generator = np.random.default_rng(seed)
    part = _deal(strata, folds, generator)
    tested = [(f'cv_fold{k}', part == k) for k in range(folds)]
    return _folds(annotations, strata, tested, shares, generator)


def leave_one_out(
    annotations: pd.DataFrame, *, seed: int = 42, shares: Sequence[float] = SHARES
) -> Folds:
    """A fold for each group, which alone is tested: ``loso/fold_<group>``.

    Arguments and errors as for :func:`k_folds`.
    """
    strata = _Strata.of(annotations)
    groups = strata.groups
    number = np.arange(len(groups))
    tested = [
        (f'loso/fold_{file_name(str(groups[k]))}', number == k)
        for k in np.argsort(groups.astype(str), kind='stable')
    ]
    generator = np.random.default_rng(seed)
    return _folds(annotations, strata, tested, shares, generator)


def owners_loso(annotations: pd.DataFrame) -> Folds:
    """The two folds of FUME's owners: ``loso/fold_AtoB`` and ``loso/fold_BtoA``.

    Of each class and gas the recordings, sorted by name, are halved; of an odd number A
    has one more. One half trains, the other tests. The last recording of the half that
    trains validates, where there is more than one. A recording of several classes
    counts with that of most of its frames.

    Raises:
        UserError: If a half is too small to train and validate.
    """
    _check(annotations)
    rows = annotations.assign(gas=annotations['gas_type'].map(str))
    kinds = rows.groupby('group').agg(
        class_id=('class_id', lambda ids: ids.value_counts().index[0]),
        gas=('gas', lambda gases: ' '.join(sorted(set(gases)))),
    )
    half: dict[str, str] = {}
    validates: set[str] = set()
    for _, same in kinds.groupby(['class_id', 'gas']):
        names = sorted(same.index)
        middle = (len(names) + 1) // 2
        for label, part in (('A', names[:middle]), ('B', names[middle:])):
            half |= dict.fromkeys(part, label)
            validates |= set(part[-1:]) if len(part) > 1 else set()
    found = {}
    for train, test in ('AB', 'BA'):
        side = annotations['group'].map(half)
        validating = annotations['group'].isin(validates)
        chosen = {
            'train': (side == train) & ~validating,
            'val': (side == train) & validating,
            'test': side == test,
        }
        name = f'loso/fold_{train}to{test}'
        found[name] = _parts(annotations, name, chosen)
    return found


def shortcomings(folds: Folds) -> list[str]:
    """What the groups do not allow these folds to show, a sentence each.

    Classes that a fold does not test, train with or validate on, classes of a gas that
    it does not test, and folds whose test part has no pair of gases. Where each fold
    tests one group, that it does not test the other classes goes without saying.
    """
    rows = pd.concat([x for splits in folds.values() for x in splits.values()])
    rows = rows.drop_duplicates('frame_path')
    gases = [gas for gas in GAS_LABELS if (rows['gas_type'] == gas).any()]
    names = rows.groupby('class_id')['class_name'].first()
    several = any(splits['test']['group'].nunique() > 1 for splits in folds.values())
    looked_at = SPLITS if several else ('train', 'val')
    found = []
    for class_id, name in names.items():
        name = name or 'no class'
        of_class = rows[rows['class_id'] == class_id]
        found += _lacking(folds, name, of_class, looked_at, class_id=class_id)
        for gas in gases:
            of_gas = of_class[of_class['gas_type'] == gas]
            if of_gas.empty:
                found.append(f'{GAS_LABELS[gas]} has no {name} at all.')
            elif several and len(of_gas) < len(of_class):
                label = f'{name} in {GAS_LABELS[gas]}'
                found += _lacking(
                    folds, label, of_gas, ('test',), class_id=class_id, gas_type=gas
                )
    single = [name for name, splits in folds.items() if not _has_pairs(splits['test'])]
    if len(gases) > 1 and single:
        found.append(
            f'No pH has frames of both gases in the test part of {_listed(single)}: no '
            'pair is tested there.'
        )
    return found


def _lacking(
    folds: Folds,
    label: str,
    rows: pd.DataFrame,
    splits: Sequence[str],
    **values: object,
) -> list[str]:
    """That ``label``, rows of these values, is not in a split of some folds."""
    verbs = {'train': 'train without it', 'val': 'validate without it'}
    parts = []
    for split in ('test', 'train', 'val'):
        lack = [
            name
            for name, fold in folds.items()
            if split in splits and not _is(fold[split], values).any()
        ]
        if lack:
            one = len(lack) == 1
            verb = verbs.get(split, 'test none of it')
            verb = verb.replace(' ', 's ', 1) if one else verb
            parts.append(f'{_listed(lack)} {verb}')
    if not parts:
        return []
    number = rows['group'].nunique()
    return [f'{label} is in {number} group{"s"[: number != 1]}: {"; ".join(parts)}.']


def _is(rows: pd.DataFrame, values: Mapping[str, object]) -> np.ndarray:
    match = np.ones(len(rows), bool)
    for column, value in values.items():
        match &= (rows[column] == value).to_numpy()
    return match


def _has_pairs(rows: pd.DataFrame) -> bool:
    gases = rows.groupby(['class_id', 'ph_value'], dropna=False)['gas_type'].nunique()
    return bool((gases > 1).any())


def _listed(names: Sequence[str]) -> str:
    """``cv_fold0, cv_fold1 and cv_fold2``; of many only how many there are."""
    if len(names) > _NAMED:
        return f'{len(names)} folds'
    return ' and '.join(filter(None, [', '.join(names[:-1]), names[-1]]))


def _check(annotations: pd.DataFrame) -> None:
    if annotations.empty:
        raise UserError('there are no frames to split; check the annotations.')
    one_row_per_frame(annotations)


@dataclass(frozen=True)
class _Strata:
    """The frames of each group by what folds are to have in proportion.

    Attributes:
        codes: Each frame's group, (N,) from 0.
        groups: The groups' names.
        count: Frames, (groups, strata): of each class, of each class and gas, of each
            gas at each pH, of all.
        classes: How many classes, the first columns.
        coarse: How many columns do not look at pH.
        pairs: Columns of the two gases at each pH that has both, (pairs, 2).
    """

    codes: np.ndarray
    groups: pd.Index
    count: np.ndarray
    classes: int
    coarse: int
    pairs: np.ndarray

    @classmethod
    def of(cls, annotations: pd.DataFrame) -> '_Strata':
        """Count a campaign's frames.

        Raises:
            UserError: If there are none, or one is in two rows.
        """
        _check(annotations)
        codes, groups = pd.factorize(annotations['group'])
        parts: list[np.ndarray] = []
        for columns in (['class_id'], ['class_id', 'gas_type'], _PH_AND_GAS):
            stratum = annotations.groupby(columns, dropna=False).ngroup()
            count = np.zeros((len(groups), stratum.max() + 1))
            np.add.at(count, (codes, stratum.to_numpy()), 1)
            parts.append(count)
        kinds = annotations[_PH_AND_GAS].assign(place=stratum).drop_duplicates()
        kinds['place'] += sum(part.shape[1] for part in parts[:-1])
        places = [list(x['place']) for _, x in kinds.groupby('ph_value')]
        both = [place for place in places if len(place) == len(GASES)]
        pairs = np.array(both, int).reshape(-1, len(GASES))
        parts.append(parts[0].sum(axis=1, keepdims=True))
        classes = parts[0].shape[1]
        coarse = classes + parts[1].shape[1]
        return cls(codes, groups, np.hstack(parts), classes, coarse, pairs)


def _deal(strata: _Strata, folds: int, generator: np.random.Generator) -> np.ndarray:
    """The fold of each group: dealt out one by one, then moved and swapped to fit."""
    fold_of = _first_deal(strata, folds, generator)
    has = np.array([strata.count[fold_of == k].sum(axis=0) for k in range(folds)])
    best = _cost(strata, has)
    for _ in range(_TRIES):
        a, b = generator.integers(len(fold_of), size=2)
        here = fold_of[a]
        swaps = fold_of[b] != here
        there = fold_of[b] if swaps else generator.integers(folds)
        change = strata.count[a] - (strata.count[b] if swaps else 0)
        tried = has.copy()
        tried[here] -= change
        tried[there] += change
        cost = _cost(strata, tried)
        if cost < best:
            has, best = tried, cost
            fold_of[a] = there
            if swaps:
                fold_of[b] = here
    return fold_of


def _cost(strata: _Strata, has: np.ndarray) -> tuple[int, int, float]:
    """How ill folds of these frames, (folds, strata), serve; the first counts most.

    Folds without a class or without any frame; folds without a pair of gases; the sum
    over folds and strata of (frames − share)² / (frames of the stratum)².
    """
    here = has > 0
    gaps = int((~here[:, : strata.classes]).sum() + (~here[:, -1]).sum())
    paired = here[:, strata.pairs].all(axis=2).sum(axis=1) > 0
    uneven = ((has / has.sum(axis=0) - 1 / len(has)) ** 2).sum()
    return gaps, int((~paired).sum()), float(uneven)


def _first_deal(
    strata: _Strata, folds: int, generator: np.random.Generator
) -> np.ndarray:
    """Groups of the rarest stratum first, of those the largest.

    Each goes to the fold that lacks most of its strata, of those to where it lowers the
    third part of :func:`_cost` most.
    """
    count = strata.count
    total = count.sum(axis=0)
    want = np.tile(total / folds, (folds, 1))  # frames still wanted
    has = np.zeros(want.shape, bool)
    rarest = np.where(count > 0, (count > 0).sum(axis=0), len(count)).min(axis=1)
    size = (count / total).sum(axis=1)
    order = generator.permutation(len(count))
    fold_of = np.empty(len(count), int)
    for group in order[np.lexsort((-size[order], rarest[order]))]:
        new = (~has & (count[group] > 0)).sum(axis=1)
        gain = (count[group] * want / total**2).sum(axis=1)
        fold = np.lexsort((-gain, -new))[0]
        fold_of[group] = fold
        want[fold] -= count[group]
        has[fold] |= count[group] > 0
    return fold_of


def _folds(
    annotations: pd.DataFrame,
    strata: _Strata,
    tested: Iterable[tuple[str, np.ndarray]],
    shares: Sequence[float],
    generator: np.random.Generator,
) -> Folds:
    """Folds of these test groups; the others train and validate."""
    share = np.asarray(shares[:2], dtype=float)
    if not (share > 0).all():
        raise UserError('shares: training and validation need one each, above 0.')
    # one group of each gas and pH would leave too few to train with
    count = strata.count[:, : strata.coarse]
    found = {}
    for name, test in tested:
        rest = np.flatnonzero(~test)
        split_of = np.full(len(count), SPLITS.index('test'))
        there = count[rest].sum(axis=0) > 0
        split_of[rest] = assign_groups(
            count[rest][:, there],
            share / share.sum(),
            generator,
            required=int(there[: strata.classes].sum()),
        )
        chosen = {split: split_of[strata.codes] == i for i, split in enumerate(SPLITS)}
        found[name] = _parts(annotations, name, chosen)
    return found


def _parts(
    annotations: pd.DataFrame, name: str, chosen: Mapping[str, np.ndarray | pd.Series]
) -> dict[str, pd.DataFrame]:
    for split, rows in chosen.items():
        if not rows.any():
            raise UserError(
                f'{name}: no group is left for {split}, since each class has too few; '
                'record more vessels or runs, or choose another form of folds.'
            )
    return {
        split: annotations[rows].reset_index(drop=True)
        for split, rows in chosen.items()
    }
