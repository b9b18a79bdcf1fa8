"""Count and measure what a campaign holds: tables, and with --out CSVs and figures.

Counts by split, class, pH and gas; which gases the samples have; area of gas and tube;
gray levels of the background and contrast of the gas. Every frame and mask is decoded
once. How to read the columns: docs/datasets.md.
"""

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from fume_mm.datasets.annotations import is_simulated
from fume_mm.datasets.statistics import (
    MEASURES,
    count_availability,
    count_by_class,
    count_by_ph,
    count_pairing,
    gray_table,
    health_groups,
    measure_campaign,
    read_frames,
    read_samples,
    summarise,
)
from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.files import make_folder
from fume_mm.io.label_file import read_labels
from fume_mm.io.tables import write_csv
from fume_mm.structures import SPLITS
from fume_mm.structures.labels import Labels

EXAMPLE = """\
example:
  python tools/analysis_tools/dataset_stats.py data/ogi_sim --out work_dirs/stats
"""
#: Columns of frames.csv.
FRAME_COLUMNS = ('split', 'frame_path', 'gas_type', 'ph_value', 'health', *MEASURES)
#: Headings in the printed tables that differ from those in the CSVs.
HEADINGS = {
    'gas_type': 'gas',
    'ph': 'pH',
    'without_gas_percent': 'no gas %',
    'gas_percent_mean': 'gas %',
    'gas_percent_median': 'median',
    'gas_percent_p90': 'p90',
    'tube_percent_mean': 'tube %',
    'background_gray_median': 'background',
    'contrast_p10': 'contrast p10',
    'contrast_median': 'median',
    'contrast_p90': 'p90',
}


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__, '--annotations', '--workers', epilog=EXAMPLE)
    parser.add_argument('root', type=Path, help='data root of the campaign')
    parser.add_argument(
        '--out', type=Path, help='folder for CSVs and figures; made if need be'
    )
    parser.add_argument(
        '--splits', nargs='+', choices=SPLITS, help='the splits to count (all there)'
    )
    return parser.parse_args()


def text(table: pd.DataFrame) -> str:
    """A table as compact text, numbers to a tenth and what is not there as a dash."""
    if 'ph' in table:
        table = table.assign(ph=table['ph'].map('{:.1f}'.format).replace('nan', 'none'))
    return table.rename(columns=HEADINGS).to_string(
        index=False, float_format='{:.1f}'.format, na_rep='-'
    )


def draw(
    tables: dict[str, pd.DataFrame],
    measured: pd.DataFrame,
    histograms: dict[str, np.ndarray],
    *,
    out: Path,
    note: str | None,
    labels: Labels,
) -> None:
    """Write every figure that there are data for."""
    # Drawing imports torch by the way (seconds); counting alone does not need it.
    from fume_mm.reporting.plots import campaign_plots as figures

    have = measured['health'].unique()
    groups = [name for name in health_groups(labels) if name in have]
    shown: dict[str, Any] = {'note': note, 'labels': labels}
    drawn = {
        'counts': figures.draw_counts(tables['counts_by_class'], groups, **shown),
        'areas': figures.draw_areas(measured, groups, **shown),
        'intensity': figures.draw_intensity(measured, groups, **shown),
        'gray_levels': figures.draw_gray_levels(histograms, **shown),
    }
    if tables['counts_by_ph']['ph'].notna().any():
        drawn['ph'] = figures.draw_ph(tables['counts_by_ph'], **shown)
    if 'availability' in tables:
        drawn['availability'] = figures.draw_availability(
            tables['availability'], note=note
        )
    for name, figure in drawn.items():
        figure.savefig(out / f'{name}.png')


def main() -> None:
    """Count, measure, print, write."""
    args = parse_args()
    if args.workers is not None and args.workers < 1:
        raise UserError(f'--workers {args.workers} is too few; choose 1 or more.')
    cv2.setNumThreads(1)
    splits = args.splits and [split for split in SPLITS if split in args.splits]
    frames = read_frames(args.root, splits, ann_root=args.annotations)
    labels = read_labels(args.root)
    found = frames['split'].unique().tolist()
    samples = read_samples(args.root, found, ann_root=args.annotations)
    simulated = is_simulated(args.root)
    if args.out is not None:
        make_folder(args.out)
    measured, histograms = measure_campaign(frames, args.root, workers=args.workers)
    tables = {
        'counts_by_class': count_by_class(frames, labels),
        'counts_by_ph': count_by_ph(frames),
    }
    if samples is not None:
        tables['availability'] = count_availability(samples, labels)
        tables['pairing'] = count_pairing(samples)
    tables['measures'] = summarise(measured, labels)

    if labels.tube is None:
        summary = tables['measures']
        tables['measures'] = summary.drop(columns='tube_percent_mean')
    print(f'{args.root}: {len(frames)} frames' + ', simulated data' * simulated)
    for table in tables.values():
        print(f'\n{text(table)}')
    if samples is None:
        print('\nno paired CSVs, so no samples: pair_gases.py makes them')
    if args.out is None:
        return
    tables['gray_levels'] = gray_table(histograms, labels)
    tables['frames'] = measured[list(FRAME_COLUMNS)]
    for name, table in tables.items():
        marked = table.assign(simulated=True) if simulated else table
        write_csv(marked, args.out / f'{name}.csv', float_format='%.6g')
    note = 'simulated' if simulated else None
    draw(tables, measured, histograms, out=args.out, note=note, labels=labels)
    print(f'\nwrote CSVs and figures to {args.out}')


if __name__ == '__main__':
    run_cli(main)
