r"""Cut recordings into frames: every n-th one, or where the picture changes.

Reads videos (also FFV1 of 16 bits), FLIR's .seq, .csq and .fff, TIFFs of several pages
and folders of frames. Writes OUT/frames/<recording>/<recording>_<number>.png and
OUT/frames.csv: of each frame its gas, recording, number, time and camera. More clips
may be cut into the same folder later.

Examples:
    python tools/dataset_converters/clip_to_frames.py rec/MOV*.mp4 --gas co2 \
        --out data/cut --every 25
    python tools/dataset_converters/clip_to_frames.py rec/FLIR0034.csq --gas ch4 \
        --out data/cut --every 5 --change 2 --keep-depth
"""

import argparse
from pathlib import Path

from fume_mm.datasets.clip_frames import FRAMES, TABLE, Choice, cut_recordings
from fume_mm.errors import run_cli
from fume_mm.structures import GASES


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('clips', nargs='+', type=Path, help='recordings')
    parser.add_argument('--out', type=Path, required=True, help='folder to write to')
    parser.add_argument(
        '--gas',
        choices=GASES,
        help='which gas they show (default: what --recordings says, or their names end '
        'in)',
    )
    parser.add_argument(
        '--recordings',
        type=Path,
        metavar='CSV',
        help='what is known of each recording: a column recording (name of the clip '
        'without ending), and any of gas_type, vessel_id, ph_value, ...; it goes into '
        'frames.csv',
    )
    parser.add_argument(
        '--every',
        type=int,
        default=10,
        metavar='N',
        help='keep every N-th frame (default: %(default)s)',
    )
    parser.add_argument(
        '--change',
        type=float,
        default=0.0,
        metavar='LEVEL',
        help='of these, keep those that differ from the last kept one by so many gray '
        'levels of 255, on average (default: all)',
    )
    parser.add_argument(
        '--keep-depth',
        action='store_true',
        help='write frames of more than 8 bits as they are (16-bit PNG, float TIFF), '
        'not brought to 8 bits by the limits of the recording',
    )
    parser.add_argument(
        '--fps', type=float, help='frame rate, of recordings that do not tell'
    )
    parser.add_argument(
        '--force', action='store_true', help='cut recordings again that were cut before'
    )
    return parser.parse_args()


def main() -> None:
    """Cut, and say what was written."""
    args = parse_args()
    choice = Choice(args.every, args.change, args.keep_depth, args.fps)
    rows = cut_recordings(
        args.clips,
        args.out,
        gas=args.gas,
        about=args.recordings,
        choice=choice,
        force=args.force,
    )
    for name, part in rows.groupby('recording', sort=False):
        camera = part['camera'].iat[0]
        print(f'{name}: {len(part)} frames{f" ({camera})" * bool(camera)}')
    print(f'{len(rows)} frames; written: {args.out}/{{{FRAMES},{TABLE}}}')


if __name__ == '__main__':
    run_cli(main)
