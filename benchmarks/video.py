r"""Measure how many pairs of frames a second the video demo gets through.

Two clips of moving plumes are written to a temporary folder and run through
fume_mm.inference.video: decoding, inference, drawing, encoding, table, timeline. Each
repeat is a full run; the first one warms up and is not counted. Stages overlap, so
their busy seconds add up to more than the time that passed; `alone` is what the slowest
of them would allow.

Examples:
    python benchmarks/video.py model.onnx --json work_dirs/video.json
    python benchmarks/video.py configs/fume/fume_fastscnn.py \
        work_dirs/fume_fastscnn/last.pth --repeats 3
    python benchmarks/video.py --no-model
"""

import argparse
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.errors import UserError, run_cli
from fume_mm.inference.video.annotate import run_video
from fume_mm.io.provenance import commit, machine
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult

PACKAGES = ('numpy', 'opencv-python', 'onnxruntime', 'openvino', 'torch')
RATE = 30.0


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', nargs='?', help='config (.py) or exported file')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint of a config')
    parser.add_argument(
        '--no-model',
        action='store_true',
        help='a threshold in place of a model: what all the rest costs',
    )
    parser.add_argument(
        '--size', default='640x480', help='of the frames (default: %(default)s)'
    )
    parser.add_argument(
        '--frames', type=int, default=150, help='of each clip (default: %(default)s)'
    )
    parser.add_argument(
        '--repeats', type=int, default=5, help='counted runs (default: %(default)s)'
    )
    parser.add_argument(
        '--gas', choices=GASES, help='measure with the clip of one gas alone'
    )
    parser.add_argument('--device', default='cpu', help="of a config's model")
    parser.add_argument(
        '--json', type=Path, help='where to write the result, if wanted'
    )
    return parser.parse_args()


class Threshold:
    """A predictor that costs next to nothing, with masks like a model's."""

    def predict(
        self, samples: Sequence[Mapping[str, Any]], probabilities: bool = False
    ) -> list[DualGasResult]:
        """Bright pixels are tube, dark ones gas."""
        results = []
        for sample in samples:
            masks = {}
            for gas in (gas for gas in GASES if sample.get(gas) is not None):
                smooth = cv2.blur(sample[gas], (9, 9))
                bright = cv2.threshold(smooth, 190, 1, cv2.THRESH_BINARY)[1]
                dark = cv2.threshold(smooth, 70, 2, cv2.THRESH_BINARY_INV)[1]
                masks[gas] = cv2.add(bright, dark)
            scores = np.array([0.2, 0.3, 0.5], np.float32)
            results.append(DualGasResult(sample['name'], masks, {}, scores))
        return results


def write_clip(path: Path, size: tuple[int, int], frames: int, *, seed: int) -> None:
    """A bright tube on an uneven background, and a dark plume that comes and goes."""
    width, height = size
    rng = np.random.default_rng(seed)
    scene = rng.integers(0, 256, (height // 16 + 1, width // 16 + 1), dtype=np.uint8)
    scene = cv2.resize(scene, size, interpolation=cv2.INTER_CUBIC)
    scene = (110 + scene * 0.2).astype(np.uint8)
    cv2.rectangle(
        scene, (0, height // 3), (width // 6, height // 3 + height // 12), 220, -1
    )
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'mp4v'), RATE, size)
    if not video.isOpened():
        raise UserError(f'{path}: OpenCV cannot write MP4 here.')
    for number in range(frames):
        frame = scene.copy()
        reach = 0.5 + 0.5 * np.sin(number / 9)
        centre = round(width * (0.25 + 0.3 * reach)), height // 3 + height // 24
        axes = max(round(width * 0.25 * reach), 1), max(round(height * 0.15 * reach), 1)
        cv2.ellipse(frame, centre, axes, 0, 0, 360, 40, -1)
        noise = rng.normal(0, 3, frame.shape)
        frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
        video.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
    video.release()


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median and spread."""
    low, high = np.percentile(values, (25, 75))
    return {
        'median': statistics.median(values),
        'quartiles': [float(low), float(high)],
        'lowest': min(values),
        'highest': max(values),
    }


def environment() -> dict[str, Any]:
    """What the numbers depend on."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {
        **machine(),
        'omp_num_threads': os.environ.get('OMP_NUM_THREADS'),
        'opencv_threads': cv2.getNumThreads(),
        'python': platform.python_version(),
        'packages': versions,
        'commit': commit(),
    }


def measure(predictor: Any, args: argparse.Namespace, size: tuple[int, int]) -> dict:
    """All runs, and what they come to."""
    runs = []
    with tempfile.TemporaryDirectory(prefix='fume_mm_video_') as folder:
        clips = {}
        for seed, gas in enumerate(GASES):
            if args.gas in (gas, None):
                clips[gas] = Path(folder) / f'{gas}.mp4'
                write_clip(clips[gas], size, args.frames, seed=seed)
        for number in range(args.repeats + 1):
            begin = time.process_time()
            content = run_video(
                predictor, **clips, out_dir=Path(folder) / 'out', pbar=False
            )
            cpu = time.process_time() - begin
            if not number:
                continue
            speed = content['speed']
            runs.append(
                {
                    'seconds': speed['seconds'],
                    'pairs_per_second': args.frames / speed['seconds'],
                    'cpu_seconds': cpu,
                    'busy_seconds': speed['busy_seconds'],
                }
            )
            rate = runs[-1]['pairs_per_second']
            print(f'run {number}: {rate:.1f} pairs/s', file=sys.stderr, flush=True)
    stages = list(runs[0]['busy_seconds'])
    busy = {
        stage: statistics.median(run['busy_seconds'][stage] for run in runs)
        for stage in stages
    }
    total = sum(busy.values())
    # drawing and encoding share a thread
    lanes = (busy['decode'] / len(clips), busy['infer'], busy['draw'] + busy['encode'])
    return {
        'gases': list(clips),
        'size': list(size),
        'frames': args.frames,
        'pairs_per_second': summary([run['pairs_per_second'] for run in runs]),
        'cpu_ms_per_pair': summary(
            [1000 * run['cpu_seconds'] / args.frames for run in runs]
        ),
        'stages': {
            stage: {
                'ms_per_pair': 1000 * busy[stage] / args.frames,
                'share': busy[stage] / total,
            }
            for stage in stages
        },
        'alone': args.frames / max(lanes),
        'runs': runs,
    }


def print_report(report: dict[str, Any]) -> None:
    """A few lines of it."""
    rate = report['pairs_per_second']
    low, high = rate['quartiles']
    size = 'x'.join(map(str, report['size']))
    print(
        f'{report["model"]}, {"+".join(report["gases"])} at {size}: '
        f'{rate["median"]:.1f} pairs/s (quartiles {low:.1f} to {high:.1f}, '
        f'{rate["lowest"]:.1f} to {rate["highest"]:.1f})'
    )
    for stage, told in report['stages'].items():
        print(f'  {stage:7} {told["ms_per_pair"]:7.2f} ms  {told["share"]:6.1%}')
    print(f'  CPU     {report["cpu_ms_per_pair"]["median"]:7.2f} ms of all cores')
    about = report['environment']
    print(
        f'  {about["cores"]} cores of {about["cpu"]}, under a load of '
        f'{about["load_average"]} at the start'
    )


def main() -> None:
    """Measure, print and write."""
    args = parse_args()
    match = re.fullmatch(r'(\d+)x(\d+)', args.size)
    if not match or min(map(int, match.groups())) < 32:
        raise UserError(f'--size {args.size}: write WIDTHxHEIGHT, each at least 32.')
    for option, value in (('frames', args.frames), ('repeats', args.repeats)):
        if value < 1:
            raise UserError(f'--{option} is {value}; choose 1 or more.')
    if args.no_model and args.model:
        raise UserError('--no-model and a model do not go together; leave one out.')
    about = environment()
    if args.no_model:
        predictor: Any = Threshold()
    else:
        from fume_mm.inference.inferencer import choose_model, load_predictor

        model, weights = choose_model(args.model, args.checkpoint)
        predictor = load_predictor(model, weights, args.device)
    report = {
        'model': 'threshold' if args.no_model else str(args.model or model),
        **measure(predictor, args, (int(match[1]), int(match[2]))),
        'environment': about,
    }
    print_report(report)
    if args.json is not None:
        try:
            args.json.parent.mkdir(parents=True, exist_ok=True)
            args.json.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
        except OSError as error:
            raise UserError(
                f'{args.json} cannot be written ({error.strerror}); name another file.'
            ) from error


if __name__ == '__main__':
    run_cli(main)
