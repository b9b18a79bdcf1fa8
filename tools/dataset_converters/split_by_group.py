"""Split annotated frames into train, val and test by whole groups.

A group is a vessel or run, or an original frame with its augmented copies. Health class
and gas keep their proportions as far as the groups allow. Nothing is copied: the new
CSVs name the files where they are, relative to --data-root (--out unless given), which
must be the CSVs' folder or one above it.

For a cross-validation, --folds K writes --out/cv_fold0 and so on, --leave-one-out
--out/loso/fold_<group>, and --owners-loso the halves of FUME's owners, --out/loso/
fold_AtoB and fold_BtoA; docs/cross_validation.md says what to do with them.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.folds import (
    FOLD_FOLDERS,
    Folds,
    k_folds,
    leave_one_out,
    owners_loso,
    shortcomings,
)
from fume_mm.datasets.grouping import by_frame_note, without_groups
from fume_mm.datasets.splitting import split_by_group
from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.files import make_folder
from fume_mm.io.tables import write_table
from fume_mm.structures import SPLITS

EXAMPLE = """\
example:
  python tools/dataset_converters/split_by_group.py data/ogi_sim --out data --seed 1
  python tools/dataset_converters/split_by_group.py data/ogi_sim --out data/ogi_sim \\
      --folds 5
"""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__, epilog=EXAMPLE)
    parser.add_argument(
        'annotations',
        nargs='+',
        type=Path,
        help='annotation CSVs, or folders for all {split}_annotations.csv they have',
    )
    parser.add_argument(
        '--out', type=Path, required=True, help='folder to write the CSVs to'
    )
    parser.add_argument(
        '--data-root',
        type=Path,
        metavar='DIR',
        help='folder that paths in the new CSVs are relative to (--out); it is not '
        'written to',
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        '--folds',
        type=int,
        metavar='K',
        help='K folds for a cross-validation; each group is tested in one of them',
    )
    form.add_argument(
        '--leave-one-out',
        action='store_true',
        help='a fold for each group, which alone is tested',
    )
    form.add_argument(
        '--owners-loso',
        action='store_true',
        help='two folds: of each class and gas half of the recordings train, the '
        'other half tests',
    )
    parser.add_argument(
        '--shares',
        nargs=3,
        type=float,
        default=(70, 15, 15),
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='shares of the frames (70 15 15); of folds, what is not tested is divided '
        'as TRAIN to VAL',
    )
    parser.add_argument(
        '--group-pattern',
        metavar='REGEX',
        help='what in the names is the recording, in place of columns and known forms',
    )
    parser.add_argument('--seed', type=int, default=42, help='0 or more (42)')
    parser.add_argument(
        '--force',
        action='store_true',
        help='replace annotation CSVs in --out, or its folds with their paired CSVs',
    )
    return parser.parse_args()


def read_pool(
    sources: Sequence[Path], root: Path, pattern: str | None = None
) -> pd.DataFrame:
    """The rows of all CSVs, their paths relative to ``root``."""
    csvs: list[Path] = []
    for source in sources:
        inside = [source / f'{split}_annotations.csv' for split in SPLITS]
        found = [path for path in inside if path.is_file()]
        if source.is_dir() and not found:
            raise UserError(
                f'{source} has no annotation CSV; name the CSVs themselves.'
            )
        csvs += found if source.is_dir() else [source]
    tables = []
    for path in csvs:
        frame = read_annotations(path, check_files=False, group_pattern=pattern)
        place = os.path.relpath(path.parent.resolve(), root.resolve())
        if place.startswith('..'):
            raise UserError(
                f'{root} does not hold the frames of {path}; choose {path.parent} or a '
                'folder above it as --out or --data-root.'
            )
        if place != '.':
            for column in ('frame_path', 'mask_path'):
                moved = Path(place).as_posix() + '/' + frame[column]
                frame[column] = moved.mask(frame[column] == '', '')
        tables.append(frame)
    columns = [sorted(set(table['grouped_by'])) for table in tables]
    if any(column != columns[0] for column in columns):
        named = ', '.join(
            f'{path} by {" and ".join(column)}'
            for path, column in zip(csvs, columns, strict=True)
        )
        raise UserError(
            f'the CSVs name groups in different columns ({named}); give them the same.'
        )
    return pd.concat(tables, ignore_index=True)


def shares_table(splits: dict[str, pd.DataFrame]) -> str:
    """Frames of each split by class, in numbers and percent of the class."""
    rows = pd.concat(splits, names=['split']).reset_index('split')
    health = rows['class_name'].replace('', 'no class')
    known = rows.sort_values('class_id')['class_name'].unique()
    table = pd.crosstab(health, rows['split'])[list(SPLITS)]
    table = table.reindex([n for n in (*known, 'no class') if n in table.index])
    table.loc['all'] = table.sum()
    percent = table.div(table.sum(axis=1), axis=0).mul(100).map('({:.1f} %)'.format)
    text = table.astype(str) + ' ' + percent
    return (
        text.rename_axis(index='class', columns=None)
        .reset_index()
        .to_string(index=False)
    )


def make_folds(pool: pd.DataFrame, args: argparse.Namespace) -> Folds:
    """The folds that were asked for."""
    if args.owners_loso:
        return owners_loso(pool)
    if args.leave_one_out:
        return leave_one_out(pool, seed=args.seed, shares=args.shares)
    return k_folds(pool, folds=args.folds, seed=args.seed, shares=args.shares)


def write_folds(folds: Folds, out: Path, *, force: bool) -> None:
    """Write the CSVs of each fold.

    Raises:
        UserError: If there are folds already and ``force`` does not say to replace
            them, or some are of another division, with which these would be mixed up.
    """
    there = [path for form in FOLD_FOLDERS for path in sorted(out.glob(form))]
    others = [str(path) for path in there if path not in {out / name for name in folds}]
    if others:
        raise UserError(
            f'{others[0]} and {len(others) - 1} more folders are folds of another '
            'division; remove them, or choose another --out and --data-root.'
        )
    if there and not force:
        raise UserError(
            f'{there[0]} and its siblings would be replaced; add --force for that.'
        )
    for name, splits in folds.items():
        make_folder(out / name)
        for split, rows in splits.items():
            path = out / name / f'{split}_annotations.csv'
            # pairs of the frames that the split had before
            path.with_name(f'paired_{path.name}').unlink(missing_ok=True)
            write_table(without_groups(rows), path)


def folds_table(folds: Folds) -> str:
    """Groups and frames of each fold's splits, and the tested frames by class."""
    rows = []
    first = pd.concat(next(iter(folds.values())).values())
    named = first.drop_duplicates('class_id').sort_values('class_id')
    labels = dict(zip(named['class_id'], named['class_name'], strict=True))
    for name, splits in folds.items():
        row = {'fold': name}
        for split, part in splits.items():
            row[split] = f'{len(part)} ({part["group"].nunique()})'
        classes = splits['test']['class_id'].value_counts()
        for class_id, label in labels.items():
            row[label or 'no class'] = str(classes.get(class_id, 0))
        rows.append(row)
    return pd.DataFrame(rows).to_string(index=False)


def main() -> None:
    """Read, split, write, print the shares."""
    args = parse_args()
    if args.seed < 0:
        raise UserError(f'--seed {args.seed} is negative; choose 0 or more.')
    root = args.data_root or args.out
    pool = read_pool(args.annotations, root, args.group_pattern)
    number = pool['group'].nunique()
    pair = f'python tools/dataset_converters/pair_gases.py {root}'
    if args.data_root:
        pair += f' --annotations {args.out}'
    if args.folds is not None or args.leave_one_out or args.owners_loso:
        folds = make_folds(pool, args)
        write_folds(folds, args.out, force=args.force)
        print(f'{number} groups, frames (groups) of each fold, tested frames by class:')
        print(folds_table(folds))
        print('\n'.join(['', *shortcomings(folds)]))
        if note := by_frame_note(pool):
            print(note)
        print(f'\nwrote {len(folds)} folds to {args.out}; now pair the gases with')
        print(f'  {pair} --folds')
        return
    paths = {split: args.out / f'{split}_annotations.csv' for split in SPLITS}
    there = [str(path) for path in paths.values() if path.exists()]
    if there and not args.force:
        raise UserError(f'{", ".join(there)} would be replaced; add --force for that.')
    splits = split_by_group(
        pool, shares=args.shares, seed=args.seed, balance=['gas_type']
    )
    make_folder(args.out)
    for split, rows in splits.items():
        write_table(without_groups(rows), paths[split])
    print(f'{number} groups, frames of each class:')
    print(shares_table(splits))
    if note := by_frame_note(pool):
        print(note)
    print(f'\nwrote {", ".join(map(str, paths.values()))}; now pair the gases with')
    print(f'  {pair}')


if __name__ == '__main__':
    run_cli(main)
