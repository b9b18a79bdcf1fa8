import math

import pytest
import torch

from fume_mm.errors import UserError
from fume_mm.evaluation import HealthMetric, SegmentationMetric
from fume_mm.registry import METRICS
from fume_mm.structures import HEALTH_CLASSES, SEG_CLASSES

SEG_KEYS = {
    'mIoU',
    'mDice',
    'pixel_accuracy',
    'gas_IoU',
    *(f'{score}/{name}' for score in ('IoU', 'Dice') for name in SEG_CLASSES),
}
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
}


def run(metric, *batches):
    for batch in batches:
        metric.process(None, [sample.to_dict() for sample in batch])
    return metric.evaluate(sum(map(len, batches)))


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
    metric = SegmentationMetric()
    run(metric, samples)
    assert metric.details['classes'] == ['background', 'tube', 'gas']
    confusion = metric.details['confusion']
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


@pytest.mark.parametrize('metric', [SegmentationMetric, HealthMetric])
def test_uneven_batches_equal_one(samples, metric):
    split = run(metric(), samples[:1], samples[1:])
    assert split == pytest.approx(run(metric(), samples), nan_ok=True)


@pytest.mark.parametrize('metric', [SegmentationMetric, HealthMetric])
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
    ((_, confusions),) = metric.results
    assert confusions['co2'].nbytes == 9 * 8


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
    assert metric.details['confusion'] == {
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
