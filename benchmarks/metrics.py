"""Measure what scoring a sample costs, and MONAI's boundary metrics beside ours.

Simulated masks of both gases, 640x480 unless asked otherwise; the prediction is the
truth, ragged at its edges. One thread. Measured are the whole set of metrics (masks,
outlines, health) from the sample to its row; our outlines alone (HD95, ASD, F1); and
HD95 and ASD by MONAI, if it is installed.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GASES

SEED = 0
VESSELS = 6


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--samples', type=int, default=24, help='samples of a repeat (%(default)s)'
    )
    parser.add_argument(
        '--repeats', type=int, default=5, help='repeats of each case (%(default)s)'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(640, 480),
        metavar=('W', 'H'),
        help='pixels of a frame (640 480)',
    )
    parser.add_argument(
        '--json', type=Path, help='where to write the result, if wanted'
    )
    args = parser.parse_args()
    if min(args.samples, args.repeats, *args.size) < 1:
        parser.error('--samples, --repeats and --size are 1 or more')
    return args


def simulated_masks(
    count: int, size: tuple[int, int]
) -> list[dict[str, tuple[np.ndarray, np.ndarray]]]:
    """True and predicted masks, (H, W) uint8 each, by gas, of ``count`` samples."""
    from fume_mm.simulation import CampaignParameters, plan_vessels, render_vessel

    parameters = CampaignParameters(
        name='benchmark',
        vessels=VESSELS,
        frames_per_vessel=-(-count // VESSELS),
        missing_co2=0.0,
        missing_ch4=0.0,
    )
    rng = np.random.default_rng(SEED)
    masks: dict[tuple[int, int], dict[str, np.ndarray]] = {}
    for vessel in plan_vessels(parameters, seed=SEED):
        for frame in render_vessel(parameters, vessel, seed=SEED):
            mask = cv2.resize(frame.mask, size, interpolation=cv2.INTER_NEAREST)
            masks.setdefault((vessel.index, frame.frame), {})[frame.gas] = mask
    return [
        {gas: (mask, predicted(mask, rng)) for gas, mask in sample.items()}
        for sample in list(masks.values())[:count]
    ]


def predicted(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mask as a fair model would draw it: some pixels off and ragged at its edges."""
    height, width = mask.shape
    wobble = [
        cv2.resize(
            rng.normal(0, 4, (max(height // 16, 1), max(width // 16, 1))),
            (width, height),
        )
        for _ in range(2)
    ]
    rows, columns = np.mgrid[:height, :width]
    x, y = (
        (columns + wobble[0]).astype(np.float32),
        (rows + wobble[1]).astype(np.float32),
    )
    return cv2.remap(mask, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def as_samples(masks: list[dict[str, tuple[np.ndarray, np.ndarray]]]) -> list[Any]:
    """The masks as a model hands them to the evaluator."""
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    from fume_mm.structures import DualGasDataSample

    samples = []
    for index, by_gas in enumerate(masks):
        sample = DualGasDataSample(metainfo={'sample_id': str(index), 'groups': ('v',)})
        for gas in GASES:
            truth, said = (torch.from_numpy(m)[None].long() for m in by_gas[gas])
            logits = torch.zeros(3, *truth.shape[1:])
            part = SegDataSample()
            part.gt_sem_seg = PixelData(data=truth)
            part.pred_sem_seg = PixelData(data=said)
            part.seg_logits = PixelData(data=logits)
            sample.set_gas(gas, part)
        sample.set_gt_health(index % 3)
        sample.set_health_scores(torch.tensor([0.5, 0.25, 0.25]))
        samples.append(sample)
    return samples


def measure(
    work: Callable[[Any], Any], items: list[Any], repeats: int
) -> dict[str, float]:
    """Milliseconds an item: the median, least and most of the repeats' means.

    By the CPU time of this process, so that what else the machine does counts little;
    ``median_wall`` by the clock.
    """
    work(items[0])
    cpu, wall = [], []
    for _ in range(repeats):
        start = time.process_time(), time.perf_counter()
        for item in items:
            work(item)
        cpu.append(1000 * (time.process_time() - start[0]) / len(items))
        wall.append(1000 * (time.perf_counter() - start[1]) / len(items))
    return {
        'median': statistics.median(cpu),
        'lowest': min(cpu),
        'highest': max(cpu),
        'median_wall': statistics.median(wall),
    }


def our_outlines(masks: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[Any]:
    """HD95, ASD and F1 of both classes of both gases."""
    from fume_mm.evaluation import boundary_scores

    return [
        boundary_scores(truth == c, said == c)
        for truth, said in masks.values()
        for c in (1, 2)
    ]


def monai_outlines() -> Callable[[Any], Any] | None:
    """HD95 and ASD of the same masks by MONAI; None if it is not installed."""
    try:
        from monai.metrics import (  # type: ignore[import-not-found,unused-ignore]
            compute_average_surface_distance,
            compute_hausdorff_distance,
        )
    except ImportError:
        return None

    def work(pair: Any) -> Any:
        said, truth = pair
        return (
            compute_hausdorff_distance(
                said, truth, include_background=True, percentile=95
            ),
            compute_average_surface_distance(
                said, truth, include_background=True, symmetric=True
            ),
        )

    return work


def one_hot(masks: dict[str, tuple[np.ndarray, np.ndarray]]) -> Any:
    """Prediction and truth as MONAI wants them, (2 gases, 2 classes, H, W)."""
    import torch

    pairs = list(masks.values())
    return tuple(
        torch.from_numpy(
            np.stack([[pair[i] == c for c in (1, 2)] for pair in pairs])
        ).float()
        for i in (1, 0)
    )


def check_same(ours: list[Any], theirs: Any) -> None:
    """Refuse to compare the speed of things that are not the same."""
    for theirs_of, name in zip(theirs, ('hd95', 'asd'), strict=True):
        mine = [getattr(scores, name) for scores in ours if scores.who == 'both']
        other = [
            value
            for value, scores in zip(theirs_of.flatten().tolist(), ours, strict=True)
            if scores.who == 'both'
        ]
        if not np.allclose(mine, other, rtol=1e-4):
            raise UserError(
                f'{name} differs: {mine} here, {other} by MONAI; compare with a '
                'version of MONAI whose metrics are defined alike (1.6).'
            )


def main() -> None:
    """Measure and print."""
    args = parse_args()
    import torch

    from fume_mm.evaluation import (
        BoundaryMetric,
        DualGasEvaluator,
        HealthMetric,
        SegmentationMetric,
    )
    from fume_mm.io import provenance

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    masks = simulated_masks(args.samples, tuple(args.size))
    evaluator = DualGasEvaluator(
        [SegmentationMetric(), BoundaryMetric(), HealthMetric()]
    )
    cases = {
        'all metrics': measure(
            lambda sample: evaluator.process([sample]), as_samples(masks), args.repeats
        ),
        'outlines': measure(our_outlines, masks, args.repeats),
    }
    monai = monai_outlines()
    ratio = None
    if monai is not None:
        pairs = [one_hot(sample) for sample in masks]
        check_same(our_outlines(masks[0]), monai(pairs[0]))
        cases['outlines, MONAI'] = measure(monai, pairs, args.repeats)
        ratio = cases['outlines, MONAI']['median'] / cases['outlines']['median']
    print(
        f'{"ms a sample":16} {"median":>8} {"lowest":>8} {"highest":>8} {"by clock":>9}'
    )
    for name, row in cases.items():
        print(
            f'{name:16} {row["median"]:8.2f} {row["lowest"]:8.2f} '
            f'{row["highest"]:8.2f} {row["median_wall"]:9.2f}'
        )
    if ratio is None:
        print('MONAI is not installed: no comparison; `pip install monai` for one.')
    else:
        print(f'MONAI takes {ratio:.1f} times as long for HD95 and ASD alone.')
    if args.json is None:
        return
    report = {
        'unit': 'milliseconds of CPU time a sample, one thread',
        'size': f'{args.size[0]}x{args.size[1]}',
        'samples': args.samples,
        'repeats': args.repeats,
        'results': cases,
        'monai_to_ours': ratio,
        'environment': {
            **provenance.machine(),
            **provenance.versions(),
            'opencv': cv2.__version__,
            'monai': None if monai is None else _monai_version(),
            'commit': provenance.commit(),
        },
    }
    try:
        args.json.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
    except OSError as error:
        raise UserError(
            f'{args.json} cannot be written ({error.strerror}); name another file.'
        ) from error
    print(f'written: {args.json}')


def _monai_version() -> str:
    from importlib.metadata import version

    return version('monai')


if __name__ == '__main__':
    run_cli(main)
