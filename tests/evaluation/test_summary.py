import pytest

from fume_mm.evaluation import (
    DualGasEvaluator,
    HealthMetric,
    SegmentationMetric,
    summary_table,
)

# One CO2 frame; IoU: background 4/4, tube and gas 1/3 each; Dice 1 and twice 1/2.
TRUTH = [[0, 0, 0, 0, 1, 1, 2, 2]]
PREDICTION = [[0, 0, 0, 0, 1, 2, 2, 1]]
TABLE = """\
fume on test (simulated data)
=============================

Segmentation (%)   mIoU   Dice  gas IoU  tube IoU  pixel acc.
-------------------------------------------------------------
all frames        55.56  66.67    33.33     33.33       75.00
CO2 frames        55.56  66.67    33.33     33.33       75.00

Health (%)   accuracy  balanced acc.  macro F1  weighted F1  kappa
------------------------------------------------------------------
all samples    100.00         100.00    100.00       100.00    n/a

By class (%)  precision  recall      F1  samples
------------------------------------------------
Healthy             n/a     n/a     n/a        0
Transitional        n/a     n/a     n/a        0
Acidotic         100.00  100.00  100.00        1

True \\ predicted  Healthy  Transitional  Acidotic
-------------------------------------------------
Healthy                 0             0         0
Transitional            0             0         0
Acidotic                0             0         1

By gases present (%)  samples   mIoU  gas IoU  accuracy  balanced acc.
----------------------------------------------------------------------
CO2 only                    1  55.56    33.33    100.00         100.00

Joint score (mean of mIoU and balanced accuracy): 77.78 %"""


@pytest.fixture
def evaluate(make_sample):
    def run(*metrics):
        sample = make_sample('a', co2=(TRUTH, PREDICTION), health=2, predicted=2)
        evaluator = DualGasEvaluator(metrics)
        evaluator.process([sample])
        return evaluator.evaluate(1), evaluator.details

    return run


def test_whole_table(evaluate):
    metrics, details = evaluate(SegmentationMetric(), HealthMetric())
    title = 'fume on test (simulated data)'
    assert summary_table(metrics, details, title=title) == TABLE


def test_segmentation_alone(evaluate):
    metrics, details = evaluate(SegmentationMetric())
    head, _, all_frames, _, _, by_gases, _, co2_only = summary_table(
        metrics, details
    ).splitlines()
    assert head.startswith('Segmentation (%)')
    numbers = ['55.56', '66.67', '33.33', '33.33', '75.00']
    assert all_frames.split() == ['all', 'frames', *numbers]
    assert by_gases.startswith('By gases present')
    assert co2_only.split() == ['CO2', 'only', '1', '55.56', '33.33', '-', '-']


def test_health_alone_and_without_details(evaluate):
    table = summary_table(evaluate(HealthMetric())[0])
    assert 'Segmentation' not in table
    assert 'Joint' not in table
    assert 'True' not in table  # the confusion matrix is in the details
    assert table.startswith('Health (%)')


def test_nothing_measured_gives_the_title_alone():
    assert summary_table({'time': 1.0}, title='x') == 'x\n='
