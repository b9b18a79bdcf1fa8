"""Pair the CO2 and CH4 frames of a campaign into samples.

Reads <root>/{split}_annotations.csv; writes paired_{split}_annotations.csv and
pairing_statistics.json beside them, or to --out.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import pandas as pd

from fume_mm.datasets.annotations import (
    existing_root,
    is_simulated,
    read_annotations,
)
from fume_mm.datasets.folds import FOLD_FOLDERS
from fume_mm.datasets.frame_limits import add_limits
from fume_mm.datasets.grouping import by_frame_note
from fume_mm.datasets.pairing import (
    STRATEGIES,
    auto_strategy,
    pair_gases,
    pairing_statistics,
)
from fume_mm.datasets.splitting import check_leaks, split_by_group
from fume_mm.errors import UserError, run_cli
from fume_mm.io.files import make_folder, write_json
from fume_mm.io.label_file import read_labels
from fume_mm.io.tables import write_table
from fume_mm.structures import AVAILABILITY, GAS_LABELS, GASES, SPLITS

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
        choices=['auto', *STRATEGIES],
        default='auto',
        help='what the two frames of a pair have in common: the original sample '
        '(original_based), and the augmentation (augmentation_matched), the pH '
        '(random), the pH and class within a vessel or recording (same_group) or in '
        'any (same_ph); auto is original_based where originals have both gases, else '
        'same_group where groups have, else same_ph',
    )
    parser.add_argument(
        '--uses',
        type=int,
        default=1,
        help='how many pairs a frame of the rarer gas may be in, where pairs are by pH',
    )
    parser.add_argument(
        '--seed', type=int, default=42, help='of pairs by pH and of --resplit'
    )
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
        '--group-pattern',
        metavar='REGEX',
        help='what in the names is the recording, in place of columns and known forms',
    )
    parser.add_argument(
        '--allow-leakage',
        action='store_true',
        help='pair although splits share vessels or recordings',
    )
    parser.add_argument(
        '--allow-unpaired',
        action='store_true',
        help='go on where two gases give no pair at all',
    )
    parser.add_argument(
        '--annotations',
        type=Path,
        help='folder of the annotation CSVs, or of the folds, if not the data root',
    )
    parser.add_argument(
        '--folds',
        action='store_true',
        help=f'pair each fold that is there ({", ".join(FOLD_FOLDERS)})',
    )
    parser.add_argument(
        '--out',
        type=Path,
        help='folder to write to, beside the annotation CSVs if none',
    )
    return parser.parse_args()


def read_splits(
    folder: Path, root: Path, splits: list[str], *, pattern: str | None, pixels: bool
) -> dict[str, pd.DataFrame]:
    """The annotations of each split; with ``pixels`` every frame decoded once."""
    annotations = {}
    for split in splits:
        start = time.perf_counter()
        annotations[split] = read_annotations(
            folder / f'{split}_annotations.csv',
            root=root,
            check_pixels=pixels,
            group_pattern=pattern,
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


def refuse_unpaired(paired: dict[str, pd.DataFrame], strategy: str) -> None:
    """Refuse two gases of which no two frames have met."""
    samples = pd.concat(paired.values())
    frames = {gas: int((samples[f'{gas}_frame'] != '').sum()) for gas in GASES}
    if samples['is_paired'].any() or not all(frames.values()):
        return
    counted = ' and '.join(f'{n} {GAS_LABELS[gas]}' for gas, n in frames.items())
    shared = ', '.join(dict.fromkeys(sum(STRATEGIES[strategy], ())))
    raise UserError(
        f'{counted} frames give no pair by {strategy}: within a split no two frames of '
        f'the two gases have the same {shared}. Pair by another strategy (same_ph), or '
        'give --allow-unpaired, and every sample has one gas.'
    )


def pair(
    root: Path, folder: Path, out: Path, args: argparse.Namespace, *, pixels: bool
) -> None:
    """Read, check, pair and write the CSVs of one folder."""
    splits = [split for split in SPLITS if split in args.splits]
    # Also splits that are not paired now must not share a group with those that are.
    others = [
        split
        for split in SPLITS
        if split not in splits and (folder / f'{split}_annotations.csv').is_file()
    ]
    pattern = args.group_pattern
    annotations = read_splits(folder, root, splits, pattern=pattern, pixels=pixels)
    pool = pd.concat(annotations.values(), ignore_index=True)
    if args.resplit:
        annotations = split_by_group(
            pool, seed=args.seed, balance=['gas_type', 'ph_value']
        )
    elif not args.allow_leakage:
        known = annotations | {
            split: read_annotations(
                folder / f'{split}_annotations.csv',
                root=root,
                check_files=False,
                group_pattern=pattern,
            )
            for split in others
        }
        check_leaks(known, root)

    strategy = auto_strategy(pool) if args.strategy == 'auto' else args.strategy
    paired = {}
    for split in splits:
        paired[split] = pair_gases(
            annotations[split], strategy=strategy, seed=args.seed, uses=args.uses
        )
        print(f'{split}: made {len(paired[split])} samples', flush=True)
    if not args.allow_unpaired:
        refuse_unpaired(paired, strategy)
    names = read_labels(root).health_classes
    statistics = pairing_statistics(paired, annotations, names)
    paired = add_limits(paired, pool, root)
    report: dict[str, Any] = {
        'simulated': is_simulated(root),
        'strategy': strategy,
        'seed': args.seed,
        'uses': args.uses,
        'resplit': args.resplit,
        'leakage_allowed': args.allow_leakage,
        'grouped_by': sorted(set(pool['grouped_by'])),
        'splits': statistics,
    }
    make_folder(out)
    # Written together: a mistake in the last split must not leave a mixture.
    for split, samples in paired.items():
        write_table(samples, out / f'paired_{split}_annotations.csv')
    path = out / 'pairing_statistics.json'
    write_json(path, report)
    print('\n' + 'simulated data\n' * report['simulated'] + table(statistics))
    words = pd.concat(paired.values())['pairing']
    for text, number in words[words != ''].value_counts().items():
        print(f'{number} pairs: {text}')
    if note := by_frame_note(pool):
        print(note)
    print(f'wrote {path} and the paired CSVs beside it')


def main() -> None:
    """Pair a campaign, or each of its folds."""
    args = parse_args()
    root = existing_root(args.root)
    if args.resplit and len(set(args.splits)) < len(SPLITS):
        raise UserError('--resplit needs all three splits; leave out --splits.')
    where = args.annotations or root
    folders = [where]
    if args.folds:
        folders = sorted(
            path for form in FOLD_FOLDERS for path in where.glob(form) if path.is_dir()
        )
        if not folders:
            raise UserError(
                f'{where} has no fold ({", ".join(FOLD_FOLDERS)}); make some with '
                f'`python tools/dataset_converters/split_by_group.py {root} --out '
                f'{root} --folds 5`.'
            )
    for number, folder in enumerate(folders):
        out = args.out or folder
        if args.folds and args.out:
            out = args.out / folder.relative_to(where)
        if args.folds:
            print(f'\n{folder}')
        # The folds are of the same frames.
        pair(root, folder, out, args, pixels=number == 0)


if __name__ == '__main__':
    run_cli(main)
