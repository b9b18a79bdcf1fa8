"""How many pairs of frames a second the video demo gets through.

Two clips of moving plumes are written to a temporary folder and run through
fume_mm.inference.video: decoding, inference, drawing, encoding, table, timeline. Each
repeat is a full run; the first one warms up and is not counted. Stages overlap, so
their busy seconds add up to more than the time that passed; `alone` is what the slowest
of them would allow. The model is a config (.py) with its checkpoint, or an exported
file.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.common import Measured, add_numbers, add_size, spread
from fume_mm.engine.options import SHARED
from fume_mm.errors import UserError
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult

RATE = 30.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    parser.add_argument('model', nargs='?', help='config (.py) or exported file')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint of a config')
    parser.add_argument(
        '--no-model',
        action='store_true',
        help='a threshold in place of a model: what all the rest costs',
    )
    add_size(parser, least=32)
    add_numbers(parser, frames=(150, 1, 'of each clip'), repeats=(5, 1, 'counted runs'))
    parser.add_argument('--gas', choices=GASES, help='measure with one clip alone')
    parser.add_argument('--device', **SHARED['--device'])


class Threshold:
    """A predictor that costs next to nothing, with masks like a model's."""

    def predict(
        self, samples: Sequence[Mapping[str, Any]], probabilities: bool = False
    ) -> list[DualGasResult]:
        """Bright pixels are tube, dark ones gas."""
        results = []
        for sample in samples:
            masks: dict[str, np.ndarray] = {}
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
    shape = height // 16 + 1, width // 16 + 1
    scene: np.ndarray = rng.integers(0, 256, shape, dtype=np.uint8)
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


def measure(args: argparse.Namespace) -> Measured:
    """Run the clips again and again."""
    from fume_mm.inference.inferencer import choose_model, load_predictor
    from fume_mm.inference.video.annotate import run_video

    if args.no_model and args.model:
        raise UserError('--no-model and a model do not go together; leave one out.')
    predictor: Any = Threshold()
    name = 'threshold'
    if not args.no_model:
        model, weights = choose_model(args.model, args.checkpoint)
        predictor = load_predictor(model, weights, args.device)
        name = str(args.model or model)
    runs = []
    with tempfile.TemporaryDirectory(prefix='fume_mm_video_') as folder:
        clips: dict[str, Any] = {}
        for seed, gas in enumerate(GASES):
            if args.gas in (gas, None):
                clips[gas] = Path(folder) / f'{gas}.mp4'
                write_clip(clips[gas], tuple(args.size), args.frames, seed=seed)
        for _ in range(args.repeats + 1):
            begin, out = time.process_time(), Path(folder) / 'out'
            speed = run_video(predictor, **clips, out_dir=out, pbar=False)['speed']
            runs.append(
                {
                    'seconds': speed['seconds'],
                    'pairs_per_second': args.frames / speed['seconds'],
                    'cpu_seconds': time.process_time() - begin,
                    'busy_seconds': speed['busy_seconds'],
                }
            )
    del runs[0]  # warmed up
    busy = {
        stage: statistics.median(run['busy_seconds'][stage] for run in runs)
        for stage in runs[0]['busy_seconds']
    }
    # drawing and encoding share a thread
    lanes = (busy['decode'] / len(clips), busy['infer'], busy['draw'] + busy['encode'])
    each, total = 1000 / args.frames, sum(busy.values())
    rate = spread([run['pairs_per_second'] for run in runs])
    cpu = spread([each * run['cpu_seconds'] for run in runs])
    content = {
        'unit': 'pairs of frames a second',
        'model': name,
        'gases': list(clips),
        'size': args.size,
        'frames': args.frames,
        'pairs_per_second': rate,
        'cpu_ms_per_pair': cpu,
        'stages': {
            stage: {'ms_per_pair': each * seconds, 'share': seconds / total}
            for stage, seconds in busy.items()
        },
        'alone': args.frames / max(lanes),
        'runs': runs,
    }
    rows = [
        {'stage': stage, 'ms a pair': row['ms_per_pair'], '%': 100 * row['share']}
        for stage, row in content['stages'].items()
    ]
    notes = [
        f'{name}, {"+".join(clips)} at {"x".join(map(str, args.size))}: '
        f'{rate["median"]:.1f} pairs/s (quartiles {rate["p25"]:.1f} to '
        f'{rate["p75"]:.1f}, {rate["lowest"]:.1f} to {rate["highest"]:.1f}), '
        f'{cpu["median"]:.1f} ms of CPU time a pair',
    ]
    return Measured(content, rows, notes)
