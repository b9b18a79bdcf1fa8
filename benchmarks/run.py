r"""Benchmarks: what is fast, how fast, beside what, and how far from the floor.

Each case measures our code and a baseline in turns (A B B A ...) in one run, each in a
process of its own, and prints medians, quartiles and the ratio of the turns side by
side. The baseline is another commit of this repository (--base, HEAD if nothing is
named: what the working tree changes) or the original implementation (--original).
With --json also the machine, its load, versions, commits, floors.

Examples:
    python benchmarks/run.py --quick
    python benchmarks/run.py step loop --base HEAD~10 --json work_dirs/step.json
    python benchmarks/run.py --original ../fume model --config configs/peers/enet.py
    python benchmarks/run.py --list
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

# The modules beside this one go by full names: theirs alone mean other things too.
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.cases import ALL, CASES, FLOORS, SLOW  # noqa: E402
from benchmarks.common import Case, Setting, environment, spread  # noqa: E402
from benchmarks.performance_page import HEADER, cells, filled, where  # noqa: E402
from benchmarks.sides import Side, measure, open_sides  # noqa: E402
from fume_mm.engine.options import SHARED  # noqa: E402
from fume_mm.errors import UserError, run_cli  # noqa: E402

SMALL = (320, 240)
DEFAULT_CONFIG = Setting.config


def whole(text: str) -> int:
    """The type of an option that is a whole number, one or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'is {text}; choose a whole number, 1 or more')
    return int(text)


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'cases',
        metavar='CASE',
        nargs='*',
        help='cases, or groups of them by what stands before a dash (all)',
    )
    parser.add_argument('--list', action='store_true', help='name the cases and end')
    parser.add_argument(
        '--quick', action='store_true', help='fewer repeats, without the longest cases'
    )
    parser.add_argument(
        '--base', metavar='REV', help='a commit of this repository to compare with'
    )
    parser.add_argument(
        '--original',
        metavar='PATH',
        type=Path,
        help='a checkout of github.com/taminulislam/fume to compare with',
    )
    parser.add_argument(
        '--original-packages',
        metavar='DIR',
        type=Path,
        help='a folder of packages that the original alone shall have, such as the '
        'albumentations 1.3.1 that it asks for',
    )
    parser.add_argument(
        '--config',
        metavar='CONFIG',
        nargs='+',
        default=[DEFAULT_CONFIG],
        help=f'the models, each case of each ({DEFAULT_CONFIG})',
    )
    parser.add_argument(
        '--size',
        type=whole,
        nargs=2,
        default=(640, 480),
        metavar=('WIDTH', 'HEIGHT'),
        help='pixels of a frame (640 480)',
    )
    parser.add_argument('--batch', type=whole, default=8, help='in training (8)')
    parser.add_argument('--repeats', type=whole, help="turns (each case's own)")
    parser.add_argument('--json', **SHARED['--json'])
    parser.add_argument(
        '--page',
        metavar='FILE',
        type=Path,
        help='also put the table into this page (docs/performance.md)',
    )
    return parser.parse_args()


def select(names: Sequence[str], *, quick: bool) -> list[Case]:
    """The cases by name or group.

    Raises:
        UserError: If there is no such case.
    """
    if not names:
        return [case for case in CASES if not (quick and case.name in SLOW)]
    for name in names:
        if not any(name in (x.name, x.name.partition('-')[0]) for x in CASES):
            raise UserError(
                f'{name}: there is no such case; `python benchmarks/run.py --list` '
                'names them.'
            )
    groups = {name for name in names if name not in ALL}
    return [
        case
        for case in CASES
        if case.name in names or case.name.partition('-')[0] in groups
    ]


def write_campaigns(scratch: Path, setting: Setting) -> None:
    """Two simulated campaigns: one with both gases throughout, one as the owners'.

    In the founding document's training split 57 % of the samples have no CH4 frame.
    """
    size = '640x480' if setting.size[0] > SMALL[0] else '320x240'
    vessels = 24 if setting.quick else 60
    for name, missing, number in (('both', 0.0, 18), ('founding', 0.57, vessels)):
        root = scratch / name
        options = [f'--vessels={number}', '--frames-per-vessel=4', f'--size={size}']
        options += [f'--missing-ch4={missing}', '--missing-co2=0']
        for command in (
            ['simulate_ogi.py', str(root), *options],
            ['pair_gases.py', str(root)],
        ):
            tool = str(ROOT / 'tools/dataset_converters' / command[0])
            subprocess.run(
                [sys.executable, tool, *command[1:]],
                check=True,
                capture_output=True,
                cwd=ROOT,
            )


def summary(
    case: Case, figures: dict[str, list[dict[str, float]]]
) -> list[dict[str, Any]]:
    """A row for each figure that counts and each side beside ours, or ours alone."""
    rows = []
    ours = figures.get('ours', [])
    for key in case.keys if ours else ():
        mine = [x[key] for x in ours]
        row: dict[str, Any] = {'case': case.name, 'about': case.about, 'key': key}
        row['ours'] = spread(mine)
        others = [name for name in figures if name != 'ours']
        for name in others:
            theirs = [x[key] for x in figures[name]]
            ratios = [a / b for a, b in zip(mine, theirs, strict=False) if b]
            rows.append(
                {
                    **row,
                    'baseline': name,
                    'theirs': spread(theirs),
                    'ratio': spread(ratios) if ratios else None,
                }
            )
        if not others:
            rows.append(row)
    return rows


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """The rows in columns."""
    lines = [HEADER, *map(cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        pairs = zip(line, widths, strict=True)
        print('  '.join(text.ljust(width) for text, width in pairs).rstrip())


def one_config(
    cases: Sequence[Case],
    sides: dict[str, Side],
    setting: Setting,
    repeats: int | None,
    report: dict[str, Any],
) -> Iterator[None]:
    """Measure every case with one config into the report, case by case."""
    known: dict[str, Any] = {}
    if any(case.floor for case in cases):
        ours = {'ours': sides['ours']}
        figures, notes = measure(FLOORS, ours, setting, repeats=1, warmup=0)
        known = figures.get('ours', [{}])[0]
        report['floors'][setting.config] = known
        report['notes'] += notes
    for case in cases:
        print(f'{case.name} ...', file=sys.stderr, flush=True)
        number = repeats or case.repeats[0 if setting.quick else 1]
        figures, notes = measure(case, sides, setting, repeats=number, warmup=1)
        report['notes'] += notes
        for row in summary(case, figures):
            row['config'] = setting.config
            row['threads'] = case.threads
            if known and row['key'] in case.floor:
                row['floor'] = case.floor[row['key']](known, setting)
            report['rows'].append(row)
        yield


def revision(tree: Path) -> str | None:
    """The commit of a checkout; None if it is none."""
    done = subprocess.run(
        ['git', '-C', str(tree), 'rev-parse', 'HEAD'],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


def main() -> None:
    """Measure, print and write."""
    args = parse_args()
    if args.list:
        for case in CASES:
            print(f'{case.name:18} {case.about}')
        return
    cases = select(args.cases, quick=args.quick)
    for path in args.config:
        if not (ROOT / path).is_file():
            raise UserError(f'{path}: there is no such config in {ROOT}.')
    base = args.base
    if base is None and args.original is None and (ROOT / '.git').exists():
        base = 'HEAD'
    from fume_mm.io.files import make_folder, write_json

    if args.json:
        make_folder(args.json.parent)  # before minutes of work
    begin = time.monotonic()
    report: dict[str, Any] = {
        'rows': [],
        'notes': [],
        'floors': {},
        'size': args.size,
        'batch': args.batch,
        'quick': args.quick,
        'environment': environment(),
    }
    with tempfile.TemporaryDirectory(prefix='fume_mm_benchmark_') as folder:
        setting = Setting(
            folder, tuple(args.size), args.batch, args.config[0], args.quick
        )
        with open_sides(
            Path(folder),
            twin=any(case.other is not None for case in cases),
            base=base,
            original=args.original,
            packages=args.original_packages,
        ) as sides:
            report['baselines'] = {
                name: revision(sides[name].tree)
                for name in ('base', 'original')
                if name in sides
            }
            if any(case.campaigns for case in cases):
                write_campaigns(Path(folder), setting)
            for config in args.config:
                setting = replace(setting, config=config)
                for _ in one_config(cases, sides, setting, args.repeats, report):
                    if args.json:  # what is measured stays if the rest is stopped
                        write_json(args.json, report)
    print_table(report['rows'])
    print(*report['notes'], sep='\n', end='\n' if report['notes'] else '')
    print(f'{where(report)} {time.monotonic() - begin:.0f} s')
    if args.page:
        page = args.page.read_text(encoding='utf-8')
        args.page.write_text(filled(page, report), encoding='utf-8')
    for path in filter(None, (args.json, args.page)):
        print(f'written: {path}')


if __name__ == '__main__':
    run_cli(main)
