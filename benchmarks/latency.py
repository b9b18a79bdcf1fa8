"""Latency and frame rate of models, one sample at a time.

Weights are random: they do not change the time. Each config is timed eagerly and, where
asked for, compiled by torch.compile; exported files with their own engine. The same
random frames, the same threads and the same run for all, so that the figures can be
compared with each other.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import (
    Measured,
    add_numbers,
    add_size,
    add_threads,
    clock,
    spread,
)
from fume_mm.engine.options import SHARED
from fume_mm.errors import UserError
from fume_mm.structures import GASES

EXPORTED = ('.onnx', '.xml')
Calls = dict[str, Callable[[], Any]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument(
        'models', metavar='MODEL', nargs='+', help='configs, or exported files'
    )
    add_size(parser)
    parser.add_argument(
        '--gases', nargs='+', default=GASES, choices=GASES, help='of the sample (both)'
    )
    parser.add_argument('--device', **SHARED['--device'])
    add_threads(parser)
    parser.add_argument('--compile', action='store_true', help='torch.compile as well')
    add_numbers(parser, warmup=(10, 0, 'untimed calls'), calls=(50, 2, 'timed calls'))


def calls_of_config(path: str, args: argparse.Namespace) -> tuple[Calls, list[str]]:
    """What is timed of a config, eager and, if asked for, compiled; and its gases."""
    import torch

    from fume_mm.apis import init_model
    from fume_mm.models.dual_gas_model import DenseForward, DualGasModel

    model = init_model(path, device=args.device)
    if not isinstance(model, DualGasModel):
        raise UserError(f'{path}: {type(model).__name__} is no network to be timed.')
    model = model.to(memory_format=torch.channels_last)
    gases = [gas for gas in model.gases if gas in args.gases]
    torch.manual_seed(0)
    size = (1, 1, *args.size[::-1])
    inputs = {gas: torch.randn(size, device=args.device) for gas in gases}
    present = torch.tensor([[gas in gases for gas in GASES]])
    calls: Calls = {'eager': partial(model, {**inputs, 'present': present})}
    if args.compile and len(gases) == len(model.gases):
        forward = torch.compile(DenseForward(model))
        calls['compiled'] = partial(forward, *inputs.values(), present.to(args.device))
    return calls, gases


def calls_of_exported(path: str, args: argparse.Namespace) -> tuple[Calls, list[str]]:
    """What is timed of an exported file, frames to masks."""
    from fume_mm.inference.exported import ExportedModel

    model = ExportedModel(path, threads=args.threads)
    rng = np.random.default_rng(0)
    frames = {
        gas: rng.integers(0, 256, args.size[::-1], dtype=np.uint8) for gas in args.gases
    }
    return {'exported': partial(model, **frames)}, list(args.gases)


def measure(args: argparse.Namespace) -> Measured:
    """Time every model."""
    import torch
    from tqdm import tqdm

    for path in args.models:
        if not Path(path).is_file():
            raise UserError(f'{path}: there is no such config or exported file.')
    if args.threads:
        torch.set_num_threads(args.threads)
    cuda = args.device != 'cpu'
    rows = []
    for path in tqdm(args.models, desc='models', disable=None):
        exported = path.endswith(EXPORTED)
        calls, gases = (calls_of_exported if exported else calls_of_config)(path, args)
        for how, call in calls.items():
            with torch.inference_mode():
                wall, _ = clock(
                    call,
                    repeats=args.calls,
                    warmup=args.warmup,
                    done=torch.cuda.synchronize if cuda else lambda: None,
                )
            latency = spread(1000 * wall)
            fps = 1000 / latency['median']
            row = {'model': path, 'how': how, 'gases': gases, 'latency': latency}
            rows.append({**row, 'fps': fps})
    device = torch.cuda.get_device_name(torch.device(args.device)) if cuda else 'cpu'
    threads, (width, height) = torch.get_num_threads(), args.size
    content = {
        'unit': 'milliseconds a sample',
        'size': [height, width],
        'batch': 1,
        'device': device,
        'threads': threads,
        'warmup': args.warmup,
        'rows': rows,
    }
    table = [
        {
            'model': Path(row['model']).stem,
            'how': row['how'],
            'median ms': row['latency']['median'],
            'p95': row['latency']['p95'],
            'FPS': row['fps'],
        }
        for row in rows
    ]
    note = f'{width}x{height}, batch 1, {device}, {threads} threads'
    return Measured(content, table, [note])
