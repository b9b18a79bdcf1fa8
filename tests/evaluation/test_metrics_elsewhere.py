"""The metrics equal mmsegmentation, scikit-learn and plain loops on random samples."""

import numpy as np
import pytest
from mmseg.evaluation import IoUMetric
from sklearn import metrics as sk

from fume_mm.evaluation import (
    BoundaryMetric,
    HealthMetric,
    SegmentationMetric,
    boundary_scores,
)
from fume_mm.structures import HEALTH_CLASSES, SEG_CLASSES


def run(metric, *batches):
    for batch in batches:
        metric.process(None, [sample.to_dict() for sample in batch])
    return metric.evaluate(sum(map(len, batches)))


def frames_of(samples):
    """Every frame's gas and masks, (gas, truth, prediction)."""
    return [
        (
            gas,
            *(
                sample.get(gas).get(name).data[0]
                for name in ('gt_sem_seg', 'pred_sem_seg')
            ),
        )
        for sample in samples
        for gas in ('co2', 'ch4')
        if gas in sample
    ]


@pytest.mark.parametrize('seed', range(3))
def test_segmentation_equals_mmseg(random_samples, seed):
    samples = random_samples(20, seed=seed)
    ours = run(SegmentationMetric(), samples[:7], samples[7:])
    for prefix, gases in (('', ('co2', 'ch4')), ('co2/', ('co2',)), ('ch4/', ('ch4',))):
        areas = [
            IoUMetric.intersect_and_union(prediction, truth.clone(), 3, 255)
            for gas, truth, prediction in frames_of(samples)
            if gas in gases
        ]
        sums = [sum(parts) for parts in zip(*areas, strict=True)]
        theirs = IoUMetric.total_area_to_metrics(
            *sums, metrics=['mIoU', 'mDice', 'mFscore']
        )
        keys = {
            'IoU': 'IoU',
            'Dice': 'Dice',
            'Precision': 'precision',
            'Recall': 'recall',
        }
        for their_key, key in keys.items():
            mine = [ours[f'seg/{prefix}{key}/{name}'] for name in SEG_CLASSES]
            assert mine == pytest.approx(theirs[their_key].tolist())
        # each frame by itself, and their mean
        per_frame = [
            IoUMetric.total_area_to_metrics(*area, metrics=['mIoU'])['IoU']
            for area in areas
        ]
        assert ours[f'seg/{prefix}frame/mIoU'] == pytest.approx(
            np.nanmean([np.nanmean(iou) for iou in per_frame])
        )
        assert ours[f'seg/{prefix}frame/gas_IoU'] == pytest.approx(
            np.nanmean([iou[2] for iou in per_frame])
        )


@pytest.mark.parametrize('seed', range(3))
def test_boundary_equals_loops(random_samples, seed):
    samples = random_samples(15, seed=seed)
    metrics = run(BoundaryMetric(), samples)
    for class_id, name in ((1, 'tube'), (2, 'gas')):
        found = []
        for _, truth, prediction in frames_of(samples):
            truth, prediction = truth.numpy(), prediction.numpy()
            prediction = np.where(truth == 255, 0, prediction)
            found.append(boundary_scores(truth == class_id, prediction == class_id)[:3])
        means = np.nanmean(found, axis=0)
        keys = [f'boundary/{key}/{name}' for key in ('HD95', 'ASD', 'F1')]
        assert [metrics[key] for key in keys] == pytest.approx(means)


@pytest.mark.filterwarnings('ignore:y_pred contains classes not in y_true')
@pytest.mark.parametrize('seed', range(3))
def test_health_equals_scikit_learn(random_samples, seed):
    samples = random_samples(50, seed=seed, vessels=9)
    metrics = run(HealthMetric(), samples[:20], samples[20:])
    truth = np.array([int(s.gt_health) for s in samples])
    scores = np.stack([s.health_scores.numpy() for s in samples]).astype(float)
    expected = {
        'accuracy': sk.accuracy_score(truth, scores.argmax(1)),
        'brier': ((scores - np.eye(3)[truth]) ** 2).sum(1).mean(),
    }
    areas = [sk.roc_auc_score(truth == c, scores[:, c]) for c in range(3)]
    averages = [sk.average_precision_score(truth == c, scores[:, c]) for c in range(3)]
    for c, name in enumerate(HEALTH_CLASSES):
        expected[f'roc_auc/{name}'] = areas[c]
        expected[f'average_precision/{name}'] = averages[c]
    expected |= {'roc_auc': np.mean(areas), 'average_precision': np.mean(averages)}
    vessels = {}
    for sample, row in zip(samples, scores, strict=True):
        vessels.setdefault((sample.groups, int(sample.gt_health)), []).append(row)
    verdicts = [np.mean(rows, axis=0).argmax() for rows in vessels.values()]
    true = [key[1] for key in vessels]
    expected['vessel/accuracy'] = sk.accuracy_score(true, verdicts)
    expected['vessel/balanced_accuracy'] = sk.balanced_accuracy_score(true, verdicts)
    expected['vessel/macro_f1'] = sk.f1_score(true, verdicts, average='macro')
    mine = {key: metrics[f'cls/{key}'] for key in expected}
    assert mine == pytest.approx(expected)
