r"""Draw figures of runs for papers: SVG, PDF, PNG.

Of each run training curves, confusion matrix, examples, reliability, ROC and PR curves
and errors; of all runs together radar, bars and cost against quality. Examples and
errors need the predicted masks (tools/test.py --out RUN/masks) and the campaign. What
is made of simulated data or of a leaked split says so.

Example:
    python tools/analysis_tools/figures.py work_dirs/fume_r50 --which all \
        --out work_dirs/fume_r50/figures
    python tools/analysis_tools/figures.py work_dirs/suite/*/seed_0 \
        --which bars radar efficiency --out figures --format pdf
"""

import argparse
from pathlib import Path

from fume_mm.errors import UserError, run_cli

# as fume_mm.reporting.run_plots.KINDS, whose import takes seconds; a test compares them
KINDS = (
    *('curves', 'confusion', 'radar', 'bars', 'efficiency', 'grid'),
    *('reliability', 'roc_pr', 'errors'),
)
ALL = 'all'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', metavar='RUN', nargs='+', help='work dirs of runs')
    parser.add_argument(
        '--which',
        nargs='+',
        choices=(*KINDS, ALL),
        default=[ALL],
        help='figures to draw; `all` leaves out what a run has no files for '
        '(default: all)',
    )
    parser.add_argument('--out', type=Path, required=True, help='folder of the figures')
    parser.add_argument(
        '--format',
        nargs='+',
        choices=('svg', 'pdf', 'png'),
        default=['svg', 'pdf'],
        help='file formats (default: svg pdf)',
    )
    parser.add_argument(
        '--data-root',
        help="the campaign's folder, if it is not where the configs of the runs say",
    )
    parser.add_argument(
        '--errors',
        metavar='N',
        type=int,
        default=12,
        help='frames in the gallery of errors (default: %(default)s)',
    )
    args = parser.parse_args()
    if args.errors < 1:
        parser.error('--errors is 1 or more')
    return args


def main() -> None:
    """Draw and write."""
    args = parse_args()
    from functools import partial

    from fume_mm.reporting import run_plots as run_figures
    from fume_mm.reporting.plots.sheet import figure_bytes
    from fume_mm.reporting.run_folder import RunFolder, name_runs

    runs = [RunFolder(path, data_root=args.data_root) for path in args.runs]
    name_runs(runs)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f'--out: {args.out} cannot be made ({error.strerror}); name another folder.'
        ) from error
    jobs = {}
    for kind in KINDS:
        if kind not in args.which and ALL not in args.which:
            continue
        if kind in run_figures.OF_ALL:
            jobs[kind] = partial(run_figures.OF_ALL[kind], runs)
            continue
        draw = run_figures.OF_ONE[kind]
        if kind == 'errors':
            draw = partial(run_figures.errors, count=args.errors)
        for run in runs:
            of = f'-{run.name.replace("/", "-")}' if len(runs) > 1 else ''
            jobs[f'{kind}{of}'] = partial(draw, run)
    left_out: dict[str, list[str]] = {}
    for name, job in jobs.items():
        try:
            figure = job()
        except UserError as error:
            if ALL not in args.which:
                raise
            left_out.setdefault(str(error), []).append(name)
            continue
        for file_format in args.format:
            path = args.out / f'{name}.{file_format}'
            path.write_bytes(figure_bytes(figure, file_format))
            print(f'written: {path}')
    if len(jobs) == sum(map(len, left_out.values())):
        raise UserError(f'no figure can be drawn: {"; ".join(left_out)}')
    for reason, names in left_out.items():
        print(f'left out: {", ".join(names)} ({reason})')


if __name__ == '__main__':
    run_cli(main)
