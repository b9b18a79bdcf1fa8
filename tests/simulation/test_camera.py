"""Radiative transfer and the frame that a camera makes of it."""

import dataclasses
import math

import numpy as np
import pytest

from fume_mm.simulation import SimulationParameters
from fume_mm.simulation.camera import (
    Exposure,
    contrast_gray,
    draw_exposure,
    draw_pattern,
    expose,
    gas_contrast,
)
from fume_mm.simulation.hud import Hud
from fume_mm.simulation.scene import Scene, draw_scene
from fume_mm.structures import GASES, Gas

MODELS = SimulationParameters()
COLUMNS = np.array([0.0, 1.0, 10.0, 100.0, 1e3, 1e4])
CAMERA = dataclasses.replace(MODELS.camera['ch4'], k=1e-3, line_exponent=0.65)


def contrast(background: float, gas: float) -> np.ndarray:
    return gas_contrast(
        COLUMNS, background=np.array(background), gas=gas, camera=CAMERA
    )


def scene_and_exposure(gas: Gas, seed: int) -> tuple[Scene, Exposure]:
    scene = draw_scene(
        np.random.default_rng(seed), parameters=MODELS.scene[gas], scale=1.0
    )
    exposure = draw_exposure(
        np.random.default_rng([seed, 1]), parameters=MODELS.camera[gas], scene=scene
    )
    return scene, exposure


@pytest.mark.parametrize('exponent', [0.6, 1.0])
def test_emissivity_at_unit_optical_depth(exponent: float) -> None:
    camera = dataclasses.replace(CAMERA, k=2e-3, line_exponent=exponent)
    # Of 1 K of difference, the share that the gas takes from its background.
    share = gas_contrast(
        np.array([500.0]), background=np.zeros(1), gas=1.0, camera=camera
    )
    assert share == pytest.approx([1 - 1 / math.e])


def test_equally_warm_gas_is_invisible() -> None:
    assert not contrast(295.0, 295.0).any()


def test_contrast_changes_sign_with_the_difference_of_temperature() -> None:
    warm, cold = contrast(295.0, 298.0), contrast(298.0, 295.0)
    assert (warm[1:] > 0).all()
    np.testing.assert_allclose(cold, -warm)


def test_contrast_grows_with_the_column_and_saturates() -> None:
    warm = contrast(295.0, 298.0)
    assert (np.diff(warm) > 0).all()
    dense = gas_contrast(
        np.array([1e9]), background=np.array(295.0), gas=298.0, camera=CAMERA
    )
    assert dense == pytest.approx([3.0])
    assert (warm < 3).all()


@pytest.mark.parametrize('gas', GASES)
def test_gas_shows_with_the_sign_of_the_exposure(gas: Gas) -> None:
    signs = set()
    for seed in range(20):
        scene, exposure = scene_and_exposure(gas, seed)
        # The sign is that before the middle of the background.
        middle = np.full_like(scene.background, np.median(scene.background))
        shown = contrast_gray(
            np.ones((240, 320), np.float32),
            scene=dataclasses.replace(scene, background=middle),
            exposure=exposure,
        )
        assert (np.sign(shown) == exposure.sign).all()
        signs.add(exposure.sign)
    assert signs == {-1, 1}


def test_display_range_decides_the_sign_at_its_ends() -> None:
    for seed in range(40):
        scene, exposure = scene_and_exposure('co2', seed)
        if scene.style != 'mid_gray':
            assert exposure.sign == {'near_white': -1, 'near_black': 1}[scene.style]


@pytest.mark.parametrize(('factor', 'shape'), [(1, (240, 320)), (2, (480, 640))])
def test_a_frame_is_decided_by_its_noise_stream(
    factor: int, shape: tuple[int, int]
) -> None:
    scene, exposure = scene_and_exposure('ch4', 0)

    def take(noise: int) -> np.ndarray:
        return expose(
            np.zeros((240, 320), np.float32),
            scene=scene,
            exposure=exposure,
            pattern=draw_pattern(np.random.default_rng(7)),
            rng=np.random.default_rng(noise),
            factor=factor,
        )

    frame = take(1)
    assert (frame.shape, frame.dtype) == (shape, np.uint8)
    np.testing.assert_array_equal(frame, take(1))
    assert (frame != take(2)).any()


def test_overlay_is_drawn_where_the_run_has_one() -> None:
    scene, exposure = scene_and_exposure('co2', 1)
    frames = {
        name: expose(
            np.zeros((240, 320), np.float32),
            scene=scene,
            exposure=dataclasses.replace(exposure, hud=hud, quality=100),
            pattern=draw_pattern(np.random.default_rng(7)),
            rng=np.random.default_rng(0),
            factor=1,
        ).astype(int)
        for name, hud in (
            ('', Hud()),
            ('logo', Hud(logo='OGI')),
            ('full', Hud(logo='OGI', full=True)),
            ('mirrored', Hud(logo='OGI', full=True, mirrored=True)),
        )
    }
    changed = abs(frames['logo'] - frames['']) > 20
    assert changed[210:].any()
    assert not changed[:200].any()
    assert (abs(frames['full'] - frames[''])[30:210, 312:317] > 20).any()
    assert (abs(frames['mirrored'] - frames[''])[30:210, 3:8] > 20).any()
    assert (frames['mirrored'] == frames[''])[30:210, 300:].all()
