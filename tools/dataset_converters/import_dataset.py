"""Make a campaign of what another tool or a published set holds.

Reads frames, masks and what is known of both from SOURCE (a folder, a file or a zip)
and writes frames, class masks and annotation CSVs, recordings apart, to OUT. Frames
below OUT stay where they are. docs/import.md has a line for each format.
"""

import argparse
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from fume_mm.datasets.importing import (
    FORMATS,
    MISSING_MASK,
    SPLITTING,
    Options,
    parse_mask_map,
    read_source,
    write_campaign,
)
from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.label_file import read_labels
from fume_mm.structures import GASES

EXAMPLE = """\
examples:
  python tools/dataset_converters/import_dataset.py folders data/release data/release \\
      --gas ch4 --mask-map 127=tube 255=gas
  python tools/dataset_converters/import_dataset.py coco export.zip data/coco --gas ch4
"""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__, epilog=EXAMPLE)
    parser.add_argument(
        'format', choices=FORMATS, metavar='FORMAT', help=', '.join(FORMATS)
    )
    parser.add_argument('source', type=Path, help='folder, file or zip to read')
    parser.add_argument(
        'out',
        type=Path,
        help='data root to write; may be SOURCE. A labels.json there says what the '
        "classes are, where they are not FUME's",
    )
    parser.add_argument(
        '--gas',
        nargs='+',
        choices=GASES,
        help='what the cameras saw; of both, names must tell which (owners: known)',
    )
    parser.add_argument(
        '--frames', default='', help='folder of the frames below SOURCE'
    )
    parser.add_argument('--masks', default='', help='folder of the masks below SOURCE')
    naming = parser.add_mutually_exclusive_group()
    naming.add_argument(
        '--mask-suffix',
        metavar='TEXT',
        help='what names of masks have at their end: _mask',
    )
    naming.add_argument(
        '--mask-pattern',
        metavar='REGEX',
        help="the whole name of a mask, the first group being the frame's name; groups "
        'may be called name and label',
    )
    parser.add_argument(
        '--mask-map',
        nargs='+',
        default=(),
        metavar='VALUE=CLASS',
        help='class of a gray value, colour or label: 127=tube 250,50,83=gas hose=tube '
        '64=unlabelled',
    )
    parser.add_argument(
        '--missing-mask',
        choices=MISSING_MASK,
        help='what a frame without a mask means (error; label_gas: skip)',
    )
    parser.add_argument('--ph', type=float, help='pH of all frames; gives the class')
    parser.add_argument(
        '--labels',
        type=Path,
        help='CSV with a column stem (path of a frame without ending), and any of '
        'ph_value, class_name, recording, split',
    )
    parser.add_argument(
        '--group-pattern',
        metavar='REGEX',
        help='what in the name is the recording, which no two splits may share',
    )
    parser.add_argument(
        '--split',
        choices=SPLITTING,
        default='auto',
        help='auto: the published one if no recording is in two parts, else by groups',
    )
    parser.add_argument(
        '--shares',
        nargs=3,
        type=float,
        default=(70, 15, 15),
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='shares of the frames (70 15 15)',
    )
    parser.add_argument('--seed', type=int, default=42, help='of the split (42)')
    parser.add_argument(
        '--link', action='store_true', help='link to the frames in place of copies'
    )
    parser.add_argument(
        '--force', action='store_true', help='replace annotation CSVs that are there'
    )
    return parser.parse_args()


@contextmanager
def opened(source: Path, *, link: bool) -> Iterator[Path]:
    """The source; of a zip, a folder with its content, while it is needed."""
    if not source.exists():
        raise UserError(f'{source} does not exist; give the folder or file to import.')
    if source.suffix.lower() != '.zip':
        yield source
        return
    if link:
        raise UserError(
            f'{source}: frames in a zip cannot be linked; leave --link out.'
        )
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(source) as archive:
                archive.extractall(folder)
        except (zipfile.BadZipFile, OSError) as error:
            raise UserError(f'{source}: cannot be opened ({error}).') from error
        yield Path(folder)


def mask_name(args: argparse.Namespace) -> re.Pattern[str] | None:
    """What the names of masks look like; None as the frames'."""
    pattern = args.mask_pattern
    if args.mask_suffix is not None:
        pattern = f'(?P<name>.*){re.escape(args.mask_suffix)}'
    try:
        compiled = None if pattern is None else re.compile(pattern)
    except re.error as error:
        raise UserError(
            f'--mask-pattern {pattern!r} is no regular expression ({error}); '
            'correct it.'
        ) from None
    if compiled is not None and not compiled.groups:
        raise UserError(
            f"--mask-pattern {pattern!r} has no group for the frame's name; put it in "
            'brackets.'
        )
    return compiled


def main() -> None:
    """Read, check, write, say what was made of what."""
    args = parse_args()
    cv2.setNumThreads(1)
    gases = args.gas or (GASES if args.format == 'owners' else ())
    if not gases:
        raise UserError(
            f'say which gas the cameras saw with --gas {" or ".join(GASES)}.'
        )
    if args.seed < 0:
        raise UserError(f'--seed {args.seed} is negative; give 0 or more.')
    if args.source.resolve() in args.out.resolve().parents:
        raise UserError(
            f'{args.out} lies in {args.source}, and would be read as part of it the '
            f'next time; write to {args.source} itself or beside it.'
        )
    mask_map = parse_mask_map(args.mask_map, read_labels(args.out))
    options = Options(gases, args.frames, args.masks, mask_name(args))
    with opened(args.source, link=args.link) as source:
        lines = write_campaign(
            read_source(args.format, source, options),
            args.out,
            gases=gases,
            mask_map=mask_map,
            missing_mask=args.missing_mask,
            ph=args.ph,
            labels=args.labels,
            group_pattern=args.group_pattern,
            split=args.split,
            shares=args.shares,
            seed=args.seed,
            link=args.link,
            force=args.force,
        )
    print('\n'.join(lines))
    print(f'now pair: python tools/dataset_converters/pair_gases.py {args.out}')


if __name__ == '__main__':
    run_cli(main)
