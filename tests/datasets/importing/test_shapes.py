"""Pixels of polygons and runs."""

import numpy as np
import pytest

from fume_mm.datasets.importing.shapes import (
    ellipse,
    pasted,
    polygon,
    rectangle,
    runs,
    turned,
)
from fume_mm.errors import UserError


def test_a_pixel_is_inside_if_its_centre_is():
    mask = polygon(rectangle(2, 1, 5, 3), (4, 6))
    assert mask.tolist() == [
        [False] * 6,
        [False, False, True, True, True, False],
        [False, False, True, True, True, False],
        [False] * 6,
    ]
    # centres at x + 0.5 below 2.4 are those of columns 0 and 1
    assert polygon(rectangle(0, 0, 2.4, 1), (1, 4)).tolist() == [
        [True, True, False, False]
    ]


def test_neighbours_share_no_pixel_and_leave_none():
    left = polygon([(0, 0), (7, 0), (3, 9), (0, 9)], (9, 12))
    right = polygon([(7, 0), (12, 0), (12, 9), (3, 9)], (9, 12))
    assert (left ^ right).all()


def test_a_polygon_is_cut_off_at_the_edge():
    assert polygon(rectangle(-5, -5, 50, 50), (4, 6)).all()
    assert not polygon(rectangle(-5, -5, -1, 3), (4, 6)).any()


def test_a_polygon_is_that_of_pycocotools():
    decode = pytest.importorskip('pycocotools.mask')
    rng = np.random.default_rng(0)
    for _ in range(20):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 12))
        radii = rng.uniform(20, 90, 12)
        points = np.c_[120 + radii * np.cos(angles), 100 + radii * np.sin(angles)]
        mask = polygon(points.tolist(), (200, 240))
        (run,) = decode.frPyObjects([points.ravel().tolist()], 200, 240)
        other = decode.decode(run).astype(bool)
        # they differ in pixels on the outline alone
        edge = (mask ^ np.roll(mask, 1, 0)) | (mask ^ np.roll(mask, 1, 1))
        assert (mask ^ other).sum() < 0.6 * edge.sum()
        assert (mask & other).sum() / (mask | other).sum() > 0.98


def test_an_ellipse_has_its_area():
    area = polygon(ellipse(50, 40, 30, 20, 30), (80, 100)).sum()
    assert area == pytest.approx(np.pi * 30 * 20, rel=0.005)


def test_turning_is_clockwise_on_the_picture():
    assert turned([(1, 0)], (0, 0), 90)[0] == pytest.approx((0, 1))


def test_runs_begin_off_and_go_along_rows_or_columns():
    assert runs([1, 2, 3], (3, 2)).tolist() == [[False, True, True], [False] * 3]
    assert runs([1, 2, 3], (3, 2), columns_first=True).tolist() == [
        [False, True, False],
        [True, False, False],
    ]
    with pytest.raises(UserError, match='runs of 5 pixels in place of 3x2'):
        runs([1, 4], (3, 2))


def test_a_part_is_cut_off_at_the_edge():
    part = np.ones((3, 4), bool)
    assert pasted(part, 1, 1, (5, 6)).sum() == 12
    assert pasted(part, -1, -1, (5, 6))[:2, :3].all()
    assert pasted(part, 4, 3, (5, 6)).sum() == 4
