"""Bring reviewed masks into a campaign: the accepted ones, with or without gas.

Writes OUT/reviewed_annotations.csv. Frames that do not lie below OUT are copied there.
Rows that are new or rejected stay out and are counted.
"""

import argparse
from pathlib import Path

from fume_mm.datasets.reviewing import Review, collect_reviewed
from fume_mm.engine.options import make_parser
from fume_mm.errors import run_cli

EXAMPLE = """\
example:
  python tools/dataset_converters/collect_reviewed.py data/clips
  python tools/dataset_converters/split_by_group.py \\
      data/clips/reviewed_annotations.csv --out data/clips
"""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__, epilog=EXAMPLE)
    parser.add_argument('review', type=Path, help='review.csv, or its folder')
    parser.add_argument(
        '--out', type=Path, help="data root of the campaign (the review's folder)"
    )
    return parser.parse_args()


def main() -> None:
    """Collect and count."""
    args = parse_args()
    review = Review(args.review)
    path, rows, copied = collect_reviewed(review, args.out)
    for status, count in review.counts().items():
        print(f'{count:6} {status}')
    print(f'written: {path} ({len(rows)} frames, {copied} of them copied)')
    print(
        'next: python tools/dataset_converters/split_by_group.py '
        f'{path} --out {path.parent}'
    )


if __name__ == '__main__':
    run_cli(main)
