"""Split annotated frames into train, val and test by whole groups.

A group is a vessel or run, or an original frame with its augmented copies. Health class
and gas keep their proportions as far as the groups allow. Nothing is copied: the new
CSVs name the files where they are, relative to --out, which must be the CSVs' folder or
one above it.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.grouping import by_frame_note, without_groups
from fume_mm.datasets.splitting import split_by_group
from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.tables import write_table
from fume_mm.structures import SPLITS

EXAMPLE = """\
example:
  python tools/dataset_converters/split_by_group.py data/ogi_sim --out data --seed 1
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
        '--out', type=Path, required=True, help='data root to write the three CSVs to'
    )
    parser.add_argument(
        '--shares',
        nargs=3,
        type=float,
        default=(70, 15, 15),
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='shares of the frames (70 15 15)',
    )
    parser.add_argument('--seed', type=int, default=42, help='0 or more (42)')
    parser.add_argument(
        '--force', action='store_true', help='replace annotation CSVs in --out'
    )
    return parser.parse_args()


def read_pool(sources: Sequence[Path], out: Path) -> pd.DataFrame:
    """The rows of all CSVs, their paths relative to ``out``."""
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
        frame = read_annotations(path, check_files=False)
        place = os.path.relpath(path.parent.resolve(), out.resolve())
        if place.startswith('..'):
            raise UserError(
                f'--out {out} does not hold the frames of {path}; choose '
                f'{path.parent} or a folder above it.'
            )
        if place != '.':
            for column in ('frame_path', 'mask_path'):
                frame[column] = Path(place).as_posix() + '/' + frame[column]
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


def main() -> None:
    """Read, split, write, print the shares."""
    args = parse_args()
    if args.seed < 0:
        raise UserError(f'--seed {args.seed} is negative; choose 0 or more.')
    pool = read_pool(args.annotations, args.out)
    paths = {split: args.out / f'{split}_annotations.csv' for split in SPLITS}
    there = [str(path) for path in paths.values() if path.exists()]
    if there and not args.force:
        raise UserError(f'{", ".join(there)} would be replaced; add --force for that.')
    splits = split_by_group(
        pool, shares=args.shares, seed=args.seed, balance=['gas_type']
    )
    for split, rows in splits.items():
        write_table(without_groups(rows), paths[split])
    print(f'{pool["group"].nunique()} groups, frames of each class:')
    print(shares_table(splits))
    if note := by_frame_note(pool):
        print(f'SPLIT BY FRAME: {note}')
    print(f'\nwrote {", ".join(map(str, paths.values()))}; now pair the gases with')
    print(f'  python tools/dataset_converters/pair_gases.py {args.out}')


if __name__ == '__main__':
    run_cli(main)
