import numpy as np
import pytest

from fume_mm.inference.trust.conformal import LEVELS, class_set, threshold


def test_the_new_vessel_counts_among_those_that_calibrate():
    scores = [np.array([x]) for x in (0.1, 0.2, 0.3, 0.4)]
    # of five vessels with the new one, four have to be covered: 0.8 * 5
    assert threshold(scores, 0.8) == 0.4
    assert threshold(scores, 0.6) == 0.3
    # 0.9 * 5 is more than there are: every class is in the set
    assert threshold(scores, 0.9) == 1.0
    assert threshold([], 0.5) == 1.0


def test_frames_share_the_weight_of_their_vessel():
    many, one = np.full(100, 0.9), np.array([0.1])
    # as frames, 0.1 would be one of 103
    assert threshold([many, one, one, one], 0.6) == 0.1
    assert threshold([many, one, one, one], 0.8) == 0.9


def test_a_set_has_the_most_probable_class_and_those_within_the_limit():
    p = np.array([0.5, 0.3, 0.2], np.float32)
    assert class_set(p, 0.7).tolist() == [True, True, False]
    assert class_set(p, 0.8).tolist() == [True, True, True]
    assert class_set(p, 0.1).tolist() == [True, False, False]


def vessels(rng, number):
    """Classes and probabilities of frames that are alike within a vessel."""
    classes = rng.integers(0, 3, number)
    scores = []
    for k in classes:
        own = rng.normal(0, 1.5, 3) + 1.2 * (np.arange(3) == k)
        logits = own + rng.normal(0, 0.3, (rng.integers(1, 12), 3))
        powers = np.exp(logits)
        scores.append(powers / powers.sum(axis=1, keepdims=True))
    return classes, scores


@pytest.mark.parametrize('level', LEVELS)
def test_coverage_over_campaigns_of_vessels_is_in_the_binomial_band(level):
    rng, held, pooled = np.random.default_rng(0), [], []
    for _ in range(200):
        classes, scores = vessels(rng, 39)
        own = [1 - x[:, k] for x, k in zip(scores, classes, strict=True)]
        limit = threshold(own, level)
        # frames as if they were vessels: sorted, the quantile of all
        frames = np.sort(np.concatenate(own))
        naive = frames[min(int(np.ceil(level * len(frames))), len(frames)) - 1]
        tested, shown = vessels(rng, 20)
        for k, x in zip(tested, shown, strict=True):
            p = x[rng.integers(len(x))]
            held.append(class_set(p, limit)[k])
            pooled.append(class_set(p, naive)[k])
    # campaigns add the spread of their calibration to that of their tests
    spread = (level * (1 - level) * (1 / len(held) + 1 / (200 * 40))) ** 0.5
    assert level - 1.96 * spread < np.mean(held)
    # of 40 vessels with the new one, the limit falls on one, its frames above the level
    assert np.mean(held) < level + 1 / 40
    # frames counted as if each were a vessel promise too much
    assert np.mean(pooled) < level - spread
