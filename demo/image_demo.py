r"""What a model says of CO2 frames, CH4 frames, or both: of one vessel or of many.

Of one sample it writes <gas>_mask.png (0 background, 1 tube, 2 gas), panel.png and
prediction.json. Of two folders, or a folder or CSV given as --inputs, it writes
masks/<name>_<gas>.png, panels/<name>.png, results.json and results.csv.

Examples:
    python demo/image_demo.py --co2 demo/examples/simulated_acidotic_co2.png \
        --ch4 demo/examples/simulated_acidotic_ch4.png --out-dir work_dirs/demo
    python demo/image_demo.py configs/fume/fume_r50.py work_dirs/fume_r50/last.pth \
        --co2 co2.png --ch4 ch4.png --out-dir work_dirs/demo
    python demo/image_demo.py model.onnx --co2 frames/co2 --ch4 frames/ch4 \
        --out-dir work_dirs/demo
"""

import argparse
import json
from pathlib import Path
from typing import Any

from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GAS_LABELS, GASES, SEG_CLASSES


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    parser.add_argument('--split', help='of a campaign: train, val or test')
    parser.add_argument(
        '--out-dir', metavar='DIR', type=Path, required=True, help='where to write'
    )
    parser.add_argument(
        '--no-panels',
        action='store_true',
        help='of many samples: masks and tables only',
    )
    parser.add_argument(
        '--batch-size',
        type=int,
        default=8,
        help='samples at a time (default: %(default)s)',
    )
    parser.add_argument(
        '--device', default='cpu', help='cpu, cuda or cuda:1 (default: %(default)s)'
    )
    return parser.parse_args()


def lines(content: dict[str, Any]) -> list[str]:
    """What is printed of a prediction."""
    text = []
    for gas in GASES:
        mask = content['masks'].get(gas)
        if not content['frames'][gas]:
            text.append(f'{GAS_LABELS[gas]}: not given')
        elif mask:
            shares = [f'{name} {mask["share"][name]:.2%}' for name in SEG_CLASSES[1:]]
            size = f'{mask["width"]}x{mask["height"]}'
            text.append(f'{GAS_LABELS[gas]}: {", ".join(shares)} of {size} pixels')
            if gas in content['read_as']:
                text[-1] += f' ({content["read_as"][gas]})'
    if content['health']:
        scores = content['health']['probabilities'].items()
        shown = ', '.join(f'{name} {score:.1%}' for name, score in scores)
        text.append(f'health: {content["health"]["class"]} ({shown})')
    return text


def predict_one(
    inferencer: Any, given: dict[str, str], args: argparse.Namespace
) -> None:
    """Predict one sample and write what belongs to it."""
    from fume_mm.io.files import disk_errors, make_folder
    from fume_mm.io.images import write_png

    (prediction,) = inferencer.stream(**given)
    told = prediction.result.to_dict()
    title = ', '.join(Path(path).name for path in given.values())
    panel = inferencer.visualize(prediction, title=title)
    content = {
        'config': inferencer.model_name,
        'checkpoint': inferencer.weights_name,
        'training_data': inferencer.training_data,
        'frames': prediction.sample.paths(),
        'read_as': prediction.handling,
        'health': told['health'],
        'masks': told['masks'],
        'seconds': told['seconds'],
    }
    out = make_folder(args.out_dir)
    masks = {f'{gas}_mask.png': mask for gas, mask in prediction.result.masks.items()}
    names = [*masks, 'panel.png', 'prediction.json']
    frames = {Path(path).resolve() for path in given.values()}
    for name in names:
        if (out / name).resolve() in frames:
            raise UserError(
                f'{out / name}: is the frame itself, and a result would replace it; '
                'choose another --out-dir.'
            )
    with disk_errors(out):
        for name, mask in masks.items():
            write_png(out / name, mask)
        write_png(out / 'panel.png', panel)
        text = json.dumps(content, indent=2) + '\n'
        (out / 'prediction.json').write_text(text, encoding='utf-8')
    print('\n'.join(lines(content)))
    print(f'written: {out}/{{{",".join(names)}}}')


def predict_many(
    inferencer: Any, given: dict[str, str], args: argparse.Namespace
) -> None:
    """Predict all samples of folders or a CSV; files are written on the way."""
    count = 0
    for _ in inferencer.stream(
        args.inputs,
        **given,
        split=args.split,
        out_dir=args.out_dir,
        panels=not args.no_panels,
    ):
        count += 1
    names = ['masks', 'results.json', 'results.csv']
    names[1:1] = [] if args.no_panels else ['panels']
    print(f'{count} samples; written: {args.out_dir}/{{{",".join(names)}}}')


def main() -> None:
    """Predict and write."""
    args = parse_args()
    given = {gas: getattr(args, gas) for gas in GASES if getattr(args, gas)}
    if args.split is not None and args.inputs is None:
        raise UserError('--split is for a campaign given as --inputs; leave it out.')
    many = args.inputs is not None or any(Path(x).is_dir() for x in given.values())
    if args.no_panels and not many:
        raise UserError('--no-panels is for folders and CSVs; leave it out.')
    from fume_mm.apis import DualGasInferencer
    from fume_mm.inference.samples import gather

    # before the model is loaded, which takes seconds
    gather(args.inputs, **given, split=args.split)
    inferencer = DualGasInferencer(
        args.config, args.checkpoint, device=args.device, batch_size=args.batch_size
    )
    if args.config is None:
        print(
            f'no model given: {inferencer.weights_name}, trained on '
            f'{inferencer.training_data} frames (demo/weights/MODEL_CARD.md)'
        )
    (predict_many if many else predict_one)(inferencer, given, args)


if __name__ == '__main__':
    run_cli(main)
