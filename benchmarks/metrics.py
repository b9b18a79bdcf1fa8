"""What scoring a sample costs, and MONAI's boundary metrics beside ours.

Simulated masks of both gases, 640x480 unless asked otherwise; the prediction is the
truth, ragged at its edges. One thread. Measured are the whole set of metrics (masks,
outlines, health) from the sample to its row; our outlines alone (HD95, ASD, F1); and
HD95 and ASD by MONAI, if it is installed.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

from benchmarks.common import Measured, add_numbers, add_size, clock, spread
from fume_mm.errors import UserError
from fume_mm.structures import GASES

SEED = 0
VESSELS = 6
#: True and predicted mask, (H, W) uint8 each, by gas.
Masks = dict[str, tuple[np.ndarray, np.ndarray]]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    add_numbers(
        parser,
        samples=(24, 1, 'samples of a repeat'),
        repeats=(5, 1, 'repeats of each case'),
    )
    add_size(parser)


def simulated_masks(count: int, size: tuple[int, int]) -> list[Masks]:
    """Masks of ``count`` samples."""
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


def as_samples(masks: list[Masks]) -> list[Any]:
    """The masks as a model hands them to the evaluator."""
    import torch
    from mmengine.structures import PixelData
    from mmseg.structures import SegDataSample

    from fume_mm.structures import DualGasDataSample

    samples = []
    for index, by_gas in enumerate(masks):
        sample = DualGasDataSample(metainfo={'sample_id': str(index), 'groups': ('v',)})
        for gas in GASES:
            target, pred = (torch.from_numpy(m)[None] for m in by_gas[gas])
            logits = torch.zeros(3, *target.shape[1:])
            part = SegDataSample()
            part.gt_sem_seg = PixelData(data=target)
            part.pred_sem_seg = PixelData(data=pred)
            part.seg_logits = PixelData(data=logits)
            sample.set_gas(gas, part)
        sample.set_gt_health(index % 3)
        sample.set_health_scores(torch.tensor([0.5, 0.25, 0.25]))
        samples.append(sample)
    return samples


def our_outlines(masks: Masks) -> list[Any]:
    """HD95, ASD and F1 of both classes of both gases."""
    from fume_mm.evaluation import boundary_scores

    return [
        boundary_scores(target == c, pred == c)
        for target, pred in masks.values()
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
        pred, target = pair
        return (
            compute_hausdorff_distance(
                pred, target, include_background=True, percentile=95
            ),
            compute_average_surface_distance(
                pred, target, include_background=True, symmetric=True
            ),
        )

    return work


def one_hot(masks: Masks) -> Any:
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


def for_each(work: Callable[[Any], Any], items: list[Any]) -> None:
    """Do the work of a repeat."""
    for item in items:
        work(item)


def measure(args: argparse.Namespace) -> Measured:
    """Time every case."""
    import torch

    from fume_mm.evaluation import (
        BoundaryMetric,
        DualGasEvaluator,
        HealthMetric,
        SegmentationMetric,
    )

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    masks = simulated_masks(args.samples, tuple(args.size))
    evaluator = DualGasEvaluator(
        [SegmentationMetric(), BoundaryMetric(), HealthMetric()]
    )
    cases: dict[str, tuple[Callable[[Any], Any], list[Any]]] = {
        'all metrics': (lambda sample: evaluator.process([sample]), as_samples(masks)),
        'outlines': (our_outlines, masks),
    }
    monai = monai_outlines()
    if monai is not None:
        pairs = [one_hot(sample) for sample in masks]
        check_same(our_outlines(masks[0]), monai(pairs[0]))
        cases['outlines, MONAI'] = monai, pairs
    results = {}
    for name, (work, items) in cases.items():
        work(items[0])
        wall, cpu = clock(
            partial(for_each, work, items),
            repeats=args.repeats,
            warmup=0,
        )
        each = 1000 / len(items)
        median_wall = spread(each * wall)['median']
        results[name] = {**spread(each * cpu), 'median_wall': median_wall}
    ratio, note = None, 'MONAI is not installed: no comparison; `pip install monai`.'
    if monai is not None:
        medians = [results[name]['median'] for name in ('outlines, MONAI', 'outlines')]
        ratio = medians[0] / medians[1]
        note = f'MONAI takes {ratio:.1f} times as long for HD95 and ASD alone.'
    content = {
        'unit': 'milliseconds of CPU time a sample, one thread',
        'size': f'{args.size[0]}x{args.size[1]}',
        'samples': args.samples,
        'repeats': args.repeats,
        'results': results,
        'monai_to_ours': ratio,
    }
    columns = ('median', 'lowest', 'highest', 'median_wall')
    rows = [
        {'ms a sample': name, **{column: row[column] for column in columns}}
        for name, row in results.items()
    ]
    return Measured(content, rows, [note])
