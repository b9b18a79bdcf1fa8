"""Look for everything that is wrong with a campaign, and count what it holds.

Every row of the annotation CSVs (and of the paired CSVs, where there are any), every
frame and every mask is looked at; copies across splits are found by a hash of the
decoded pixels. Probes look for leaks that no name tells: nearly equal frames across
splits, labels painted into frames, classes given away by the file. Exit status: 0
nothing is wrong (there may be warnings), 1 something is, 2 the command is.
"""

import argparse
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import pandas as pd

from fume_mm.datasets.checking import CampaignReport, check_campaign
from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.cells import RowWriter
from fume_mm.io.label_file import read_labels
from fume_mm.io.tables import Defect
from fume_mm.structures import GASES, SPLITS

EXAMPLE = """\
example:
  python tools/misc/check_dataset.py data/ogi_sim --out defects.csv
"""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__, '--annotations', '--workers', epilog=EXAMPLE)
    parser.add_argument('root', type=Path, help='data root of the campaign')
    parser.add_argument(
        '--out', type=Path, help='CSV to write, a row per defect and warning'
    )
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=SPLITS,
        default=list(SPLITS),
        help='the splits that must be there (all three)',
    )
    parser.add_argument(
        '--deep',
        action='store_true',
        help='also try whether the class can be told with the gas erased',
    )
    return parser.parse_args()


def print_counts(frames: pd.DataFrame, classes: Sequence[str]) -> None:
    """Frames by split, class and gas, and by pH and gas."""
    if 'group' not in frames:
        return
    names = dict(enumerate(classes))
    labels = frames.assign(
        health=frames['class_id'].map(names).fillna('no class'),
        pH=frames['ph_value'].map('{:g}'.format).replace('nan', 'none'),
        gas=frames['gas_type'].where(frames['gas_type'].isin(GASES), 'unknown'),
    )
    for keys in (['split', 'health'], ['pH']):
        table = labels.pivot_table(
            index=keys, columns='gas', aggfunc='size', fill_value=0, sort=False
        )
        present = [gas for gas in (*GASES, 'unknown') if gas in table]
        table = table[present].assign(frames=table.sum(axis=1))
        if keys == ['pH']:
            table = table.sort_index(ascending=False)
            table.loc['all'] = table.sum()
        text = table.rename_axis(columns=None).reset_index()
        print(f'\n{text.to_string(index=False)}')


def print_findings(findings: list[Defect], prefix: str = '') -> None:
    """A line per kind of finding and file, with the first example."""

    def kind(found: Defect) -> tuple[str, str, str]:
        return found.file, found.problem, found.way_out

    print()
    for (file, problem, way_out), alike in itertools.groupby(
        sorted(findings, key=kind), kind
    ):
        found = list(alike)
        first = found[0]
        place = '' if first.line is None else f', line {first.line}'
        shown = f' ({first.shown})' if first.shown else ''
        more = f' and {len(found) - 1} more' if len(found) > 1 else ''
        end = f'; {way_out}.' if way_out else '.'
        print(f'{prefix}{file}{place}{shown}{more}: {problem}{end}')


def write_findings(report: CampaignReport, path: Path) -> None:
    """A row per defect and per warning; a header alone if there is none."""
    with path.open('w', newline='', encoding='utf-8') as file:
        columns = [field.name for field in dataclasses.fields(Defect)]
        writer = RowWriter(file, [*columns, 'kind'])
        writer.writeheader()
        for kind, found in (('defect', report.defects), ('warning', report.warnings)):
            rows = (dataclasses.asdict(each) | {'kind': kind} for each in found)
            writer.writerows(rows)


def print_report(report: CampaignReport) -> None:
    """Counts, notes, warnings, defects, and a last line that sums up."""
    print_counts(report.frames, read_labels(report.root).health_classes)
    if report.notes:
        print('\n' + '\n'.join(report.notes))
    if report.warnings:
        print_findings(report.warnings, 'warning: ')
    if report.defects:
        print_findings(report.defects)
    number, warned = len(report.defects), len(report.warnings)
    text = f'{number} defects' if number else 'no defects'
    print(f'\n{report.root}: {text}' + (f', {warned} warnings' if warned else ''))


def main() -> int:
    """Check, print, write; 1 if there are defects."""
    args = parse_args()
    if args.workers is not None and args.workers < 1:
        raise UserError(f'--workers {args.workers} is too few; choose 1 or more.')
    if args.out is not None and not args.out.parent.is_dir():
        raise UserError(f'--out: {args.out.parent} is no folder; make it first.')
    cv2.setNumThreads(1)
    splits = [split for split in SPLITS if split in args.splits]
    report = check_campaign(
        args.root,
        ann_root=args.annotations,
        splits=splits,
        workers=args.workers,
        deep=args.deep,
    )
    print_report(report)
    if args.out is not None:
        write_findings(report, args.out)
    return int(bool(report.defects))


if __name__ == '__main__':
    run_cli(main)
