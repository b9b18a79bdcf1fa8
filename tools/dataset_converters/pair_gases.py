"""Pair the CO2 and CH4 frames of a campaign into samples.

Reads <root>/{split}_annotations.csv; writes <root>/paired_{split}_annotations.csv and
<root>/pairing_statistics.json.
"""

import argparse
import time
from pathlib import Path

import pandas as pd

from fume_mm.datasets.annotations import (
    existing_root,
    is_simulated,
    read_annotations,
)
from fume_mm.datasets.pairing import STRATEGIES, pair_gases, pairing_statistics
from fume_mm.datasets.splitting import check_leaks, split_by_group
from fume_mm.errors import UserError, run_cli
from fume_mm.io.files import write_json
from fume_mm.io.tables import write_table
from fume_mm.structures import AVAILABILITY, GAS_LABELS, SPLITS

EXAMPLE = """\
example:
  python tools/dataset_converters/pair_gases.py data/ogi_sim --strategy random
"""


class HelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
):
    """Defaults behind every option, description and example as they are written."""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLE, formatter_class=HelpFormatter
    )
    parser.add_argument('root', type=Path, help='data root of the campaign')
    parser.add_argument(
        '--strategy',
        choices=list(STRATEGIES),
        default='original_based',
        help='what the two frames of a pair have in common: the pH (random), the '
        'original sample, or the original sample and the augmentation',
    )
    parser.add_argument('--seed', type=int, default=42, help='of random and --resplit')
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=SPLITS,
        default=list(SPLITS),
        help='the splits to pair',
    )
    parser.add_argument(
        '--resplit',
        action='store_true',
        help='pool the three splits and divide them anew by whole groups, 70/15/15; '
        'changes the paired CSVs only, not the annotation CSVs',
    )
    parser.add_argument(
        '--allow-leakage',
        action='store_true',
        help='pair although splits share vessels or runs',
    )
    return parser.parse_args()


def read_splits(root: Path, splits: list[str]) -> dict[str, pd.DataFrame]:
    """The annotations of each split, every frame and mask decoded once."""
    annotations = {}
    for split in splits:
        start = time.perf_counter()
        annotations[split] = read_annotations(
            root / f'{split}_annotations.csv', check_pixels=True
        )
        seconds = time.perf_counter() - start
        print(
            f'{split}: read {len(annotations[split])} frames and their masks '
            f'({seconds:.1f} s)',
            flush=True,
        )
    return annotations


def table(statistics: dict) -> str:
    """Samples by split, class and availability, as text."""
    labels = {f'{gas}_only': f'{label} only' for gas, label in GAS_LABELS.items()}
    rows = [
        {
            'split': split,
            'class': name,
            **{labels.get(key, key): of_class[key] for key in AVAILABILITY},
            'samples': of_class['samples'],
        }
        for split, counts in statistics.items()
        for name, of_class in [*counts['by_class'].items(), ('all', counts)]
    ]
    return pd.DataFrame(rows).to_string(index=False)


def main() -> None:
    """Read, check, pair, write."""
    args = parse_args()
    root = existing_root(args.root)
    splits = [split for split in SPLITS if split in args.splits]
    if args.resplit and len(splits) < len(SPLITS):
        raise UserError('--resplit needs all three splits; leave out --splits.')
    # Also splits that are not paired now must not share a group with those that are.
    others = [
        split
        for split in SPLITS
        if split not in splits and (root / f'{split}_annotations.csv').is_file()
    ]
    annotations = read_splits(root, splits)
    if args.resplit:
        pool = pd.concat(annotations.values(), ignore_index=True)
        annotations = split_by_group(pool, seed=args.seed)
    elif not args.allow_leakage:
        known = annotations | {
            split: read_annotations(
                root / f'{split}_annotations.csv', check_files=False
            )
            for split in others
        }
        check_leaks(known, root)

    paired = {}
    for split in splits:
        paired[split] = pair_gases(
            annotations[split], strategy=args.strategy, seed=args.seed
        )
        print(f'{split}: made {len(paired[split])} samples', flush=True)
    # Written together: a mistake in the last split must not leave a mixture.
    for split, samples in paired.items():
        write_table(samples, root / f'paired_{split}_annotations.csv')
    statistics = pairing_statistics(paired, annotations)
    simulated = is_simulated(root)
    report = {
        'simulated': simulated,
        'strategy': args.strategy,
        'seed': args.seed,
        'resplit': args.resplit,
        'leakage_allowed': args.allow_leakage,
        'splits': statistics,
    }
    path = root / 'pairing_statistics.json'
    write_json(path, report)
    title = 'simulated data\n' * simulated
    print(f'\n{title}{table(statistics)}\n\nwrote {path} and the paired CSVs beside it')


if __name__ == '__main__':
    run_cli(main)
