"""Figures of a table, their intervals, and why there are none."""

import math
import time

import numpy as np
import pandas as pd
import pytest

from fume_mm.errors import UserError
from fume_mm.evaluation import (
    BoundaryMetric,
    DualGasEvaluator,
    HealthMetric,
    Scores,
    SegmentationMetric,
    compute_figures,
    scores,
)
from fume_mm.evaluation.resampling import ResampledTotals
from fume_mm.evaluation.table import vessel_codes

METRICS = (SegmentationMetric, BoundaryMetric, HealthMetric)


def evaluate(samples, metrics=METRICS):
    evaluator = DualGasEvaluator([metric() for metric in metrics])
    evaluator.process(samples)
    return evaluator.evaluate(len(samples)), evaluator


def confidence_intervals(table, **kwargs):
    return Scores.of_table(table).with_intervals(**kwargs)


def test_figures_of_the_table_are_those_of_the_evaluator(random_samples):
    metrics, evaluator = evaluate(random_samples(40))
    again = compute_figures(evaluator.scores.table)
    assert list(again) == list(metrics)
    assert again == pytest.approx(metrics, rel=0, abs=0, nan_ok=True)


def test_a_resample_is_the_table_with_its_vessels_repeated(random_samples):
    _, evaluator = evaluate(random_samples(40))
    table = evaluator.scores.table
    codes, count = vessel_codes(table)
    totals = ResampledTotals(codes, count=count, resamples=12, seed=3)
    drawn = compute_figures(table, totals)
    assert (totals.times.sum(axis=1) == count).all()
    for index, times in enumerate(totals.times.astype(int)):
        # a vessel that was drawn twice is two vessels
        parts = [
            table[codes == vessel].assign(vessel=f'{vessel}/{copy}')
            for vessel, number in enumerate(times)
            for copy in range(number)
        ]
        plain = compute_figures(pd.concat(parts, ignore_index=True))
        for key, value in plain.items():
            assert drawn[key][index] == pytest.approx(value, nan_ok=True), key
        # a pattern or gas that was not drawn has no figure instead of no key
        absent = set(drawn) - set(plain)
        assert all(
            np.isnan(drawn[key][index]) for key in absent if 'support' not in key
        )


def test_intervals_are_seeded_quantiles_around_the_figure(random_samples):
    metrics, evaluator = evaluate(random_samples(60, vessels=12))
    found = confidence_intervals(evaluator.scores.table, seed=1)
    again = confidence_intervals(evaluator.scores.table, seed=1)
    assert found.to_json() == again.to_json()
    assert (
        found.intervals
        != confidence_intervals(evaluator.scores.table, seed=2).intervals
    )
    assert set(found.intervals) == {key for key in metrics if '/support/' not in key}
    assert found.method['vessels'] == 12
    for key in ('seg/mIoU', 'seg/frame/mIoU', 'boundary/HD95', 'cls/accuracy'):
        low, high = found.intervals[key]
        assert low < metrics[key] < high
    codes, count = vessel_codes(evaluator.scores.table)
    totals = ResampledTotals(codes, count=count, resamples=1000, seed=1)
    values = compute_figures(evaluator.scores.table, totals)['seg/mIoU']
    assert found.intervals['seg/mIoU'] == tuple(np.quantile(values, [1 / 40, 39 / 40]))


def test_frames_of_one_vessel_do_not_narrow_the_interval(random_samples):
    """Ten copies of every frame are no more information."""
    _, evaluator = evaluate(random_samples(30))
    copies = pd.concat([evaluator.scores.table] * 10, ignore_index=True)
    once = confidence_intervals(evaluator.scores.table)
    often = confidence_intervals(copies)
    assert once.intervals['seg/mIoU'] == pytest.approx(often.intervals['seg/mIoU'])
    assert once.intervals['cls/brier'] == pytest.approx(often.intervals['cls/brier'])


@pytest.mark.parametrize(
    ('groups', 'reason'),
    [
        (('v0',), 'there is one vessel only'),
        ((), '2 of 2 samples name no vessel (groups)'),
    ],
)
def test_no_interval_without_vessels(make_sample, groups, reason):
    samples = [
        make_sample(
            name, co2=([[0, 1]], [[0, 1]]), health=0, predicted=0, groups=groups
        )
        for name in 'ab'
    ]
    metrics, evaluator = evaluate(samples)
    found = confidence_intervals(evaluator.scores.table)
    assert found.intervals['seg/mIoU'] is None
    assert found.reasons['seg/mIoU'] == reason
    why = evaluator.scores.reasons
    assert set(why) == {key for key, value in metrics.items() if math.isnan(value)}
    assert {k: v for k, v in found.reasons.items() if k in why} == why
    if not groups:
        assert why['cls/vessel/accuracy'] == reason


def test_a_figure_that_few_resamples_define_has_no_interval(make_sample, monkeypatch):
    samples = [
        make_sample(f's{i}', co2=([[0, 0]], [[0, 0]]), groups=(f'v{i}',))
        for i in range(9)
    ]
    # drawn in 1 - (9/10)^10, about 65 %, of the resamples
    samples.append(make_sample('s', co2=([[0, 2]], [[0, 2]]), groups=('v',)))
    _, evaluator = evaluate(samples, [SegmentationMetric])
    found = confidence_intervals(evaluator.scores.table)
    assert found.intervals['seg/gas_IoU'] == (1, 1)
    assert found.intervals['seg/IoU/tube'] is None
    assert found.reasons['seg/IoU/tube'].startswith('no pixel is tube')
    monkeypatch.setattr(scores, 'LEAST_DEFINED', 0.8)
    found = confidence_intervals(evaluator.scores.table)
    assert found.intervals['seg/gas_IoU'] is None
    assert found.reasons['seg/gas_IoU'].startswith('no interval: only 6')


def test_resamples_must_be_some(random_samples):
    _, evaluator = evaluate(random_samples(5))
    with pytest.raises(UserError, match='1 resamples give no interval'):
        confidence_intervals(evaluator.scores.table, resamples=1)


def test_every_undefined_figure_has_a_reason(make_sample):
    sample = make_sample(
        'a', co2=([[0, 0]], [[0, 0]]), health=1, predicted=1, groups=('v',)
    )
    metrics, evaluator = evaluate([sample])
    reasons = evaluator.scores.reasons
    assert set(reasons) == {k for k, v in metrics.items() if math.isnan(v)}
    assert reasons['seg/gas_IoU'] == 'no frame has gas in truth or prediction'
    assert reasons['seg/co2/recall/tube'] == 'no pixel is tube in the truth'
    assert reasons['boundary/HD95'] == 'no frame has tube or gas in truth or prediction'
    assert reasons['boundary/F1/gas'] == 'no frame has gas in truth or prediction'
    assert reasons['cls/precision/Healthy'] == 'no sample is predicted as Healthy'
    assert reasons['cls/roc_auc/Transitional'] == (
        'all samples are Transitional, or none is'
    )
    assert reasons['cls/average_precision/Acidotic'] == 'no sample is Acidotic'
    assert 'cls/kappa' in reasons
    assert 'joint/score' not in reasons


def test_reason_of_a_vessel_of_several_classes(make_sample):
    samples = [
        make_sample(str(c), co2=([[0]], [[0]]), health=c, predicted=c, groups=('v',))
        for c in (0, 1)
    ]
    metrics, evaluator = evaluate(samples, [HealthMetric])
    assert math.isnan(metrics['cls/vessel/accuracy'])
    reasons = evaluator.scores.reasons
    assert reasons['cls/vessel/accuracy'].startswith('no vessel has samples of one')
    assert evaluator.scores.details['cls']['vessels']['mixed'] == 1


def test_thousand_resamples_take_a_second_or_so(random_samples):
    _, evaluator = evaluate(random_samples(50, vessels=20))
    # as many samples as the owners' test split
    table = pd.concat([evaluator.scores.table] * 19, ignore_index=True)
    start = time.process_time()
    confidence_intervals(table)
    assert time.process_time() - start < 10  # 1 s on an idle core
