r"""What the runtime adds to the engine that it calls.

The same frames go through ExportedModel (frames to masks and health) and through the
engine's bare session (stacked tensors to the same arrays), in turns and each first as
often, so that both meet the same load. The overhead is the median over these pairs.

Example:
    python benchmarks/runtime.py work_dirs/fume_fastscnn/last.onnx
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fume_mm.errors import run_cli
from fume_mm.structures import GASES

WARMUP = 6


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', help='exported file (.onnx, .xml)')
    parser.add_argument(
        '--batch', type=int, default=1, help='samples in a call (default: %(default)s)'
    )
    parser.add_argument(
        '--calls', type=int, default=100, help='timed calls (default: %(default)s)'
    )
    parser.add_argument('--threads', type=int, help='of the engine (default: its own)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='also write it here')
    args = parser.parse_args()
    if args.calls < 2 or args.batch < 1:
        parser.error('--calls must be 2 or more, --batch 1 or more')
    return args


def spread(times: list[float]) -> dict[str, float]:
    """Median and quartiles, ms."""
    low, high = np.percentile(times, (25, 75))
    return {'median': statistics.median(times), 'p25': float(low), 'p75': float(high)}


def milliseconds(call: Callable[[], Any]) -> float:
    """Wall-clock time of a call."""
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    """Time."""
    args = parse_args()
    from fume_mm.inference.exported import ExportedModel
    from fume_mm.io.provenance import commit, machine, versions

    model = ExportedModel(args.model, threads=args.threads)
    width, height = model.scale
    generator = np.random.default_rng(0)
    size = (args.batch, 1, height, width)
    inputs = {
        gas: generator.integers(0, 256, size, dtype=np.uint8) for gas in model.gases
    }
    samples = [
        {'name': str(i), **{gas: x[i, 0] for gas, x in inputs.items()}}
        for i in range(args.batch)
    ]
    inputs['present'] = np.ones((args.batch, len(GASES)), bool)
    outputs = [x for x in model.info.outputs if x.endswith(('_mask', 'health'))]

    def call_session() -> None:
        model.engine.run(inputs, outputs)

    def call_runtime() -> None:
        model.predict(samples)

    times: dict[Callable[[], None], list[float]] = {call_session: [], call_runtime: []}
    for i in tqdm(range(args.calls + WARMUP), file=sys.stderr, desc='calls'):
        for call in (call_session, call_runtime)[:: 1 if i % 2 else -1]:
            time_taken = milliseconds(call)
            if i >= WARMUP:
                times[call].append(time_taken)
    bare, whole = times[call_session], times[call_runtime]
    engine = 'onnxruntime' if args.model.endswith('.onnx') else 'openvino'
    ratio = statistics.median(b / a for a, b in zip(bare, whole, strict=True))
    content = {
        'model': Path(args.model).name,
        'size': [height, width],
        'gases': model.gases,
        'batch': args.batch,
        'threads': args.threads,
        'calls': args.calls,
        'session_ms': spread(bare),
        'runtime_ms': spread(whole),
        'ratio_median': ratio,
        'machine': machine(),
        'versions': versions() | {engine: metadata.version(engine)},
        'commit': commit(),
    }
    print(
        f'{content["model"]} {width}x{height}, {"+".join(model.gases)}, batch '
        f'{args.batch}, load average {content["machine"]["load_average"]}'
    )
    for name in ('session_ms', 'runtime_ms'):
        one = content[name]
        print(f'{name:11} {one["median"]:.2f} [{one["p25"]:.2f}, {one["p75"]:.2f}]')
    print(f'overhead: {100 * (ratio - 1):.1f} % (median of the pairs)')
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
        print(f'written: {args.json}')


if __name__ == '__main__':
    run_cli(main)
