r"""Benchmarks: what is fast, how fast, on what.

Each prints a table and, with --json, writes all figures with their spread, the machine
and its load, the versions and the commit.

Examples:
    python benchmarks/run.py latency configs/fume/fume_fastscnn.py --compile
    python benchmarks/run.py simulator --json work_dirs/simulator.json
    python benchmarks/run.py video --help
"""

import argparse
import importlib
import sys
from pathlib import Path

# The modules beside this one go by full names: theirs alone mean other things too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

COMMANDS = ('latency', 'index', 'metrics', 'simulator', 'runtime', 'video')


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    from fume_mm.engine.options import SHARED

    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    commands = parser.add_subparsers(required=True, metavar='BENCHMARK')
    for name in COMMANDS:
        module = importlib.import_module(f'benchmarks.{name}')
        about = module.__doc__ or ''
        command = commands.add_parser(
            name,
            help=about.partition('\n')[0],
            description=about,
            formatter_class=formatter,
        )
        module.add_options(command)
        command.add_argument('--json', **SHARED['--json'])
        command.set_defaults(measure=module.measure)
    return parser.parse_args()


def main() -> None:
    """Measure, print and write."""
    import pandas as pd

    from benchmarks.common import environment
    from fume_mm.io.files import make_folder, write_json

    args = parse_args()
    if args.json:
        make_folder(args.json.parent)  # before minutes of work
    about = environment()
    measured = args.measure(args)
    table = pd.DataFrame(measured.rows)
    print(table.to_string(index=False, float_format='{:,.2f}'.format, na_rep='-'))
    print(*measured.notes, sep='\n')
    print(
        f'{about["cores"]} cores of {about["cpu"]}, under a load of '
        f'{about["load_average"]} at the start'
    )
    if args.json:
        write_json(args.json, {**measured.content, 'environment': about})
        print(f'written: {args.json}')


if __name__ == '__main__':
    from fume_mm.errors import run_cli

    run_cli(main)
