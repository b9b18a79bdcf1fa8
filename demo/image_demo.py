r"""What a model says of CO2 frames, CH4 frames, or both: of one vessel or of many.

Writes masks/<name>_<gas>.png (0 background, 1 tube, 2 gas), panels/<name>.png,
results.json and results.csv. <name> is what the frames' file names share, or the
sample_id of a CSV.

Examples:
    python demo/image_demo.py --co2 demo/examples/simulated_acidotic_co2.png \
        --ch4 demo/examples/simulated_acidotic_ch4.png --out-dir work_dirs/demo
    python demo/image_demo.py configs/fume/fume_r50.py work_dirs/fume_r50/last.pth \
        --co2 co2.png --ch4 ch4.png --out-dir work_dirs/demo
    python demo/image_demo.py model.onnx --co2 frames/co2 --ch4 frames/ch4 \
        --out-dir work_dirs/demo
"""

import argparse
from pathlib import Path
from typing import Any

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GAS_LABELS, GASES


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, '--device')
    parser.add_argument(
        'config',
        nargs='?',
        metavar='MODEL',
        help='config (.py) or exported file (default: the weights in demo/weights)',
    )
    parser.add_argument(
        'checkpoint',
        nargs='?',
        metavar='CHECKPOINT',
        help='checkpoint of a config; an exported file has none',
    )
    for gas in GASES:
        parser.add_argument(
            f'--{gas}',
            metavar='IMG',
            help=f'{GAS_LABELS[gas]} frame, any size, or a folder; leave it out '
            'where it was not recorded',
        )
    parser.add_argument(
        '--inputs',
        metavar='PATH',
        help='in place of both: a CSV with columns co2_frame and ch4_frame (or co2, '
        'ch4), a campaign, or a folder of <name>_co2 and <name>_ch4 frames',
    )
    parser.add_argument(
        '--one-vessel',
        action='store_true',
        help='all samples are of one vessel: say, and write into vessel.json, what '
        'they say of it together',
    )
    parser.add_argument('--split', help='of a campaign: train, val or test')
    parser.add_argument(
        '--out-dir', metavar='DIR', type=Path, required=True, help='where to write'
    )
    parser.add_argument(
        '--no-panels', action='store_true', help='write masks and tables only'
    )
    parser.add_argument(
        '--batch-size',
        type=int,
        default=8,
        help='samples at a time (default: %(default)s)',
    )
    return parser.parse_args()


def lines(result: Any) -> list[str]:
    """The areas and the health of one sample, as text."""
    text = []
    shares = result.shares()
    for gas in GASES:
        if gas not in result.frames:
            text.append(f'{GAS_LABELS[gas]}: not given')
        elif gas in shares:
            kinds = result.labels.foreground
            parts = [f'{name} {shares[gas][name]:.2%}' for name in kinds]
            height, width = result.masks[gas].shape
            text.append(f'{GAS_LABELS[gas]}: {", ".join(parts)} of {width}x{height}')
            text[-1] += ' pixels'
            if gas in result.read_as:
                text[-1] += f' ({result.read_as[gas]})'
    scores = result.health_by_class()
    if scores:
        parts = [f'{name} {score:.1%}' for name, score in scores.items()]
        text.append(f'health: {result.verdict.text}')
        text += [f'  {note}' for note in result.verdict.notes]
        if not result.verdict.reasons:
            text.append(f'  probabilities of the model: {", ".join(parts)}')
    return text


def main() -> None:
    """Predict and write."""
    args = parse_args()
    given = {gas: getattr(args, gas) for gas in GASES if getattr(args, gas)}
    if args.split is not None and args.inputs is None:
        raise UserError('--split is for a campaign given as --inputs; leave it out.')
    from fume_mm.apis import DualGasInferencer
    from fume_mm.inference.samples import gather
    from fume_mm.inference.video.tally import Tally, values_of
    from fume_mm.io.files import write_json

    # before the model is loaded, which takes seconds
    samples = gather(args.inputs, **given, split=args.split)
    inferencer = DualGasInferencer(
        args.config, args.checkpoint, device=args.device, batch_size=args.batch_size
    )
    if args.config is None:
        print(
            f'no model given: {inferencer.weights_name}, trained on '
            f'{inferencer.training_data} frames (demo/weights/MODEL_CARD.md)'
        )
    panels = not args.no_panels
    tally = Tally(1.0, labels=inferencer.labels)
    stream = inferencer.stream(
        args.inputs, **given, split=args.split, out_dir=args.out_dir, panels=panels
    )
    for number, prediction in enumerate(stream):
        result = prediction.result
        tally.add(number, values_of(result), result.verdict)
        if len(samples) == 1:
            print('\n'.join(lines(result)))
    verdict = tally.verdict(inferencer.trust) if args.one_vessel else None
    if verdict is not None:
        write_json(args.out_dir / 'vessel.json', verdict)
        print(f'vessel: {verdict["text"]}')
        print('\n'.join(f'  {note}' for note in verdict['notes']))
    names = ['masks', *['panels'] * panels, 'results.json', 'results.csv']
    names += ['vessel.json'] * (verdict is not None)
    what = 'sample' if len(samples) == 1 else 'samples'
    print(f'{len(samples)} {what}; written: {args.out_dir}/{{{",".join(names)}}}')


if __name__ == '__main__':
    run_cli(main)
