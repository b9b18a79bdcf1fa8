"""Make a campaign of plain folders of frames and masks of the same names.

One gas: ROOT/frames and ROOT/masks. Both: ROOT/co2/frames, ROOT/co2/masks, ROOT/ch4/...
Frames of both gases with the same name belong together. Masks are 0/1, 0/255 (gas) or
0/1/2 (background, tube, gas). Writes the annotation CSVs, split by whole groups, to
ROOT; files stay where they are, but for masks that need other values.
"""

import argparse
from pathlib import Path

import cv2

from fume_mm.datasets.importing import MASK_VALUES, import_folders
from fume_mm.datasets.splitting import split_by_group
from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.tables import write_table
from fume_mm.structures import GASES, IGNORE, SEG_CLASSES, SPLITS

EXAMPLE = """\
example:
  python tools/dataset_converters/import_folders.py data/release --gas ch4 \\
      --group-pattern '^(clip[0-9]+)'
"""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__, epilog=EXAMPLE)
    parser.add_argument('root', type=Path, help='folder that holds frames and masks')
    parser.add_argument(
        '--gas', nargs='+', choices=GASES, required=True, help='what the cameras saw'
    )
    parser.add_argument(
        '--frames', help='folder of the frames below ROOT (frames, {gas}/frames)'
    )
    parser.add_argument(
        '--masks', help='folder of the masks below ROOT (masks, {gas}/masks)'
    )
    parser.add_argument('--ph', type=float, help='pH of all frames; gives the class')
    parser.add_argument(
        '--labels',
        type=Path,
        help='CSV with a column stem (file name without ending), and ph_value, group '
        'or both',
    )
    parser.add_argument(
        '--group-pattern',
        metavar='REGEX',
        help='what in the name is the vessel or run, which no two splits may share',
    )
    parser.add_argument(
        '--mask-values',
        choices=MASK_VALUES,
        default='auto',
        help='how to read the masks (auto: binary if no mask has a 2)',
    )
    parser.add_argument(
        '--ignore-value',
        type=int,
        help='value of unlabelled pixels in the masks: they count nowhere',
    )
    parser.add_argument(
        '--copy',
        type=Path,
        metavar='DEST',
        help='copy frames and masks to this data root and leave ROOT as it is',
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--split', choices=SPLITS, help='put all frames in one split')
    where.add_argument(
        '--shares',
        nargs=3,
        type=float,
        default=(70, 15, 15),
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='shares of the frames (70 15 15)',
    )
    parser.add_argument('--seed', type=int, default=42, help='of the split (42)')
    parser.add_argument(
        '--force', action='store_true', help='replace annotation CSVs that are there'
    )
    return parser.parse_args()


def main() -> None:
    """Import, split, write, say what was made of what."""
    args = parse_args()
    folder = '{gas}/' if len(args.gas) > 1 else ''
    out = args.copy or args.root
    names = [args.split] if args.split else SPLITS
    paths = {split: out / f'{split}_annotations.csv' for split in names}
    there = [str(path) for path in paths.values() if path.exists()]
    if there and not args.force:
        raise UserError(f'{", ".join(there)} would be replaced; add --force for that.')
    cv2.setNumThreads(1)
    rows, coding = import_folders(
        args.root,
        gases=args.gas,
        frames=args.frames or f'{folder}frames',
        masks=args.masks or f'{folder}masks',
        ph=args.ph,
        labels=args.labels,
        group_pattern=args.group_pattern,
        mask_values=args.mask_values,
        ignore_value=args.ignore_value,
        copy_to=args.copy,
    )
    splits = (
        {args.split: rows}
        if args.split
        else split_by_group(
            rows, shares=args.shares, seed=args.seed, balance=['gas_type']
        )
    )
    for split, part in splits.items():
        write_table(part.drop(columns='group'), paths[split])
        print(f'{paths[split]}: {len(part)} frames, {part["group"].nunique()} groups')
    legend = {**dict(enumerate(SEG_CLASSES)), IGNORE: 'unlabelled'}
    print(
        'mask values: '
        + ', '.join(f'{value} is {legend[code]}' for value, code in coding.items())
    )
    if unlabelled := int((rows['class_id'] < 0).sum()):
        print(f'{unlabelled} frames have no pH: they serve segmentation only')
    if 'vessel_id' not in rows:
        print(
            'every name is a group of its own: where frames of one recording follow '
            'each other, give --group-pattern, or results measure memory'
        )
    print(f'now pair: python tools/dataset_converters/pair_gases.py {out}')


if __name__ == '__main__':
    run_cli(main)
