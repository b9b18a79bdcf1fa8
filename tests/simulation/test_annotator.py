"""Outlines and masks."""

import dataclasses

import numpy as np
import pytest

from fume_mm.simulation import LabelParameters
from fume_mm.simulation.annotator import Annotator, draw_mask, outline_gas
from fume_mm.structures import BACKGROUND, GAS, TUBE

PARAMETERS = LabelParameters(floor_gray=2.0, smallest=0.003)
ANNOTATOR = Annotator(threshold=0.2, smoothing=2.0, generous=0.0)


def blob(peak: float, sigma: float = 20.0) -> np.ndarray:
    y, x = np.ogrid[:240, :320]
    distance = (x - 160) ** 2 + (y - 120) ** 2
    return (peak * np.exp(-distance / (2 * sigma**2))).astype(np.float32)


def outline(contrast: np.ndarray, annotator: Annotator = ANNOTATOR) -> np.ndarray:
    return outline_gas(contrast, annotator=annotator, parameters=PARAMETERS)


def test_outline_does_not_grow_when_contrast_alone_is_scaled() -> None:
    weak = outline(blob(25.0))
    assert weak.max() > 0.5
    np.testing.assert_array_equal(weak, outline(blob(100.0)))


def test_dark_and_bright_gas_have_one_outline() -> None:
    np.testing.assert_array_equal(outline(blob(30.0)), outline(blob(-30.0)))


def test_outline_runs_at_the_threshold() -> None:
    # The 90th percentile of a Gaussian's part above 0.2 of its peak: heights are
    # uniform in log area, so it is 0.2 ** 0.1 of the peak.
    level = 0.2 * 0.2**0.1
    radius = 20 * np.sqrt(-2 * np.log(level))
    area = (outline(blob(50.0)) > 0.5).sum()
    assert area == pytest.approx(np.pi * radius**2, rel=0.05)


def test_a_higher_threshold_draws_a_smaller_outline() -> None:
    tight = Annotator(threshold=0.4, smoothing=2.0, generous=0.0)
    assert outline(blob(50.0), tight).sum() < outline(blob(50.0)).sum()


def test_a_generous_annotator_goes_beyond() -> None:
    generous = Annotator(threshold=0.2, smoothing=2.0, generous=0.07)
    plain, wide = outline(blob(50.0)) > 0.5, outline(blob(50.0), generous) > 0.5
    assert wide[plain].all()
    assert wide.sum() > 1.1 * plain.sum()


def test_a_plain_edge_leaves_less_room_for_generosity() -> None:
    generous = Annotator(threshold=0.2, smoothing=2.0, generous=0.07)

    def grown(peak: float) -> int:
        contrast = blob(peak)
        wide, plain = outline(contrast, generous) > 0.5, outline(contrast) > 0.5
        return int(wide.sum()) - int(plain.sum())

    # The peak is the 90th percentile, 0.85 of the blob's.
    clear = PARAMETERS.clear_gray
    assert grown(0.5 * clear) == grown(clear) > grown(1.7 * clear) > 0
    assert grown(3 * clear) == 0


def test_of_a_trickle_only_the_core_is_outlined() -> None:
    thread = outline_gas(
        blob(50.0), annotator=ANNOTATOR, parameters=PARAMETERS, trickle=True
    )
    level = PARAMETERS.trickle_factor * 0.2 * 0.2**0.1
    radius = 20 * np.sqrt(-2 * np.log(level))
    assert (thread > 0.5).sum() == pytest.approx(np.pi * radius**2, rel=0.05)


def test_a_bright_thread_is_outlined_at_a_gray_level_and_tightly() -> None:
    annotator = dataclasses.replace(ANNOTATOR, thread_gray=20.0, generous=0.5)
    thread = outline_gas(
        blob(200.0), annotator=annotator, parameters=PARAMETERS, trickle=True
    )
    radius = 20 * np.sqrt(-2 * np.log(20 / 200))
    assert (thread > 0.5).sum() == pytest.approx(np.pi * radius**2, rel=0.05)
    # Of a faint one the share of its peak comes first.
    faint = outline_gas(
        blob(50.0), annotator=annotator, parameters=PARAMETERS, trickle=True
    )
    level = PARAMETERS.trickle_factor * 0.2 * 0.2**0.1
    radius = 20 * np.sqrt(-2 * np.log(level))
    assert (faint > 0.5).sum() == pytest.approx(np.pi * radius**2, rel=0.05)


def test_a_bright_vent_is_outlined_at_a_gray_level_at_the_latest() -> None:
    annotator = dataclasses.replace(ANNOTATOR, vent_gray=20.0)
    # More contrast than a display shows: the outline follows what is seen.
    radius = 20 * np.sqrt(-2 * np.log(20 / 300))
    area = (outline(blob(300.0), annotator) > 0.5).sum()
    assert area == pytest.approx(np.pi * radius**2, rel=0.05)
    np.testing.assert_array_equal(outline(blob(50.0), annotator), outline(blob(50.0)))


@pytest.mark.parametrize(
    'contrast',
    [np.zeros((240, 320), np.float32), blob(1.9), blob(50.0, sigma=3.0)],
    ids=['no gas', 'below the floor', 'too small a patch'],
)
def test_nobody_outlines(contrast: np.ndarray) -> None:
    assert not outline(contrast).any()


def test_a_hole_is_filled() -> None:
    ring = blob(50.0) - blob(50.0, sigma=5.0)
    assert outline(ring)[120, 160] > 0.5


def test_mask_holds_the_tube_over_the_gas() -> None:
    gas = np.zeros((240, 320), np.float32)
    gas[100:140, 10:200] = 1
    distance = np.full((240, 320), 5.0, np.float32)
    distance[110:130, :20] = -1
    mask = draw_mask(gas, distance, mirrored=False, factor=1)
    assert mask.dtype == np.uint8
    assert (mask == TUBE).sum() == 20 * 20
    assert (mask == GAS).sum() == 40 * 190 - 20 * 10
    assert mask[0, 0] == BACKGROUND
    flipped = draw_mask(gas, distance, mirrored=True, factor=1)
    np.testing.assert_array_equal(flipped, mask[:, ::-1])


def test_a_doubled_mask_covers_the_same_share() -> None:
    gas = outline(blob(50.0))
    distance = np.full((240, 320), 5.0, np.float32)
    small, large = (
        draw_mask(gas, distance, mirrored=False, factor=factor) for factor in (1, 2)
    )
    assert large.shape == (480, 640)
    assert set(np.unique(large)) == {BACKGROUND, GAS}
    assert (large == GAS).mean() == pytest.approx((small == GAS).mean(), rel=0.02)
