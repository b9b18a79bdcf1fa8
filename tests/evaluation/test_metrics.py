import math

import pytest
import torch

from fume_mm.errors import UserError
from fume_mm.evaluation import (
    BoundaryMetric,
    HealthMetric,
    SegmentationMetric,
)
from fume_mm.registry import METRICS
from fume_mm.structures import GASES, HEALTH_CLASSES, SEG_CLASSES

SEG_KEYS = {
    'mIoU',
    'mDice',
    'pixel_accuracy',
    'gas_IoU',
    *(
        f'{score}/{name}'
        for score in ('IoU', 'Dice', 'precision', 'recall')
        for name in SEG_CLASSES
    ),
    *(f'frame/{score}' for score in ('mIoU', 'mDice', 'gas_IoU')),
}
BOUNDARY_KEYS = {
    *(
        f'{score}{name}'
        for score in ('HD95', 'ASD', 'F1')
        for name in ('', '/tube', '/gas')
    )
}
METRICS_OF_ALL = [SegmentationMetric, BoundaryMetric, HealthMetric]
CLS_KEYS = {
    'accuracy',
    'balanced_accuracy',
    'macro_f1',
    'weighted_f1',
    'kappa',
    *(
        f'{score}/{name}'
        for score in ('precision', 'recall', 'f1', 'support')
        for name in HEALTH_CLASSES
    ),
    *(
        f'{score}{name}'
        for score in ('roc_auc', 'average_precision')
        for name in ('', *(f'/{name}' for name in HEALTH_CLASSES))
    ),
    'ece',
    'brier',
    *(f'vessel/{score}' for score in ('accuracy', 'balanced_accuracy', 'macro_f1')),
}


def run(metric, *batches):
    for batch in batches:
        metric.process(None, [sample.to_dict() for sample in batch])
    return metric.evaluate(sum(map(len, batches)))


def described(metric, samples):
    metric.process(None, [sample.to_dict() for sample in samples])
    return metric.describe(metric.gather(len(samples)))


@pytest.fixture
def samples(make_sample):
    """Four pixels a frame; all three patterns."""
    return [
        make_sample(
            'a',
            co2=([[0, 0], [1, 2]], [[0, 0], [1, 1]]),
            ch4=([[0, 2], [2, 1]], [[0, 2], [0, 1]]),
            health=0,
            predicted=0,
        ),
        make_sample(
            'b', co2=([[2, 2], [2, 0]], [[2, 0], [2, 0]]), health=1, predicted=2
        ),
        make_sample(
            'c', ch4=([[1, 1], [0, 0]], [[1, 1], [0, 0]]), health=2, predicted=2
        ),
    ]


def test_segmentation_keys(samples):
    metrics = run(SegmentationMetric(), samples)
    assert set(metrics) == {
        *(f'seg/{key}' for key in SEG_KEYS),
        *(f'seg/{gas}/{key}' for gas in ('co2', 'ch4') for key in SEG_KEYS),
        *(
            f'seg/{pattern}/{key}'
            for pattern in ('both', 'co2_only', 'ch4_only')
            for key in ('mIoU', 'gas_IoU')
        ),
    }


def test_segmentation_accumulates_pixels_per_gas_and_pattern(samples):
    metrics = run(SegmentationMetric(), samples)
    # gas pixels hit / in truth or prediction: a CO2 0/1, a CH4 1/2, b CO2 2/3, c 0/0
    expected = {
        'seg/gas_IoU': 3 / 6,
        'seg/co2/gas_IoU': 2 / 4,
        'seg/ch4/gas_IoU': 1 / 2,
        'seg/both/gas_IoU': 1 / 3,
        'seg/co2_only/gas_IoU': 2 / 3,
        # tube: a CO2 1/2, a CH4 1/1, c 2/2
        'seg/IoU/tube': 4 / 5,
        'seg/co2/IoU/tube': 1 / 2,
        'seg/ch4/IoU/tube': 1,
        # background: a CO2 2/2, a CH4 1/2, b 1/2, c 2/2
        'seg/IoU/background': 6 / 8,
        'seg/mIoU': (6 / 8 + 4 / 5 + 3 / 6) / 3,
        'seg/mDice': (12 / 14 + 8 / 9 + 6 / 9) / 3,
        'seg/pixel_accuracy': 13 / 16,
        'seg/co2/pixel_accuracy': 6 / 8,
        'seg/co2_only/mIoU': (1 / 2 + 2 / 3) / 2,
        'seg/ch4_only/mIoU': 1,
    }
    assert {key: metrics[key] for key in expected} == pytest.approx(expected)
    assert math.isnan(metrics['seg/ch4_only/gas_IoU'])


def test_segmentation_details(samples):
    details = described(SegmentationMetric(), samples)
    assert details['classes'] == ['background', 'tube', 'gas']
    confusion = details['confusion']
    assert list(confusion) == ['all', 'co2', 'ch4', 'both', 'co2_only', 'ch4_only']
    assert confusion['co2'] == [[3, 0, 0], [0, 1, 0], [1, 1, 2]]
    assert confusion['ch4_only'] == [[2, 0, 0], [0, 2, 0], [0, 0, 0]]


def test_gas_that_never_occurs_has_no_keys(samples):
    metrics = run(SegmentationMetric(), [samples[1]])
    assert set(metrics) == {
        *(f'seg/{key}' for key in SEG_KEYS),
        *(f'seg/co2/{key}' for key in SEG_KEYS),
        'seg/co2_only/mIoU',
        'seg/co2_only/gas_IoU',
    }
    # the missing CH4 frame is no background pixel
    assert metrics['seg/pixel_accuracy'] == 3 / 4


@pytest.mark.parametrize('metric', METRICS_OF_ALL)
def test_uneven_batches_equal_one(samples, metric):
    split = run(metric(), samples[:1], samples[1:])
    assert split == pytest.approx(run(metric(), samples), nan_ok=True)


@pytest.mark.parametrize('metric', METRICS_OF_ALL)
def test_second_evaluation_starts_anew(samples, metric):
    metric = metric()
    run(metric, samples[:1])
    again = run(metric, samples[1:])
    assert again == pytest.approx(run(type(metric)(), samples[1:]), nan_ok=True)


def test_ignored_pixels_do_not_count(make_sample):
    sample = make_sample('a', co2=([[255, 255], [0, 2]], [[1, 1], [0, 2]]))
    metrics = run(SegmentationMetric(), [sample])
    assert metrics['seg/mIoU'] == metrics['seg/pixel_accuracy'] == 1
    metric = SegmentationMetric(ignore_index=0)
    with pytest.raises(UserError, match=r"'a', CO2 frame: the truth holds \[255\]"):
        run(metric, [sample])


def test_one_tiny_result_per_sample(make_sample):
    mask = torch.zeros(64, 64, dtype=torch.int64)
    metric = SegmentationMetric()
    metric.process(None, [make_sample('a', co2=(mask, mask)).to_dict()])
    (row,) = metric.results
    assert sum(row[name] for name in row if '_as_' in name) == 64 * 64
    assert len(row) == 5 + 9
    assert all(isinstance(value, str | int | float) for value in row.values())


@pytest.mark.parametrize(
    ('masks', 'message'),
    [
        ((None, [[0]]), "sample 'x': its CH4 frame has no truth mask"),
        (([[0]], None), "sample 'x': the model predicted no mask for its CH4 frame"),
        (([[0]], [[0, 0]]), "sample 'x', CH4 frame: the truth has the shape"),
    ],
)
def test_segmentation_needs_both_masks(make_sample, masks, message):
    with pytest.raises(UserError, match=message):
        run(SegmentationMetric(), [make_sample('x', ch4=masks)])


def test_health_keys_and_numbers(samples):
    metric = HealthMetric()
    metrics = run(metric, samples)
    assert set(metrics) == {
        *(f'cls/{key}' for key in CLS_KEYS),
        *(
            f'cls/{pattern}/{key}'
            for pattern in ('both', 'co2_only', 'ch4_only')
            for key in ('accuracy', 'balanced_accuracy')
        ),
    }
    assert metrics['cls/accuracy'] == 2 / 3
    assert metrics['cls/balanced_accuracy'] == (1 + 0 + 1) / 3
    assert metrics['cls/co2_only/accuracy'] == 0
    assert metrics['cls/support/Transitional'] == 1
    assert described(metric, samples)['confusion'] == {
        'all': [[1, 0, 0], [0, 0, 1], [0, 0, 1]],
        'both': [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
        'co2_only': [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
        'ch4_only': [[0, 0, 0], [0, 0, 0], [0, 0, 1]],
    }


@pytest.mark.parametrize(
    ('health', 'predicted', 'message'),
    [
        (None, 1, "sample 'x': it has no true health class"),
        (1, None, "sample 'x': the model predicted no health class"),
    ],
)
def test_health_needs_both_classes(make_sample, health, predicted, message):
    sample = make_sample('x', co2=(None, None), health=health, predicted=predicted)
    with pytest.raises(UserError, match=message):
        run(HealthMetric(), [sample])


def test_health_refuses_an_unknown_class(make_sample):
    sample = make_sample('x', co2=(None, None), health=1, predicted=1)
    sample.pred_health = torch.tensor([3])
    with pytest.raises(UserError, match=r"sample 'x' has the health classes \(1, 3\)"):
        run(HealthMetric(), [sample])


def test_metrics_are_registered():
    metric = METRICS.build({'type': 'fume_mm.SegmentationMetric', 'ignore_index': 254})
    assert isinstance(metric, SegmentationMetric)
    assert metric.ignore_index == 254
    with pytest.raises(TypeError, match='average'):
        METRICS.build({'type': 'fume_mm.HealthMetric', 'average': 'macro'})


def test_boundary_keys(samples):
    assert set(run(BoundaryMetric(), samples)) == {
        *(f'boundary/{key}' for key in BOUNDARY_KEYS),
        *(f'boundary/{gas}/{key}' for gas in ('co2', 'ch4') for key in BOUNDARY_KEYS),
        *(
            f'boundary/{pattern}/{key}'
            for pattern in ('both', 'co2_only', 'ch4_only')
            for key in ('HD95', 'ASD', 'F1')
        ),
    }


def test_boundary_is_a_mean_over_frames_that_have_the_class(make_sample):
    tube, gas, empty = ([[[0, c, 0, 0]], [[0, 0, c, 0]]] for c in (1, 2, 0))
    samples = [
        make_sample('a', co2=tube, ch4=gas),  # one pixel off each
        make_sample('b', co2=(tube[0], tube[0])),
        make_sample('c', co2=(empty[0], empty[0])),  # in no mean
        make_sample('d', ch4=(gas[0], empty[0])),  # the diagonal, root of 1 + 16
    ]
    metric = BoundaryMetric()
    metrics = run(metric, samples)
    expected = {
        'boundary/HD95/tube': (1 + 0) / 2,
        'boundary/HD95/gas': (1 + 17**0.5) / 2,
        'boundary/HD95': ((1 + 0) / 2 + (1 + 17**0.5) / 2) / 2,
        'boundary/ASD/gas': (1 + 17**0.5) / 2,
        'boundary/F1/tube': (0 + 1) / 2,
        'boundary/F1/gas': 0,
        'boundary/co2/HD95/tube': 1 / 2,
        'boundary/both/HD95': 1,
        'boundary/co2_only/HD95': 0,
        'boundary/ch4_only/HD95': 17**0.5,
    }
    assert {key: metrics[key] for key in expected} == pytest.approx(expected)
    assert math.isnan(metrics['boundary/co2/HD95/gas'])
    frames = described(metric, samples)['frames']
    assert frames['all']['gas'] == {
        'both': 1,
        'truth': 1,
        'prediction': 0,
        'neither': 3,
    }
    wide = run(BoundaryMetric(tolerance=0.25), samples)
    assert wide['boundary/F1/tube'] == 1


def test_boundary_leaves_ignored_pixels_to_no_class(make_sample):
    truth = [[0, 2, 2, 255, 255]]
    sample = make_sample('a', co2=(truth, [[0, 2, 2, 2, 1]]))
    metrics = run(BoundaryMetric(), [sample])
    assert metrics['boundary/HD95/gas'] == 0
    assert math.isnan(metrics['boundary/HD95/tube'])


def test_boundary_refuses_what_does_not_fit(make_sample):
    sample = make_sample('x', ch4=([[0]], [[0, 0]]))
    with pytest.raises(UserError, match="'x', CH4 frame: the truth has the shape"):
        run(BoundaryMetric(), [sample])
    for truth, prediction in (([[3]], [[0]]), ([[0]], [[3]]), ([[0]], [[-1]])):
        sample = make_sample('x', co2=(truth, prediction))
        with pytest.raises(UserError, match=r"'x', CO2 frame: the \w+ holds \[-?\d\]"):
            run(BoundaryMetric(), [sample])
    run(BoundaryMetric(), [make_sample('x', co2=([[255]], [[7]]))])  # ignored
    with pytest.raises(UserError, match='tolerance=2'):
        BoundaryMetric(tolerance=2)


def test_health_without_probabilities_has_fewer_keys(samples):
    for sample in samples:
        del sample.health_scores
    metrics = run(HealthMetric(), samples)
    assert metrics['cls/accuracy'] == 2 / 3
    assert not [key for key in metrics if 'roc' in key or 'vessel' in key]


def test_probabilities_of_some_samples_only(samples):
    del samples[1].health_scores
    with pytest.raises(UserError, match="sample 'b' has no class probabilities"):
        run(HealthMetric(), samples)


@pytest.mark.parametrize(
    ('scores', 'message'),
    [
        ([math.nan, 0.5, 0.5], "sample 'b': the model's health scores are NaN"),
        ([1.5, -0.3, -0.2], "sample 'b': .* are no probabilities"),
        ([0.9, 0.9, 0.9], "sample 'b': .* are no probabilities"),
        ([0.5, 0.5], "sample 'b': the model scores 2 health classes"),
    ],
)
def test_scores_that_are_none(samples, scores, message):
    samples[1].health_scores = torch.tensor(scores)
    with pytest.raises(UserError, match=message):
        run(HealthMetric(), samples)


@pytest.mark.parametrize('metric', [SegmentationMetric, BoundaryMetric])
def test_logits_that_are_nan(samples, metric):
    part = samples[0].get('ch4')
    logits = torch.zeros(3, 2, 2)
    part.set_data({'seg_logits': type(part.pred_sem_seg)(data=logits)})
    run(metric(), samples)
    logits[1, 0, 1] = math.nan
    with pytest.raises(UserError, match="'a', CH4 frame: the model's scores are NaN"):
        run(metric(), samples)


def test_masks_of_bytes_give_the_rows_of_others(random_samples):
    found = []
    for kind in (torch.int64, torch.uint8):
        samples = random_samples(6)
        for sample in samples:
            for part in (sample.get(gas) for gas in GASES if gas in sample):
                for mask in (part.gt_sem_seg, part.pred_sem_seg):
                    mask.data = mask.data.to(kind)
        for metric in (SegmentationMetric(), BoundaryMetric()):
            metric.process({}, [sample.to_dict() for sample in samples])
            found.append(repr(metric.results))  # NaN is NaN there
    assert found[:2] == found[2:]
