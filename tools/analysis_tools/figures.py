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

from fume_mm.engine.options import make_parser
from fume_mm.errors import run_cli
from fume_mm.reporting.plots import FIGURES

ALL = 'all'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, '--data-root')
    parser.add_argument('runs', metavar='RUN', nargs='+', help='work dirs of runs')
    parser.add_argument(
        '--which',
        nargs='+',
        choices=(*FIGURES, ALL),
        default=[ALL],
        help='figures to draw; `all` leaves out what a run has no files for '
        '(default: all)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        help='folder of the figures (default: figures in the run, if it is one)',
    )
    parser.add_argument(
        '--format',
        nargs='+',
        choices=('svg', 'pdf', 'png'),
        default=['svg', 'pdf'],
        help='file formats (default: svg pdf)',
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
    if args.out is None and len(args.runs) > 1:
        parser.error('of several runs, give --out: the folder of the figures')
    args.out = args.out or Path(args.runs[0], 'figures')
    return args


def main() -> None:
    """Draw and write."""
    args = parse_args()
    from fume_mm.reporting.run_plots import write_figures  # takes seconds

    write_figures(
        args.runs,
        None if ALL in args.which else args.which,
        args.out,
        formats=args.format,
        data_root=args.data_root,
        gallery=args.errors,
    )


if __name__ == '__main__':
    run_cli(main)
