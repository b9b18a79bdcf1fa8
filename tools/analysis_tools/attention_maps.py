r"""Draw where each gas looks in the other: the cross-modal attention of a sample.

A row for each gas: its frame with the points that ask, then, for each point, the other
gas's frame, the more coloured the more it is attended to. Written over a row are the
entropy of the attention (1: everywhere alike, 0: one position) and its gate gamma, by
which what it gathers is multiplied.

Example:
    python tools/analysis_tools/attention_maps.py configs/fume/fume_fastscnn_demo.py \
        work_dirs/fume_fastscnn_demo/last.pth \
        --co2 demo/examples/simulated_acidotic_co2.png \
        --ch4 demo/examples/simulated_acidotic_ch4.png --out work_dirs/attention.png
"""

import argparse
from pathlib import Path

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GAS_LABELS, GASES


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, 'config', '--device')
    parser.add_argument('checkpoint', metavar='CHECKPOINT', help='its weights')
    for gas in GASES:
        parser.add_argument(
            f'--{gas}', metavar='IMG', required=True, help=f'{GAS_LABELS[gas]} frame'
        )
    parser.add_argument(
        '--points',
        nargs='+',
        metavar='X,Y',
        help='as shares of width and height, such as .5,.25 (default: in the predicted '
        'gas, in the tube, in the background)',
    )
    parser.add_argument(
        '--out', type=Path, required=True, metavar='PNG', help='picture to write'
    )
    return parser.parse_args()


def point(text: str) -> tuple[float, float]:
    """A point of the command line."""
    try:
        x, y = (float(part) for part in text.split(','))
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise ValueError
    except ValueError:
        raise UserError(
            f'--points {text}: give x,y as shares of width and height, 0 to 1.'
        ) from None
    return x, y


def main() -> None:
    """Draw."""
    args = parse_args()
    points = [point(text) for text in args.points or ()]
    from fume_mm.drawing.attention_map import draw_attention
    from fume_mm.inference.attended import attend
    from fume_mm.inference.torch_predictor import init_model
    from fume_mm.io.images import write_png

    model = init_model(args.config, args.checkpoint, args.device)
    frames, found = attend(model, {gas: getattr(args, gas) for gas in GASES}, points)
    rows = [
        (x.gas, x.points, x.weights, f'entropy {x.entropy:.2f}, gamma {x.gamma:.3f}')
        for x in found
    ]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_png(args.out, draw_attention(frames, rows))
    for gas, _, _, words in rows:
        print(f'{GAS_LABELS[gas]} on the other gas: {words}')
    print(f'written: {args.out}')


if __name__ == '__main__':
    run_cli(main)
