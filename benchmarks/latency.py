r"""Latency and frame rate of models, one sample at a time.

Weights are random: they do not change the time. Each config is timed eagerly and, where
asked for, compiled by torch.compile; exported files with their own engine. The same
random frames, the same threads and the same run for all, so that the figures can be
compared with each other; the machine, its load and the versions go into the JSON.

Example:
    python benchmarks/latency.py configs/fume/fume_fastscnn.py \
        configs/peers/bisenetv2.py --compile --json work_dirs/latency.json
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fume_mm.errors import UserError, run_cli

EXPORTED = ('.onnx', '.xml')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'models',
        metavar='MODEL',
        nargs='+',
        help='config files, or exported files (.onnx, .xml)',
    )
    parser.add_argument(
        '--shape',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        default=(480, 640),
        help='size of the frames (default: 480 640)',
    )
    parser.add_argument(
        '--gases',
        nargs='+',
        default=('co2', 'ch4'),
        choices=('co2', 'ch4'),
        help='gases of the sample (default: co2 ch4)',
    )
    parser.add_argument(
        '--device', default='cpu', help='cpu, cuda or cuda:1 (default: %(default)s)'
    )
    parser.add_argument(
        '--threads', type=int, help='threads on a CPU (default: all that torch takes)'
    )
    parser.add_argument('--compile', action='store_true', help='torch.compile as well')
    parser.add_argument(
        '--warmup', type=int, default=10, help='untimed calls (default: %(default)s)'
    )
    parser.add_argument(
        '--calls', type=int, default=50, help='timed calls (default: %(default)s)'
    )
    parser.add_argument('--json', metavar='FILE', type=Path, help='also write it here')
    args = parser.parse_args()
    if args.calls < 2 or args.warmup < 0 or min(args.shape) < 1:
        parser.error('--calls must be 2 or more, --warmup and --shape not negative')
    return args


def time_config(path: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows for a config: eager and, if asked for, compiled."""
    import torch

    from fume_mm.apis import init_model
    from fume_mm.engine.latency import sample_inputs, time_calls
    from fume_mm.models.dual_gas_model import DenseForward, DualGasModel

    model = init_model(path, device=args.device)
    if not isinstance(model, DualGasModel):
        raise UserError(f'{path}: {type(model).__name__} is no network to be timed.')
    model = model.to(memory_format=torch.channels_last)
    device = torch.device(args.device)
    gases = tuple(gas for gas in model.gases if gas in args.gases)
    inputs = sample_inputs(gases, tuple(args.shape), device)
    options = {
        'warmup': args.warmup,
        'calls': args.calls,
        'cuda': device.type == 'cuda',
    }
    rows = []
    with torch.inference_mode():
        latency = time_calls(lambda: model(inputs), **options)
        rows.append({'model': path, 'how': 'eager', 'gases': gases, 'latency': latency})
        if args.compile and len(gases) == len(model.gases):
            row = [*(inputs[gas] for gas in gases), inputs['present'].to(device)]
            forward = torch.compile(DenseForward(model))
            latency = time_calls(lambda: forward(*row), **options)
            rows.append(
                {'model': path, 'how': 'compiled', 'gases': gases, 'latency': latency}
            )
    return rows


def time_exported(path: str, args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for an exported file, frames to masks."""
    import numpy as np

    from fume_mm.engine.latency import time_calls
    from fume_mm.inference.exported import ExportedModel

    model = ExportedModel(path, threads=args.threads)
    generator = np.random.default_rng(0)
    frames = {
        gas: generator.integers(0, 256, tuple(args.shape), dtype=np.uint8)
        for gas in args.gases
    }
    latency = time_calls(lambda: model(**frames), warmup=args.warmup, calls=args.calls)
    gases = tuple(args.gases)
    return [{'model': path, 'how': 'exported', 'gases': gases, 'latency': latency}]


def main() -> None:
    """Time."""
    args = parse_args()
    import torch

    from fume_mm.io.provenance import commit, machine, versions

    for path in args.models:
        if not Path(path).is_file():
            raise UserError(f'{path}: there is no such config or exported file.')
    if args.threads:
        torch.set_num_threads(args.threads)
    rows = []
    for path in tqdm(args.models, file=sys.stderr, desc='models'):
        timed = time_exported if path.endswith(EXPORTED) else time_config
        rows += timed(path, args)
    height, width = args.shape
    device = args.device
    if device != 'cpu':
        device = torch.cuda.get_device_name(torch.device(device))
    print(f'{width}x{height}, batch 1, {device}, {torch.get_num_threads()} threads')
    print(f'{"model":44} {"how":9} {"median ms":>9} {"p95":>8} {"FPS":>8}')
    for row in rows:
        time = row['latency']
        print(
            f'{Path(row["model"]).stem:44} {row["how"]:9} {time.median:9.2f} '
            f'{time.p95:8.2f} {time.fps:8.1f}'
        )
    if args.json:
        content = {
            'size': [height, width],
            'batch': 1,
            'device': device,
            'threads': torch.get_num_threads(),
            'warmup': args.warmup,
            'machine': machine(),
            'versions': versions(),
            'commit': commit(),
            'rows': [
                {**row, 'latency': asdict(row['latency']), 'fps': row['latency'].fps}
                for row in rows
            ],
        }
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
        print(f'written: {args.json}')


if __name__ == '__main__':
    run_cli(main)
