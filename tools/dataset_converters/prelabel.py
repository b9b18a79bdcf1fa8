"""Predict masks for frames that have none, to be reviewed with demo/label_app.py.

Writes OUT/masks/*.png (palette PNGs: any viewer shows the classes) and OUT/review.csv.
What is there is never replaced: a run that was stopped goes on, new frames are added.
"""

import argparse
from pathlib import Path

from fume_mm.engine.options import make_parser
from fume_mm.errors import run_cli
from fume_mm.structures import GASES

EXAMPLE = """\
examples:
  python tools/dataset_converters/prelabel.py data/clips/frames.csv --out data/clips
  python tools/dataset_converters/prelabel.py data/frames --gas ch4 --out data/review \\
      configs/fume/fume_fastscnn.py work_dirs/fume_fastscnn/last.pth --unsure-below 0.6
"""


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = make_parser(__doc__, '--device', epilog=EXAMPLE)
    parser.add_argument(
        'source',
        type=Path,
        help='folder of frames, or CSV with frame_path and gas_type; other columns '
        '(recording, time_s, camera, ph_value) are kept',
    )
    parser.add_argument(
        'model',
        nargs='?',
        help='config (.py) or exported file (default: the weights in demo/weights)',
    )
    parser.add_argument('checkpoint', nargs='?', help='checkpoint of a config')
    parser.add_argument(
        '--out', type=Path, required=True, help='folder of the review, best DATA_ROOT'
    )
    parser.add_argument('--gas', choices=GASES, help='what the frames show')
    parser.add_argument(
        '--unsure-below',
        type=float,
        default=0.0,
        metavar='P',
        help='pixels whose class is less probable become 255, unlabelled (never)',
    )
    parser.add_argument(
        '--batch-size', type=int, default=8, help='frames at a time (%(default)s)'
    )
    return parser.parse_args()


def main() -> None:
    """Predict, write, say what is next."""
    args = parse_args()
    from fume_mm.datasets.reviewing import open_review
    from fume_mm.inference.inferencer import DualGasInferencer
    from fume_mm.inference.prelabelling import prelabel

    review, left_out = open_review(args.source, args.out, gas=args.gas)
    inferencer = DualGasInferencer(
        args.model, args.checkpoint, device=args.device, batch_size=args.batch_size
    )
    done = sum(1 for _ in prelabel(inferencer, review, unsure_below=args.unsure_below))
    print(f'{done} masks predicted, {len(review) - done} were there')
    if left_out:
        print(f'{left_out} rows of {args.source} have a mask and were left out')
    if inferencer.training_data:
        print(f'the model was trained on {inferencer.training_data} frames')
    print(f'written: {review.path}\nnext: python demo/label_app.py {review.path}')


if __name__ == '__main__':
    run_cli(main)
