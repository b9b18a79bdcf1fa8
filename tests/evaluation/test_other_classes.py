"""The metrics of a dataset whose classes are not FUME's."""

from typing import Any

import pytest

from fume_mm.evaluation import (
    BoundaryMetric,
    DualGasEvaluator,
    HealthMetric,
    SegmentationMetric,
)
from fume_mm.evaluation.predictions import read_predictions, write_predictions
from fume_mm.evaluation.scores import Scores, metrics_of
from fume_mm.structures.labels import FUME_LABELS, Labels

LABELS = Labels(('f1', 'f2', 'f3', 'f4', 'f5'), None, ('background', 'gas'))


@pytest.fixture
def evaluator(make_sample: Any) -> DualGasEvaluator:
    """Four samples of four pixels and five classes, scored."""
    metrics = [SegmentationMetric(), BoundaryMetric(), HealthMetric()]
    evaluator = DualGasEvaluator(metrics)
    evaluator.dataset_meta = LABELS.to_meta()
    truth, pred = [[0, 1], [1, 1]], [[0, 0], [1, 1]]
    evaluator.process(
        [
            make_sample(
                f's{number}',
                co2=(truth, pred),
                health=true,
                scores=[0.6 if x == said else 0.1 for x in range(5)],
                groups=(f'v{number}',),
            )
            for number, (true, said) in enumerate([(0, 0), (4, 4), (3, 4), (1, 1)])
        ]
    )
    evaluator.evaluate(4)
    return evaluator


def test_figures_are_of_the_datasets_classes(evaluator: DualGasEvaluator) -> None:
    values = evaluator.scores.values
    assert values['cls/accuracy'] == pytest.approx(3 / 4)
    assert values['cls/balanced_accuracy'] == pytest.approx((1 + 1 + 1 + 0) / 4)
    assert values['cls/f1/f5'] == pytest.approx(2 / 3)
    assert values['cls/support/f3'] == 0
    # background 1 of 2 pixels, gas 2 of 3
    assert values['seg/gas_IoU'] == pytest.approx(2 / 3)
    assert values['seg/mIoU'] == pytest.approx((1 / 2 + 2 / 3) / 2)
    named = {key.rpartition('/')[2] for key in values}
    assert not named & {'tube', *FUME_LABELS.health_classes}


def test_a_file_of_them_is_read_back(
    evaluator: DualGasEvaluator, tmp_path: Any
) -> None:
    scores = evaluator.scores
    assert scores.table is not None
    write_predictions(scores.table, tmp_path / 'predictions.csv')
    table = read_predictions(tmp_path / 'predictions.csv', LABELS)
    assert Scores.of_table(table, labels=LABELS).values == pytest.approx(
        scores.values, nan_ok=True
    )
    again = Scores.from_json(scores.to_json())
    assert again.labels == LABELS and again.to_json() == scores.to_json()


def test_fumes_metrics_stay_as_they_are(evaluator: DualGasEvaluator) -> None:
    assert HealthMetric.labels is FUME_LABELS
    assert list(HealthMetric.columns)[2:] == [
        'p_healthy',
        'p_transitional',
        'p_acidotic',
    ]
    assert evaluator.scores.table is not None
    assert metrics_of(evaluator.scores.table) == []  # of FUME's classes it is none
    assert type(evaluator.metrics[2]) is HealthMetric.of(LABELS)
    assert 'labels' not in Scores({}).to_json()
