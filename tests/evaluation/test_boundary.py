"""Outlines: by hand, and equal to SciPy by another route and to MONAI."""

import math

import numpy as np
import pytest
from scipy.ndimage import binary_erosion
from scipy.spatial.distance import cdist

from fume_mm.errors import UserError
from fume_mm.evaluation import boundary_scores

SHAPE = (24, 31)
DIAGONAL = math.hypot(*SHAPE)


def box(top, bottom, left, right, shape=SHAPE):
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask


def by_scipy(truth, prediction, tolerance):
    """The same from all distances between all pairs of surface pixels."""
    points = []
    for mask in (truth, prediction):
        # erosion of a padded mask: beyond the frame is outside
        padded = np.pad(mask, 1)
        points.append(np.argwhere(padded & ~binary_erosion(padded)))
    distances = cdist(*points)
    directed = [distances.min(axis=1), distances.min(axis=0)]
    near = [np.mean(d <= tolerance) for d in directed]
    return (
        max(np.percentile(d, 95) for d in directed),
        np.concatenate(directed).mean(),
        2 * near[0] * near[1] / sum(near) if sum(near) else 0,
    )


def random_pairs():
    rng = np.random.default_rng(0)
    for density in (0.02, 0.3, 0.7, 0.98):
        for _ in range(6):
            yield tuple(rng.random(SHAPE) < density for _ in range(2))
    for _ in range(12):
        yield tuple(
            box(t, t + h, left, left + w)
            for t, left, h, w in rng.integers([0, 0, 1, 1], [20, 25, 20, 25], (2, 4))
        )


PIXEL = box(3, 4, 5, 6)
ADVERSARIAL = {
    'equal': (box(4, 9, 4, 9), box(4, 9, 4, 9)),
    'one pixel each': (PIXEL, box(6, 7, 9, 10)),
    'one pixel in corners': (box(0, 1, 0, 1), box(23, 24, 30, 31)),
    'pixel and all': (PIXEL, np.ones(SHAPE, bool)),
    'all and all': (np.ones(SHAPE, bool), np.ones(SHAPE, bool)),
    'at the border': (box(0, 10, 0, 5), box(0, 8, 0, 31)),
    'one row': (box(0, 1, 0, 31), box(23, 24, 0, 31)),
    'with a hole': (box(2, 20, 2, 20) & ~box(6, 9, 6, 9), box(2, 20, 2, 20)),
    'in two parts': (PIXEL | box(20, 22, 20, 25), PIXEL),
    'frame of one pixel': (np.ones((1, 1), bool), np.ones((1, 1), bool)),
    'frame of one row': (np.eye(1, 9, 2, dtype=bool), np.eye(1, 9, 7, dtype=bool)),
}


@pytest.mark.parametrize('name', ADVERSARIAL)
def test_adversarial_masks_equal_scipy(name):
    truth, prediction = ADVERSARIAL[name]
    tolerance = 2.0
    share = tolerance / math.hypot(*truth.shape)
    scores = boundary_scores(truth, prediction, tolerance=share)
    assert scores[:3] == pytest.approx(by_scipy(truth, prediction, tolerance))
    assert scores.who == 'both'


def test_random_masks_equal_scipy():
    for truth, prediction in random_pairs():
        scores = boundary_scores(truth, prediction, tolerance=1.5 / DIAGONAL)
        assert scores[:3] == pytest.approx(by_scipy(truth, prediction, 1.5))


def test_masks_equal_monai():
    metrics = pytest.importorskip('monai.metrics')
    torch = pytest.importorskip('torch')
    pairs = [*random_pairs(), *ADVERSARIAL.values()]
    for truth, prediction in pairs:
        both = [torch.as_tensor(m)[None, None].float() for m in (prediction, truth)]
        ours = boundary_scores(truth, prediction, tolerance=2 / DIAGONAL)
        theirs = metrics.compute_hausdorff_distance(
            *both, include_background=True, percentile=95
        )
        assert ours.hd95 == pytest.approx(theirs.item(), rel=1e-5)
        theirs = metrics.compute_average_surface_distance(
            *both, include_background=True, symmetric=True
        )
        assert ours.asd == pytest.approx(theirs.item(), rel=1e-5)


def test_by_hand():
    # two vertical lines of ten pixels, three columns apart
    scores = boundary_scores(box(5, 15, 10, 11), box(5, 15, 13, 14))
    assert (scores.hd95, scores.asd, scores.f1) == (3, 3, 0)
    near = boundary_scores(box(5, 15, 10, 11), box(5, 15, 13, 14), tolerance=0.1)
    assert near.f1 == 1
    # the same line and one pixel four columns off: 11 surface pixels against 10
    scores = boundary_scores(box(5, 15, 10, 11), box(5, 15, 10, 11) | box(8, 9, 14, 15))
    # the eleven predicted distances are ten 0 and a 4: rank 9.5 lies half-way
    assert scores.hd95 == pytest.approx(4 / 2)
    assert scores.asd == pytest.approx(4 / 21)
    precision, recall = 10 / 11, 1
    assert scores.f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_default_tolerance_is_two_pixels_at_640x480():
    truth = box(100, 200, 100, 101, (480, 640))
    for shift, f1 in ((2, 1), (3, 0)):
        assert boundary_scores(truth, np.roll(truth, shift, 1)).f1 == f1


def test_both_empty_is_undefined():
    scores = boundary_scores(np.zeros(SHAPE, bool), np.zeros(SHAPE, bool))
    assert all(math.isnan(value) for value in scores[:3])
    assert scores.who == 'neither'


@pytest.mark.parametrize('who', ['truth', 'prediction'])
def test_one_empty_is_as_bad_as_can_be(who):
    masks = [PIXEL, np.zeros(SHAPE, bool)]
    scores = boundary_scores(*(masks if who == 'truth' else masks[::-1]))
    assert scores == (DIAGONAL, DIAGONAL, 0, who)
    # nothing that was drawn costs as much
    corners = boundary_scores(*ADVERSARIAL['one pixel in corners'])
    assert corners.hd95 < DIAGONAL


def test_sizes_must_agree():
    with pytest.raises(UserError, match='predict at the size of the truth'):
        boundary_scores(PIXEL, PIXEL[1:])
