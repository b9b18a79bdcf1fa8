r"""Write the report of a tested run: one HTML page that opens offline.

Scores with 95 % intervals, figures, config, data card, environment, and at the top in
plain words what makes the numbers less than they seem. The page holds its figures and
needs no other file, font or script. Examples and errors need the predicted masks
(tools/test.py --out RUN/masks) and the campaign; without them the page says so.

Where RUN holds the runs of a config over folds, the page is of all of them: of the test
predictions put together, with the mean and the spread over folds.

Example:
    python tools/analysis_tools/report.py work_dirs/fume_r50 --out fume_r50.html
"""

import argparse
from pathlib import Path

from fume_mm.engine.options import make_parser
from fume_mm.errors import run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, '--data-root')
    parser.add_argument('run', metavar='RUN', help='work dir of a tested run')
    parser.add_argument(
        '--out', type=Path, help='the page (default: report.html in the run)'
    )
    parser.add_argument(
        '--published',
        metavar='RUN',
        help='also set this run of the same config, on a published split, beside it',
    )
    return parser.parse_args()


def main() -> None:
    """Write."""
    args = parse_args()
    from fume_mm.io.files import written_file
    from fume_mm.reporting.cross_validation import open_run
    from fume_mm.reporting.page import report_html

    run = open_run(args.run, data_root=args.data_root)
    published = args.published and open_run(args.published)
    page = report_html(run, published=published or None)
    out = args.out or run.path / 'report.html'
    with written_file(out) as part:
        part.write_text(page, encoding='utf-8')
    print(f'written: {out}')


if __name__ == '__main__':
    run_cli(main)
