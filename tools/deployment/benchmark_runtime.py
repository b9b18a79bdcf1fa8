r"""What the runtime adds to the engine that it calls.

The same frames go through ExportedModel (frames to masks and health) and through the
engine's bare session (stacked tensors to arrays), in turns, so that both meet the same
load.

Example:
    python tools/deployment/benchmark_runtime.py work_dirs/fume_fastscnn/last.onnx
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from fume_mm.errors import run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', help='exported file (.onnx, .xml)')
    parser.add_argument(
        '--calls', type=int, default=100, help='timed calls (default: %(default)s)'
    )
    parser.add_argument('--threads', type=int, help='of the engine (default: its own)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='also write it here')
    return parser.parse_args()


def spread(times: list[float]) -> dict[str, float]:
    """Median and quartiles, ms."""
    low, high = np.percentile(times, (25, 75))
    return {'median': statistics.median(times), 'p25': float(low), 'p75': float(high)}


def main() -> None:
    """Time."""
    args = parse_args()
    from fume_mm.deployment.runtime import ExportedModel
    from fume_mm.evaluation.provenance import commit, machine, versions

    model = ExportedModel(args.model, threads=args.threads)
    width, height = model.info.scale
    generator = np.random.default_rng(0)
    sample: dict[str, Any] = {'name': 'random'}
    for gas in model.gases:
        sample[gas] = generator.integers(0, 256, (height, width), dtype=np.uint8)
    inputs = {
        **{gas: sample[gas][None, None] for gas in model.gases},
        'present': np.ones((1, 2), bool),
    }
    outputs = [x for x in model.info.outputs if not x.endswith('_logits')]
    bare: list[float] = []
    whole: list[float] = []
    for i in tqdm(range(args.calls + 5), file=sys.stderr, desc='calls'):
        start = time.perf_counter()
        model.engine.run(inputs, outputs)
        middle = time.perf_counter()
        model.predict([sample])
        end = time.perf_counter()
        if i >= 5:
            bare.append(1000 * (middle - start))
            whole.append(1000 * (end - middle))
    ratio = statistics.median(b / a for a, b in zip(bare, whole, strict=True))
    content = {
        'model': Path(args.model).name,
        'size': [height, width],
        'gases': model.gases,
        'calls': args.calls,
        'session_ms': spread(bare),
        'runtime_ms': spread(whole),
        'ratio_median': ratio,
        'machine': machine(),
        'versions': versions(),
        'commit': commit(),
    }
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
