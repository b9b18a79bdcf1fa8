"""A tested run in a folder, made without training: masks and classes are chosen."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.paired_csv import read_paired
from fume_mm.datasets.pairing import pair_gases
from fume_mm.engine.config import load_config
from fume_mm.evaluation import (
    BoundaryMetric,
    DualGasEvaluator,
    HealthMetric,
    SegmentationMetric,
)
from fume_mm.evaluation.predictions import write_predictions
from fume_mm.io.tables import write_table
from fume_mm.reporting.test_results import write_results
from fume_mm.structures import GASES
from tests.campaigns import make_campaign

CONFIG = Path(__file__).parents[1] / 'configs/fume/fume_fastscnn.py'
#: Probabilities of the six samples, true classes 0, 1, 2, 0, 2, 2: the second, a sample
#: of both gases, is wrong.
SCORES = (
    (0.8, 0.1, 0.1),
    (0.9, 0.06, 0.04),
    (0.1, 0.2, 0.7),
    (0.5, 0.3, 0.2),
    (0.25, 0.25, 0.5),
    (0.0, 0.4, 0.6),
)
#: The sample and gas whose plume is missed.
MISSED = (2, 'ch4')


def make_run(
    folder: Path,
    *,
    name: str = 'run',
    masks: bool = True,
    simulated: bool = True,
    leakage: bool = False,
    metrics: Sequence[Any] = (),
) -> Path:
    """Write a campaign of six vessels and a run that was tested on it; returns the run.

    Args:
        folder: The campaign goes to ``folder/campaign``, unless it is there.
        name: The run's folder in ``folder``.
        masks: Whether the predicted masks are written, too.
        simulated: Mark of the data.
        leakage: Mark of the split.
        metrics: Of the evaluator, or their configs; all three unless given.
    """
    root = folder / 'campaign'
    annotations = 'paired_test_annotations.csv'
    if not root.is_dir():
        make_campaign(root, vessels=6, frames=1, splits=('test',))
        frames = read_annotations(root / 'test_annotations.csv')
        write_table(pair_gases(frames), root / annotations)
        card = '# Card of the <tiny> campaign\n'
        (root / 'README.md').write_text(card, encoding='utf-8')
    run = folder / name
    (run / 'masks').mkdir(parents=True)
    samples = read_paired(root / annotations, root=root).to_dict('records')
    evaluator = DualGasEvaluator(
        metrics or [SegmentationMetric(), BoundaryMetric(), HealthMetric()]
    )
    for number, row in enumerate(samples):
        sample = {key: row[key] for key in ('sample_id', 'groups', 'ph_value')}
        for gas in (gas for gas in GASES if row[f'{gas}_frame']):
            truth = cv2.imread(str(root / row[f'{gas}_mask']), cv2.IMREAD_UNCHANGED)
            said = predicted(truth, number, gas)
            if masks:
                path = run / f'masks/{row["sample_id"]}_{gas}.png'
                cv2.imwrite(str(path), said)
            sample[gas] = {
                'gt_sem_seg': {'data': torch.from_numpy(truth)[None].long()},
                'pred_sem_seg': {'data': torch.from_numpy(said)[None].long()},
            }
        scores = torch.tensor(SCORES[number])
        sample['gt_health'] = torch.tensor([row['class_id']])
        sample['pred_health'] = scores.argmax()[None]
        sample['health_scores'] = scores
        evaluator.process([sample])
    evaluator.evaluate(len(samples))
    scores = evaluator.scores.with_intervals(200, seed=0)
    marks = {'simulated': simulated, 'leakage': leakage}
    provenance = {'config': str(CONFIG), 'commit': 'abc123', 'versions': {'numpy': '1'}}
    write_results(
        {**provenance, **marks, **scores.to_json()}, run / 'test_results.json'
    )
    write_predictions(scores.table.assign(**marks), run / 'predictions.csv')
    load_config(str(CONFIG), {'data_root': str(root)}).dump(str(run / CONFIG.name))
    write_scalars(run / '20260101_000000', steps=(20, 40))
    return run


def predicted(truth: np.ndarray, number: int, gas: str) -> np.ndarray:
    """What the run says: the truth with its gas cut off, the later the more."""
    said = truth.copy()
    rows, _ = np.nonzero(truth == 2)
    keep = 0 if (number, gas) == MISSED else rows.max() - 2 * number
    said[keep + 1 :][said[keep + 1 :] == 2] = 0
    return said


def write_scalars(part: Path, *, steps: tuple[int, ...]) -> None:
    """A training log with a loss row for each step and a validation after the last."""
    rows = [
        {
            'lr': 0.001 / step,
            'loss': 30.0 / step,
            'co2.loss_dice': 10.0 / step,
            'ch4.loss_dice': 15.0 / step,
            'loss_health': 5.0 / step,
            'epoch': 1,
            'step': step,
        }
        for step in steps
    ]
    scores = {'seg/mIoU': 0.5, 'cls/macro_f1': float('nan'), 'step': steps[-1]}
    lines = [json.dumps(row) + '\n' for row in (*rows, scores)]
    path = part / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text(''.join(lines), encoding='utf-8')
