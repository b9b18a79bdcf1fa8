r"""Tables 1, 3 and 4 of FUME's paper, from finished runs.

RUN is a folder in which tools/test.py has written, or one that holds several (a suite
of run_suite.py). Several seeds of a config are one row. Runs over folds are two: their
test predictions put together, and the mean of the folds. Runs that diverged are left
out and named below the table; what was not measured is marked.

With --apart the table is another: each model's figures on a published split (RUN)
beside those with recordings apart.

Example:
    python tools/analysis_tools/compare.py work_dirs/suite --table 1 --format md
    python tools/analysis_tools/compare.py work_dirs/published --apart work_dirs/folds
"""

import argparse
import json
from pathlib import Path
from typing import Any

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, '--imports')
    parser.add_argument('runs', metavar='RUN', nargs='+', help='folders of runs')
    parser.add_argument(
        '--table', type=int, choices=(1, 3, 4), default=1, help='(default: %(default)s)'
    )
    parser.add_argument(
        '--format',
        choices=('text', 'md', 'csv', 'latex'),
        default='md',
        help='(default: %(default)s)',
    )
    parser.add_argument(
        '--metrics',
        nargs='+',
        metavar='KEY',
        help='instead of a table of the paper: these keys of test_results.json',
    )
    parser.add_argument(
        '--apart',
        metavar='RUN',
        nargs='+',
        help='folders of runs of the same configs with recordings apart, over folds or '
        'not',
    )
    parser.add_argument(
        '--paper', action='store_true', help='also the published figures, so labelled'
    )
    parser.add_argument(
        '--latency',
        metavar='FILE',
        type=Path,
        help='JSON of benchmarks/run.py model, for latency and FPS',
    )
    parser.add_argument('--out', metavar='FILE', type=Path, help='also write it here')
    return parser.parse_args()


def latencies(path: Path | None) -> dict[str, float]:
    """Median ms by config name, of the case ``model``.

    Raises:
        UserError: If the file is not of ``benchmarks/run.py model``.
    """
    if path is None:
        return {}
    try:
        rows = json.loads(path.read_text(encoding='utf-8'))['rows']
        return {
            Path(row['config']).stem: row['ours']['median']
            for row in rows
            if (row['case'], row['key']) == ('model', 'wall')
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f'{path}: is no file of benchmarks/run.py model ({error}).'
        ) from error


def costs(model: Any, timed: dict[str, float]) -> dict[str, float]:
    """What a model costs, as far as it can be told."""
    from fume_mm.engine.complexity import complexity
    from fume_mm.engine.config import load_config
    from fume_mm.io.bundled import bundled

    found: dict[str, float] = {}
    if model.name in timed:
        found['latency'] = timed[model.name]
        found['fps'] = 1000 / timed[model.name]
    if Path(bundled(model.config)).is_file():
        cost = complexity(load_config(model.config))
        if cost.parameters:
            found |= {'parameters': cost.parameters, 'macs': cost.macs}
    return found


def main() -> None:
    """Compare."""
    args = parse_args()
    from fume_mm.registry import import_modules
    from fume_mm.reporting.comparison import (
        beside,
        columns_of,
        comparison,
        labels_of,
        read_runs,
    )
    from fume_mm.reporting.rendering import render

    import_modules(args.imports)
    timed = latencies(args.latency)
    models = read_runs(args.runs)
    table = columns_of(args.metrics, labels_of(models)) if args.metrics else args.table
    if args.apart:
        compared = beside(models, read_runs(args.apart), args.metrics or ())
    else:
        known = {model.name: costs(model, timed) for model in models if model.results}
        compared = comparison(models, table, costs=known, paper=args.paper)
    text = render(compared, args.format) + '\n'
    print(text, end='')
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    run_cli(main)
