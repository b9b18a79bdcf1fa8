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
from typing import TYPE_CHECKING, Any

from fume_mm.errors import UserError, run_cli

if TYPE_CHECKING:
    import pandas as pd


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
        help='paired annotations of the samples, relative to the data root',
    )
    parser.add_argument('--data-root', type=Path, help="the campaign's folder")
    parser.add_argument(
        '--resamples',
        type=int,
        default=1000,
        help='resamples of the vessels for the intervals, 0 for no intervals '
        '(default: %(default)s)',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the resamples')
    parser.add_argument(
        '--json', type=Path, help='where to write the figures, as in test_results.json'
    )
    parser.add_argument(
        '--table',
        help='where to write the row of each sample, .csv or .parquet; with --masks',
    )
    args = parser.parse_args()
    if (args.predictions is None) == (args.masks is None):
        parser.error('give either a file of predictions or --masks')
    if args.masks and not (args.ann and args.data_root):
        parser.error('--masks needs --ann and --data-root')
    if args.resamples < 0 or args.resamples == 1:
        parser.error('--resamples is 0, or 2 and more')
    return args


def table_of_masks(folder: Path, ann: str, root: Path) -> 'pd.DataFrame':
    """The table of a campaign's split and a folder of masks.

    Raises:
        UserError: If the annotations, a mask of a frame or its size are not right.
    """
    from fume_mm.datasets.annotations import is_simulated
    from fume_mm.datasets.pairing import read_paired
    from fume_mm.evaluation import BoundaryMetric, DualGasEvaluator, SegmentationMetric

    if not folder.is_dir():
        raise UserError(f'{folder}: there is no such folder; name that of the masks.')
    samples = read_paired(root / ann, root=root)
    evaluator = DualGasEvaluator([SegmentationMetric(), BoundaryMetric()])
    for sample in samples.to_dict('records'):
        evaluator.process([with_masks(sample, folder, root)])
    evaluator.evaluate(len(samples))
    assert evaluator.table is not None
    return evaluator.table.assign(
        simulated=is_simulated(root), leakage=shares_groups(root, ann)
    )


def shares_groups(root: Path, ann: str) -> bool:
    """Whether the split has a vessel (or run, or frame) of another split."""
    from fume_mm.datasets.pairing import read_paired
    from fume_mm.datasets.splitting import find_leaks
    from fume_mm.structures import SPLITS

    paths = {split: root / f'paired_{split}_annotations.csv' for split in SPLITS}
    found = {
        split: read_paired(path, root=root, check_files=False)[['groups']]
        for split, path in paths.items()
        if path.exists() or path.name == Path(ann).name
    }
    return bool(find_leaks(found, column='groups'))


def with_masks(row: dict[Any, Any], folder: Path, root: Path) -> dict[str, Any]:
    """A sample as the evaluator wants it, of a row of the paired annotations."""
    from fume_mm.io.files import file_name
    from fume_mm.structures import GASES

    sample = {key: row[key] for key in ('sample_id', 'groups', 'ph_value')}
    for gas in (gas for gas in GASES if row[f'{gas}_frame']):
        name = file_name(str(row['sample_id']))  # as MaskHook writes it
        sample[gas] = {
            'gt_sem_seg': {'data': mask_tensor(root / row[f'{gas}_mask'])},
            'pred_sem_seg': {'data': mask_tensor(folder / f'{name}_{gas}.png')},
        }
    return sample


def mask_tensor(path: Path) -> Any:
    """(1, H, W) class ids of a mask."""
    import torch

    from fume_mm.io.images import read_mask

    return torch.from_numpy(read_mask(path))[None].long()


def main() -> None:
    """Compute and print."""
    args = parse_args()
    from fume_mm.evaluation import compute_figures
    from fume_mm.evaluation.figures import describe_samples
    from fume_mm.evaluation.predictions import (
        check_path,
        marks_of,
        read_predictions,
        write_predictions,
    )
    from fume_mm.reporting.test_results import (
        figures_content,
        results_table,
        write_results,
    )

    if args.table:
        check_path(args.table)
    if args.masks:
        table = table_of_masks(args.masks, args.ann, args.data_root)
    else:
        table = read_predictions(args.predictions)
    content = {
        'predictions': str(args.predictions or args.masks),
        **marks_of(table),
        **figures_content(
            compute_figures(table),
            describe_samples(table),
            table,
            resamples=args.resamples,
            seed=args.seed,
        ),
    }
    print(results_table(content))
    if args.json:
        write_results(content, args.json)
        print(f'written: {args.json}')
    if args.table:
        write_predictions(table, args.table)
        print(f'written: {args.table}')


if __name__ == '__main__':
    run_cli(main)
