import dataclasses

import pytest

from fume_mm.errors import UserError
from fume_mm.evaluation import (
    BoundaryMetric,
    DualGasEvaluator,
    HealthMetric,
    Scores,
    SegmentationMetric,
)
from fume_mm.reporting.score_tables import results_text, results_title
from fume_mm.reporting.test_results import content_text, read_results, write_results

# One CO2 frame; IoU: background 4/4, tube and gas 1/3 each; Dice 1 and twice 1/2.
TRUTH = [[0, 0, 0, 0, 1, 1, 2, 2]]
PREDICTION = [[0, 0, 0, 0, 1, 2, 2, 1]]
TABLE = """\
fume on test (simulated data)
=============================

Masks (%)      all frames  CO2 frames
-------------------------------------
mIoU                55.56       55.56
Dice                66.67       66.67
gas IoU             33.33       33.33
tube IoU            33.33       33.33
pixel acc.          75.00       75.00
gas precision       50.00       50.00
gas recall          50.00       50.00
frame mIoU          55.56       55.56
frame gas IoU       33.33       33.33

Health (%)     samples  vessels
-------------------------------
accuracy        100.00      n/a
balanced acc.   100.00      n/a
macro F1        100.00      n/a
weighted F1     100.00        -
kappa              n/a        -
ROC-AUC            n/a        -
average prec.   100.00        -
ECE               0.00        -
Brier            0.000        -

By class (%)   Healthy  Transitional  Acidotic
----------------------------------------------
precision          n/a           n/a    100.00
recall             n/a           n/a    100.00
F1                 n/a           n/a    100.00
ROC-AUC            n/a           n/a       n/a
average prec.      n/a           n/a    100.00
true samples         0             0         1

True \\ predicted  Healthy  Transitional  Acidotic
-------------------------------------------------
Healthy                 0             0         0
Transitional            0             0         0
Acidotic                0             0         1

By gases (%)   CO2 only (1)
---------------------------
mIoU                  55.56
gas IoU               33.33
accuracy             100.00
balanced acc.        100.00

Joint score (mean of mIoU and balanced accuracy): 77.78 %

"""


@pytest.fixture
def evaluate(make_sample):
    def run(*metrics):
        sample = make_sample('a', co2=(TRUTH, PREDICTION), health=2, predicted=2)
        evaluator = DualGasEvaluator(metrics)
        evaluator.process([sample])
        evaluator.evaluate(1)
        return evaluator.scores

    return run


def test_whole_table(evaluate):
    scores = evaluate(SegmentationMetric(), HealthMetric())
    text = results_text(scores, title='fume on test (simulated data)')
    assert text.startswith(TABLE)
    # below the tables stands nothing but why figures are undefined
    notes = text.removeprefix(TABLE).splitlines()
    assert notes
    assert all(line.startswith('n/a: ') for line in notes)


def test_segmentation_alone(evaluate):
    lines = results_text(evaluate(SegmentationMetric())).splitlines()
    assert lines[0].split() == ['Masks', '(%)', 'all', 'frames', 'CO2', 'frames']
    assert lines[2].split() == ['mIoU', '55.56', '55.56']
    assert ['gas', 'IoU', '33.33'] in [line.split() for line in lines]
    assert 'accuracy' not in '\n'.join(lines)


def test_health_alone_and_without_details(evaluate):
    scores = dataclasses.replace(evaluate(HealthMetric()), details={}, reasons={})
    table = results_text(scores)
    assert 'Masks' not in table
    assert 'Joint' not in table
    assert 'predicted' not in table  # the confusion matrix is in the details
    assert table.startswith('Health (%)')


@pytest.fixture
def content(random_samples):
    """What would be written of a test of 40 samples of 9 vessels."""
    samples = random_samples(40, vessels=9)
    samples[0].set_metainfo({'groups': ('v0', 'v5')})
    evaluator = DualGasEvaluator(
        [SegmentationMetric(), BoundaryMetric(), HealthMetric()]
    )
    evaluator.process(samples)
    evaluator.evaluate(40)
    scores = evaluator.scores.with_intervals(200, seed=0)
    return {'simulated': True, 'leakage': False, **scores.to_json()}


def test_intervals_stand_beside_the_figures(content):
    lines = content_text(content).splitlines()
    assert all(len(line) <= 79 for line in lines if not line.startswith('Outlines:'))
    miou, (low, high) = content['metrics']['seg/mIoU'], content['intervals']['seg/mIoU']
    cell = f'{100 * miou:.1f} [{100 * low:.1f}, {100 * high:.1f}]'
    assert next(line for line in lines if line.startswith('mIoU')).count(cell) == 1
    hd95 = content['metrics']['boundary/HD95']
    assert f'HD95 (px)  {hd95:.1f} [' in '\n'.join(lines)
    assert 'In brackets: 95 % intervals, bootstrap over 9 vessels.' in lines
    assert '1 samples join frames of two vessels: first counts.' in lines
    frames = content['details']['boundary']['frames']['all']['gas']
    assert (
        f'Outlines: gas missed in {frames["truth"]} frames, made up in '
        f'{frames["prediction"]} (HD95 and ASD are the diagonal there).' in lines
    )


def test_undefined_figures_have_their_reason_below(evaluate):
    scores = evaluate(SegmentationMetric(), HealthMetric())
    reasons = {'seg/mIoU': 'no interval: too few', 'cls/kappa': 'they agree always'}
    scores = dataclasses.replace(scores, reasons=reasons)
    lines = results_text(scores).splitlines()
    assert lines[-2:] == [
        'no interval: too few (seg/mIoU)',
        'n/a: they agree always (cls/kappa)',
    ]


def test_what_was_not_scored_is_said(evaluate):
    scores = evaluate(HealthMetric())
    scores.details['not_scored'] = {'seg': 'the model predicts no masks'}
    text = results_text(scores)
    assert 'Not scored: seg (the model predicts no masks).' in text


def test_title_marks_what_is_no_honest_test():
    assert results_title({}) == 'Test split'
    marks = {'simulated': True, 'leakage': True}
    assert results_title(marks) == 'Test split (simulated, LEAKED SPLIT)'


def test_written_results_give_the_same_table(content, tmp_path):
    content['metrics']['cls/kappa'] = float('nan')
    write_results(content, tmp_path / 'a/test_results.json')
    text = (tmp_path / 'a/test_results.json').read_text()
    assert 'NaN' not in text
    again = read_results(tmp_path / 'a/test_results.json')
    assert content_text(again) == content_text(content)


def test_files_that_are_no_results(tmp_path):
    with pytest.raises(UserError, match='there is no such'):
        read_results(tmp_path / 'none.json')
    (tmp_path / 'a.json').write_text('[]')
    with pytest.raises(UserError, match=r'is not what tools/test\.py writes'):
        read_results(tmp_path / 'a.json')


def test_nothing_measured_gives_the_title_alone():
    assert results_text(Scores({'time': 1.0}), title='x') == 'x\n='
