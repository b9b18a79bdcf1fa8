"""IoU of the gas for one gray level, and of a mask."""

import numpy as np
import pytest

from projects.simulator_study.threshold import gas_iou, outline_gray, threshold_ious

FRAME = np.array([[10, 20, 30], [40, 50, 255]], np.uint8)
MASK = np.array([[0, 0, 2], [2, 1, 255]], np.uint8)


def test_every_threshold_in_both_directions() -> None:
    brighter, darker = threshold_ious(FRAME, MASK)
    assert brighter.shape == darker.shape == (257,)
    # All five counted pixels are at least 0, two of them gas; 30 and 50 at least 30.
    assert brighter[0] == brighter[10] == 2 / 5
    assert brighter[30] == 2 / 3
    assert brighter[31] == 1 / 3
    assert brighter[256] == 0
    assert darker[30] == 0
    assert darker[31] == 1 / 4
    assert darker[41] == 2 / 4
    assert darker[256] == 2 / 5


def test_a_threshold_agrees_with_its_mask() -> None:
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (40, 50), dtype=np.uint8)
    mask = np.where(rng.random((40, 50)) < 0.3, 2, 0).astype(np.uint8)
    ious = threshold_ious(frame, mask)
    for level in (0, 17, 128, 255):
        said = np.where(frame >= level, 2, 0)
        assert ious[0, level] == pytest.approx(gas_iou(said, mask), nan_ok=True)
        assert ious[1, level] == pytest.approx(gas_iou(2 - said, mask), nan_ok=True)


def test_nothing_to_find_says_nothing_unless_something_is_found() -> None:
    ious = threshold_ious(FRAME, np.zeros_like(MASK))
    assert np.isnan(ious[0, 256])
    assert np.isnan(ious[1, 0])
    assert ious[0, 0] == 0


def test_a_tube_is_no_gas_and_unlabelled_pixels_do_not_count() -> None:
    prediction = np.array([[2, 1, 2], [1, 0, 2]])
    assert gas_iou(prediction, MASK) == 1 / 3
    assert np.isnan(gas_iou(np.zeros_like(MASK), np.zeros_like(MASK)))


def test_sizes_must_agree() -> None:
    with pytest.raises(ValueError, match='differ in size'):
        threshold_ious(FRAME, MASK[:1])


def test_an_outline_runs_at_its_gray_level_over_the_background() -> None:
    y, x = np.mgrid[0:120, 0:160]
    plume = 200 * np.exp(-((x - 80) ** 2 + (y - 60) ** 2) / (2 * 15**2))
    for sign, level in ((1, 45), (1, 15), (-1, 20)):
        frame = (20 + plume if sign > 0 else 230 - plume).astype(np.uint8)
        mask = np.where(plume > level, 2, 0).astype(np.uint8)
        # The outline is the innermost row of pixels that is still gas.
        assert outline_gray(frame, mask) == pytest.approx(sign * level, abs=4)
    mask[0] = 255
    assert outline_gray(frame, mask) == pytest.approx(-20, abs=4)
    # The frame's edge is no outline: nobody has drawn it.
    assert np.isnan(outline_gray(frame, np.full_like(mask, 2)))
    assert np.isnan(outline_gray(frame, np.zeros_like(mask)))
