r"""Export a model to a file that runs without torch, and hold it against PyTorch.

One graph with the frames of both gases (uint8) and which of them exist as inputs,
normalisation inside, any batch size. The file is run on random frames, and on real ones
if they are given or the config's test set is on disk, with both gases, CO2 only and CH4
only, and compared with PyTorch; only a file that says the same is kept. One of less
precision is held against PyTorch on the config's test set instead.

Example:
    python tools/deployment/export.py configs/fume/fume_fastscnn.py \
        work_dirs/fume_fastscnn/last.pth --format onnx
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GAS_LABELS, GASES

ENDINGS = {'onnx': '.onnx', 'openvino': '.xml', 'exported-program': '.pt2'}
_SMALLEST = 32


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'config', nargs='?', help="config file (default: the bundled weights')"
    )
    parser.add_argument('checkpoint', nargs='?', help='checkpoint file of the config')
    parser.add_argument(
        '--format', choices=ENDINGS, default='onnx', help='(default: %(default)s)'
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='FILE',
        help='file to write (default: beside the checkpoint, by its name; of the '
        'bundled weights: in work_dirs/exported)',
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('WIDTH', 'HEIGHT'),
        help="size of the frames (default: the config's test pipeline's)",
    )
    size.add_argument(
        '--dynamic-size',
        action='store_true',
        help='let the graph take frames of any size (not every model can)',
    )
    parser.add_argument(
        '--half',
        action='store_true',
        help='store the weights in half precision, half the file; computing stays in '
        'single precision',
    )
    parser.add_argument(
        '--full-size',
        action='store_true',
        help="logits and masks of the frames' size as outputs, too, for programs "
        'without the runtime of fume_mm, which makes them itself in less time',
    )
    parser.add_argument(
        '--precision',
        choices=('fp32', 'bf16', 'int8'),
        default='fp32',
        help='what the file computes in (default: %(default)s); bf16 with OpenVINO, '
        'int8 calibrated on frames of the training set',
    )
    parser.add_argument(
        '--max-loss',
        type=float,
        default=0.5,
        metavar='POINTS',
        help='of mIoU and of balanced accuracy on the test set that bf16 or int8 may '
        'cost (default: %(default)s)',
    )
    for gas in GASES:
        parser.add_argument(
            f'--{gas}',
            metavar='IMG',
            help=f'a real {GAS_LABELS[gas]} frame to check with',
        )
    return parser.parse_args()


def samples_of(
    model: Any, given: dict[str, Any], scale: tuple[int, int], *, dynamic_size: bool
) -> dict[str, Any]:
    """By name, inputs to compare on; ``given`` are the user's frames."""
    from fume_mm.inference.export_check import (
        frames_of_test_set,
        patterns_of,
        random_inputs,
        real_inputs,
    )

    size = scale[::-1]
    patterns = patterns_of(model.gases)
    samples = {
        'random frames': random_inputs(model, patterns, size),
        'one random sample': random_inputs(model, patterns[-1:], size, seed=1),
    }
    if dynamic_size:
        # no multiples of the strides
        larger = (size[0] * 3 // 2 + 5, size[1] * 3 // 2 + 3)
        smaller = (size[0] * 2 // 3 + 1, size[1] * 2 // 3 + 3)
        samples['larger frames'] = random_inputs(model, patterns, larger, seed=2)
        samples['smaller frames'] = random_inputs(model, patterns, smaller, seed=3)
    if given:
        samples['your frames'] = real_inputs(model, given, size)
        return samples
    try:
        frames = frames_of_test_set(model.cfg, model.gases)
        if frames:
            samples["the test set's frames"] = real_inputs(model, frames, size)
    except UserError as error:  # not what the user asked for
        print(f"the test set's frames are not compared on: {error}")
    return samples


def check_loss(
    model: Any, path: Path, precision: str, allowed: float
) -> dict[str, float]:
    """Points that a file loses to PyTorch on the test set, unless that is too much."""
    from fume_mm.inference.export_check import scores_on_test_set
    from fume_mm.inference.exported import ExportedModel
    from fume_mm.inference.torch_predictor import TorchPredictor

    exported = ExportedModel(path)
    if precision == 'bf16' and not exported.engine.bfloat16:
        raise UserError(
            'this processor does not compute in bfloat16, so what it costs cannot be '
            'measured; export on one that does, or with --precision fp32.'
        )
    before = scores_on_test_set(model.cfg, TorchPredictor(model))
    after = scores_on_test_set(model.cfg, exported)
    loss = {name: before[name] - after[name] for name in before}
    for name, points in loss.items():
        scores = f'{before[name]:.2f} in fp32, {after[name]:.2f} in {precision}'
        print(f'{name} on the test set: {scores}, {points:+.2f} lost')
        if not points <= allowed:  # also NaN
            raise UserError(
                f'{precision} loses {points:.2f} points of {name} (allowed '
                f'{allowed:g}); the file is not kept: raise --max-loss, or keep fp32.'
            )
    return loss


def check_out(out: Path, ending: str) -> None:
    """Whether ``out`` can be written, before the work."""
    if out.suffix != ending:
        raise UserError(f'--out {out}: give the file the ending {ending}.')
    there = next(path for path in out.absolute().parents if path.exists())
    reason = None
    if out.is_dir():
        reason = 'it is a folder'
    elif not there.is_dir():
        reason = f'{there} is a file'
    elif not os.access(there, os.W_OK):
        reason = f'{there} is read-only'
    if reason:
        raise UserError(f'{out}: cannot be written, {reason}; name another with --out.')


def main() -> None:
    """Export and check."""
    args = parse_args()
    from fume_mm.inference.inferencer import default_model
    from fume_mm.io.images import read_gray

    ending = ENDINGS[args.format]
    out = args.out
    if args.config is None:
        args.config, args.checkpoint = default_model()
        name = Path(args.checkpoint).with_suffix(ending).name
        out = out or Path('work_dirs/exported', name)
    elif args.checkpoint is None:
        raise UserError(
            f'{args.config}: name its checkpoint, too, such as last.pth of a work dir.'
        )
    out = out or Path(args.checkpoint).with_suffix(ending)
    check_out(out, ending)
    if args.size and min(args.size) < _SMALLEST:
        raise UserError(
            f'--size {args.size[0]} {args.size[1]}: give {_SMALLEST} pixels or more.'
        )
    if args.half and args.precision == 'int8':
        raise UserError('--half: int8 has no half weights; leave one of them out.')
    paths = {gas: getattr(args, gas) for gas in GASES if getattr(args, gas)}
    frames: dict[str, Any] = {
        gas: read_gray(path, what=f'the {gas} frame') for gas, path in paths.items()
    }
    from fume_mm.engine.config import frame_scale, load_config

    cfg = load_config(args.config)
    from fume_mm.apis import init_model
    from fume_mm.inference.export import (
        describe_file,
        export_model,
        require_exportable,
        with_half_weights,
    )
    from fume_mm.inference.export_check import check_export

    require_exportable(cfg, args.format, args.precision)
    scale = (args.size[0], args.size[1]) if args.size else frame_scale(cfg)
    model = init_model(cfg, args.checkpoint)
    samples = samples_of(model, frames, scale, dynamic_size=args.dynamic_size)
    out.parent.mkdir(parents=True, exist_ok=True)
    size = 'any size' if args.dynamic_size else f'{scale[0]}x{scale[1]}'
    print(f'{args.config}: to {args.format}, frames of {size} ...', flush=True)
    # a file that is already there stays what it is until the new one has passed
    with tempfile.TemporaryDirectory(prefix='.export_', dir=out.parent) as folder:
        fresh = Path(folder) / out.name
        info = export_model(
            model,
            fresh,
            form=args.format,
            scale=scale,
            dynamic_size=args.dynamic_size,
            half=args.half,
            precision=args.precision,
            full_size=args.full_size,
            checkpoint=args.checkpoint,
        )
        truth = with_half_weights(model) if args.half else model
        if args.precision != 'fp32':
            loss = check_loss(truth, fresh, args.precision, args.max_loss)
            describe_file(fresh, replace(info, loss=loss))
        else:
            for name, differences in check_export(truth, fresh, info, samples).items():
                shown = ', '.join(f'{key} {x:.1e}' for key, x in differences.items())
                print(f'largest difference to PyTorch, {name}: {shown}')
        parts = sorted(Path(folder).iterdir())  # a .bin before its .xml
        total = sum(part.stat().st_size for part in parts)
        for part in parts:
            part.replace(out.parent / part.name)
    print(f'written: {out} ({total / 1e6:.1f} MB)')


if __name__ == '__main__':
    run_cli(main)
