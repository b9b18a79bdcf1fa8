"""Splits that share no vessel or run, and the check that they do not.

Copies and neighbours of one frame on both sides of a split make a test that measures
memory. So whole groups go to one split (``group`` in
:mod:`fume_mm.datasets.annotations`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.tables import NO_CLASS
from fume_mm.structures import SPLITS

from .annotations import one_row_per_frame

_GROUPS_NAMED = 5
_ATTEMPTS = 20


def split_by_group(
    annotations: pd.DataFrame,
    *,
    shares: Sequence[float] = (70, 15, 15),
    seed: int = 42,
    stratify: str = 'class_id',
    balance: Sequence[str] = (),
) -> dict[str, pd.DataFrame]:
    """Divide frames into train, val and test by whole groups.

    A greedy in the manner of iterative stratification (Sechidis et al., 2011), with
    groups in the place of examples. First every split gets a group of every class, the
    class with the fewest groups first, each time the group that comes nearest to the
    split's share. Then the other groups, the largest first, go where they lower most
    the sum over splits and classes of (frames − share)² / (frames of the class)².
    With ``balance``, the combinations of class and those columns count beside the
    classes, but no split needs every combination.
    scikit-learn's StratifiedGroupKFold makes folds of one size only and may leave a
    class out of one.

    Args:
        annotations: Frames with columns ``group``, ``stratify`` and ``balance``.
        shares: Of the frames for train, val and test, each above 0; they are divided
            by their sum.
        seed: Decides between groups that serve equally well.
        stratify: The column whose values every split needs in proportion.
        balance: Further columns to keep in proportion as far as the groups allow.

    Returns:
        The rows of each split in their order, index 0, 1, ...

    Raises:
        UserError: If the shares are wrong, or a class cannot be in every split.
    """
    share = np.asarray(shares, dtype=float)
    if share.shape != (len(SPLITS),) or not (share > 0).all():
        named = ' '.join(f'{number:g}' for number in shares)
        raise UserError(
            f'shares {named}: each of train, val and test needs one, above 0.'
        )
    share /= share.sum()
    if annotations.empty:
        raise UserError('there are no frames to split; check the annotations.')
    if 'frame_path' in annotations:
        one_row_per_frame(annotations)
    codes, groups = pd.factorize(annotations['group'])
    labels, classes = pd.factorize(annotations[stratify], sort=True)
    count = np.zeros((len(groups), len(classes)))
    np.add.at(count, (codes, labels), 1)
    groups_with = (count > 0).sum(axis=0)
    for label, number in enumerate(groups_with):
        if number < len(SPLITS):
            found = sorted(map(str, groups[count[:, label] > 0]))
            raise UserError(
                f'{_class_text(stratify, classes[label], annotations)} is in {number} '
                'group(s) only '
                f'({", ".join(found)}), and each of {", ".join(SPLITS)} needs one; '
                'add vessels or runs of it to the annotations.'
            )
    if balance:
        strata = annotations.groupby([stratify, *balance], dropna=False).ngroup()
        fine = np.zeros((len(groups), strata.max() + 1))
        np.add.at(fine, (codes, strata.to_numpy()), 1)
        count = np.hstack([count, fine])
    generator = np.random.default_rng(seed)
    missing = np.zeros(len(classes), dtype=bool)
    for _ in range(_ATTEMPTS):
        split_of = assign_groups(count, share, generator, required=len(classes))
        of_split = [count[split_of == i, : len(classes)] for i in range(len(SPLITS))]
        lacking = ~np.all([part.any(axis=0) for part in of_split], axis=0)
        if not lacking.any():
            return {
                name: annotations[split_of[codes] == split].reset_index(drop=True)
                for split, name in enumerate(SPLITS)
            }
        missing |= lacking
    named = ', '.join(
        _class_text(stratify, value, annotations) for value in classes[missing]
    )
    raise UserError(
        f'found no split in which {named} is in each of {", ".join(SPLITS)}: its '
        'groups hold other classes that the splits need as well; add vessels or runs '
        'of it to the annotations.'
    )


def assign_groups(
    count: np.ndarray,
    share: np.ndarray,
    generator: np.random.Generator,
    *,
    required: int,
) -> np.ndarray:
    """The split of each group, from its frames per class, (groups, classes).

    The first ``required`` classes choose their groups before the others.

    Args:
        count: Frames, no class without any.
        share: Of the splits, adding up to 1.
        generator: Decides between groups that serve equally well.
        required: How many classes every split needs.
    """
    total = count.sum(axis=0)
    want = share[:, None] * total  # frames still wanted, (splits, classes)
    split_of = np.full(len(count), -1)
    has = np.zeros(want.shape, dtype=bool)

    def give(group: int, split: int) -> None:
        split_of[group] = split
        want[split] -= count[group]
        has[split] |= count[group] > 0

    order = generator.permutation(len(count))
    groups_with = (count > 0).sum(axis=0)
    optional = np.arange(count.shape[1]) >= required
    for label in np.lexsort((groups_with, optional)):
        # Small splits choose first: an ill-fitting group hurts them most. But what is
        # too rare for all of them is trained on before it is tested.
        rare = not optional[label] and groups_with[label] < len(share)
        first = -1 if rare else 1
        splits = generator.permutation(len(share))
        for split in splits[np.argsort(first * share[splits], kind='stable')]:
            free = order[(split_of[order] < 0) & (count[order, label] > 0)]
            if has[split, label] or not len(free):
                continue
            misfit = np.abs(count[free, label] - want[split, label])
            give(free[misfit.argmin()], split)

    size = (count / total).sum(axis=1)
    rest = order[split_of[order] < 0]
    for group in rest[np.argsort(-size[rest], kind='stable')]:
        # Half the fall of the sum above, but for a term that all splits share.
        gain = (count[group] * want / total**2).sum(axis=1)
        give(group, int(gain.argmax()))
    return split_of


def _class_text(column: str, value: Any, rows: pd.DataFrame) -> str:
    if column != 'class_id':
        return f'{column} {value}'
    if value == NO_CLASS:
        return 'no health class'
    names = rows.get('class_name', rows['class_id'])
    return f'class {names[rows["class_id"] == value].iat[0]}'


def find_leaks(splits: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """Find the groups that more than one split has.

    Args:
        splits: Frames (column ``group``) or paired samples (``groups`` or, as
            :func:`~fume_mm.datasets.pairing.pair_gases` gives them, ``co2_group`` and
            ``ch4_group``) by split. Empty values are no group.

    Returns:
        The splits of each shared group, both in order; empty if there is no leak.

    Raises:
        UserError: If a split has no such column.
    """
    where: dict[str, list[str]] = {}
    for split, frame in splits.items():
        columns = ['co2_group', 'ch4_group']
        columns = next(([c] for c in ('group', 'groups') if c in frame), columns)
        if not all(column in frame for column in columns):
            raise UserError(
                f'split {split} has no column group to look for leaks in (it has '
                f'{", ".join(map(str, frame.columns))}); add one.'
            )
        parts = [pd.Series(frame[c].unique(), dtype=object) for c in columns]
        for group in pd.concat(parts).explode().dropna().astype(str).unique():
            if group:
                where.setdefault(group, []).append(split)
    return {group: where[group] for group in sorted(where) if len(where[group]) > 1}


def check_leaks(splits: Mapping[str, pd.DataFrame], root: str | Path) -> None:
    """Refuse splits that share a group.

    Args:
        splits: As for :func:`find_leaks`.
        root: The data root, for the message.

    Raises:
        UserError: Naming the first shared groups, their number and the way out.
    """
    leaks = find_leaks(splits)
    if not leaks:
        return
    named = [f'{group} ({", ".join(where)})' for group, where in leaks.items()]
    if len(leaks) > _GROUPS_NAMED:
        named[_GROUPS_NAMED:] = [f'and {len(leaks) - _GROUPS_NAMED} more']
    shared = '; '.join(named)
    raise UserError(
        f'{root}: {len(leaks)} group(s) are in more than one split: {shared}. '
        'Results on such splits measure memory: split again by whole groups with '
        f'`python tools/dataset_converters/pair_gases.py {root} --resplit`, or set '
        'allow_leakage=True in the dataset config, and every result is then marked.'
    )
