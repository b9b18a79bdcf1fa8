"""What the runtime adds to the engine that it calls.

The same frames go through ExportedModel (frames to masks and health) and through the
engine's bare session (stacked tensors to the same arrays), in turns and each first as
often, so that both meet the same load. The overhead is the median over these pairs.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Measured, add_numbers, add_threads, clock, spread
from fume_mm.structures import GASES

WARMUP = 6


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument('model', help='exported file (.onnx, .xml)')
    add_numbers(
        parser, batch=(1, 1, 'samples in a call'), calls=(100, 2, 'timed calls')
    )
    add_threads(parser)


def measure(args: argparse.Namespace) -> Measured:
    """Time session and runtime in turns."""
    from tqdm import tqdm

    from fume_mm.inference.exported import ExportedModel

    model = ExportedModel(args.model, threads=args.threads)
    width, height = model.scale
    rng = np.random.default_rng(0)
    size = (args.batch, 1, height, width)
    inputs = {gas: rng.integers(0, 256, size, dtype=np.uint8) for gas in model.gases}
    samples = [
        {'name': str(i), **{gas: x[i, 0] for gas, x in inputs.items()}}
        for i in range(args.batch)
    ]
    inputs['present'] = np.ones((args.batch, len(GASES)), bool)
    outputs = [x for x in model.info.outputs if x.endswith(('_mask', 'health'))]
    calls: dict[str, Callable[[], Any]] = {
        'session': partial(model.engine.run, inputs, outputs),
        'runtime': partial(model.predict, samples),
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in tqdm(range(args.calls + WARMUP), desc='calls', disable=None):
        for name in list(calls)[:: 1 if number % 2 else -1]:
            wall, _ = clock(calls[name], repeats=1, warmup=0)
            times[name].append(1000 * wall[0])
    session, runtime = (np.array(times[name][WARMUP:]) for name in calls)
    ratio = float(np.median(runtime / session))
    content = {
        'unit': 'milliseconds a call',
        'model': Path(args.model).name,
        'size': [height, width],
        'gases': model.gases,
        'batch': args.batch,
        'threads': args.threads,
        'calls': args.calls,
        'session_ms': spread(session),
        'runtime_ms': spread(runtime),
        'ratio_median': ratio,
    }
    rows = [{'ms': name, **content[f'{name}_ms']} for name in calls]
    gases = '+'.join(model.gases)
    return Measured(
        content,
        rows,
        [
            f'{content["model"]} {width}x{height}, {gases}, batch {args.batch}',
            f'overhead: {100 * (ratio - 1):.1f} % (median of the pairs)',
        ],
    )
