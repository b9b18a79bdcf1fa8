"""Ranking and calibration, equal to scikit-learn and to plain loops."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from fume_mm.evaluation.probability_scores import (
    brier_parts,
    calibration_error,
    calibration_parts,
    curves,
    rank_scores,
    reliability,
)


def cases():
    rng = np.random.default_rng(0)
    for size in (2, 3, 7, 50, 400):
        for levels in (None, 2, 5):  # few levels make many equal scores
            scores = rng.random(size)
            if levels:
                scores = np.floor(scores * levels) / levels
            positive = rng.random(size) < 0.4
            positive[:2] = True, False
            yield scores, positive


def test_areas_equal_scikit_learn():
    for scores, positive in cases():
        ((area, average),) = rank_scores(scores, positive, np.ones((1, len(scores))))
        assert area == pytest.approx(sk.roc_auc_score(positive, scores))
        assert average == pytest.approx(sk.average_precision_score(positive, scores))


def test_weights_are_repetitions():
    rng = np.random.default_rng(1)
    for scores, positive in cases():
        weights = rng.integers(0, 3, (4, len(scores)))
        weights[:, :2] = 1  # both classes stay
        ours = rank_scores(scores, positive, weights.astype(float))
        for row, times in zip(ours, weights, strict=True):
            repeated = positive.repeat(times), scores.repeat(times)
            assert row[0] == pytest.approx(sk.roc_auc_score(*repeated))
            assert row[1] == pytest.approx(sk.average_precision_score(*repeated))


def test_areas_by_hand():
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    positive = np.array([True, False, True, False])
    # of the 4 pairs of a true and a false one, 3 are in order
    expected = [3 / 4, (1 / 1 + 2 / 3) / 2]
    assert rank_scores(scores, positive, np.ones((1, 4)))[0] == pytest.approx(expected)
    # all equal: one step
    tied = rank_scores(np.ones(4), positive, np.ones((1, 4)))[0]
    assert tied == pytest.approx([1 / 2, 2 / 4])


def test_areas_of_one_class_alone_are_undefined():
    scores = np.array([0.2, 0.7])
    all_true, none = np.ones(2, bool), np.zeros(2, bool)
    ((area, average),) = rank_scores(scores, all_true, np.ones((1, 2)))
    assert math.isnan(area)
    assert average == 1
    assert np.isnan(rank_scores(scores, none, np.ones((1, 2)))).all()
    assert np.isnan(rank_scores(scores[:0], none[:0], np.ones((3, 0)))).all()
    assert np.isnan(rank_scores(scores, all_true, np.zeros((1, 2)))).all()


def ece_by_loops(confidence, correct):
    total = 0.0
    for k in range(15):
        low, high = k / 15, (k + 1) / 15
        chosen = [
            i
            for i, c in enumerate(confidence)
            if low < c <= high or (k == 0 and c == 0)
        ]
        if chosen:
            accuracy = sum(bool(correct[i]) for i in chosen) / len(chosen)
            mean = sum(confidence[i] for i in chosen) / len(chosen)
            total += len(chosen) / len(confidence) * abs(accuracy - mean)
    return total


@pytest.mark.parametrize('seed', range(5))
def test_calibration_error_equals_loops(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.random(200)
    confidence[:18] = [*(np.arange(16) / 15), 0, 1]  # on the edges
    correct = rng.random(200) < confidence
    totals = calibration_parts(confidence, correct).sum(0)
    assert calibration_error(totals) == pytest.approx(ece_by_loops(confidence, correct))


def test_calibration_by_hand():
    confidence = np.array([0.9, 0.9, 0.5])
    correct = np.array([True, False, True])
    totals = calibration_parts(confidence, correct).sum(0)
    assert calibration_error(totals) == pytest.approx((abs(1 - 1.8) + abs(1 - 0.5)) / 3)
    curve = reliability(totals)
    assert len(curve['edges']) == 16
    assert sum(curve['samples']) == 3
    assert curve['accuracy'][13] == 1 / 2
    assert curve['confidence'][7] == 0.5
    assert curve['accuracy'][0] is None


def test_brier_equals_scikit_learn():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], 60)
    truth = rng.integers(3, size=60)
    ours = brier_parts(probabilities, truth).mean()
    theirs = sk.brier_score_loss(
        truth, probabilities, labels=[0, 1, 2], scale_by_half=False
    )
    assert ours == pytest.approx(theirs)
    sure = brier_parts(np.eye(3), np.array([0, 1, 1]))
    assert sure.tolist() == [0, 0, 2]


def test_curves_enclose_the_areas():
    rng = np.random.default_rng(0)
    scores, positive = rng.random(100), rng.random(100) < 0.3
    found = curves(scores, positive)
    ((area, _),) = rank_scores(scores, positive, np.ones((1, 100)))
    roc = found['roc']
    assert np.trapezoid(roc['tpr'], roc['fpr']) == pytest.approx(area)
    assert found['pr']['recall'][0] == 1
    assert found['pr']['precision'][-1] == 1
    nothing = curves(scores, np.zeros(100, bool))
    assert nothing == {'roc': None, 'pr': None}
    long = rng.random(5000)
    assert len(curves(long, rng.random(5000) < 0.5)['roc']['fpr']) == 500
