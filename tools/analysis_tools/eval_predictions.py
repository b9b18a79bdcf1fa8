r"""Compute every score again from saved predictions, without model and frames.

From the predictions.csv (or .parquet) of tools/test.py, equal to its figures to the
digit; or from a folder of masks (tools/test.py --out, or any other program's) and the
annotations of the campaign.

Example:
    python tools/analysis_tools/eval_predictions.py work_dirs/fume_r50/predictions.csv
    python tools/analysis_tools/eval_predictions.py --masks work_dirs/fume_r50/masks \\
        --ann paired_test_annotations.csv --data-root data/ogi_sim
"""

import argparse
from pathlib import Path

from fume_mm.engine.options import make_parser
from fume_mm.errors import run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, '--data-root', '--resamples', '--json', '--imports')
    parser.add_argument(
        'predictions', nargs='?', help='predictions.csv or .parquet of tools/test.py'
    )
    parser.add_argument(
        '--masks',
        metavar='DIR',
        type=Path,
        help='folder of predicted masks, <sample_id>_<gas>.png; needs --ann and '
        '--data-root',
    )
    parser.add_argument(
        '--ann',
        metavar='CSV',
        help='paired annotations of the samples, relative to the data root; the other '
        'splits lie beside them',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')
    parser.add_argument(
        '--table',
        help='where to write the row of each sample, .csv or .parquet; with --masks',
    )
    args = parser.parse_args()
    if (args.predictions is None) == (args.masks is None):
        parser.error('give either a file of predictions or --masks')
    if args.masks and not (args.ann and args.data_root):
        parser.error('--masks needs --ann and --data-root')
    return args


def main() -> None:
    """Compute and print."""
    args = parse_args()
    from fume_mm.engine.saved_masks import table_of_masks
    from fume_mm.evaluation.predictions import (
        check_path,
        read_predictions,
        write_predictions,
    )
    from fume_mm.evaluation.scores import Scores
    from fume_mm.evaluation.table import marks_of
    from fume_mm.io.label_file import read_labels
    from fume_mm.registry import import_modules
    from fume_mm.reporting.test_results import (
        content_text,
        labels_beside,
        write_results,
    )

    import_modules(args.imports)
    if args.table:
        check_path(args.table)
    if args.masks:
        labels = read_labels(args.data_root)
        table = table_of_masks(args.masks, args.ann, args.data_root)
    else:
        labels = labels_beside(args.predictions)
        table = read_predictions(args.predictions, labels)
    scores = Scores.of_table(table, labels=labels)
    scores = scores.with_intervals(args.resamples, args.seed)
    content = {
        'predictions': str(args.predictions or args.masks),
        **marks_of(table),
        **scores.to_json(),
    }
    print(content_text(content))
    if args.json:
        write_results(content, args.json)
        print(f'written: {args.json}')
    if args.table:
        write_predictions(table, args.table)
        print(f'written: {args.table}')


if __name__ == '__main__':
    run_cli(main)
