"""Offline copies of a frame."""

import numpy as np
import pytest

from fume_mm.simulation.copies import augment
from fume_mm.structures import BACKGROUND, GAS, TUBE

IMAGE = np.full((48, 64), 120, np.uint8)
IMAGE[:, :8] = 200
MASK = np.where(IMAGE == 200, np.uint8(TUBE), np.uint8(GAS))


def copy(number: int, photometry: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return augment(
        IMAGE,
        MASK,
        geometry=np.random.default_rng(number),
        photometry=np.random.default_rng([1, photometry]),
    )


def test_copies_differ_and_are_decided_by_their_streams() -> None:
    masks = {copy(number)[1].tobytes() for number in range(10)}
    assert len(masks) > 5
    np.testing.assert_array_equal(copy(3)[0], copy(3)[0])


def test_geometry_does_not_depend_on_the_photometry() -> None:
    for number in range(5):
        (image, mask), (other, same) = copy(number, 1), copy(number, 2)
        np.testing.assert_array_equal(mask, same)
        assert (image != other).any()


def test_black_fill_is_background() -> None:
    filled = 0
    for number in range(30):
        image, mask = copy(number)
        assert set(np.unique(mask)) <= {BACKGROUND, TUBE, GAS}
        assert (
            (mask[image == 0] == BACKGROUND).mean() > 0.9 if (image == 0).any() else 1
        )
        filled += (image == 0).any()
    assert filled > 10


def test_mask_moves_with_the_frame() -> None:
    for number in range(10):
        image, mask = copy(number)
        lit = (image > 0) & (mask != BACKGROUND)
        tube, gas = image[lit & (mask == TUBE)], image[lit & (mask == GAS)]
        assert np.median(tube) > np.median(gas) + 30


@pytest.mark.parametrize('seed', range(5))
def test_copies_of_a_dark_frame_stay_8_bit(seed: int) -> None:
    image, mask = augment(
        np.ones((48, 64), np.uint8),
        MASK,
        geometry=np.random.default_rng(seed),
        photometry=np.random.default_rng(seed),
    )
    assert (image.dtype, mask.dtype) == (np.uint8, np.uint8)
    assert image.shape == mask.shape == (48, 64)
