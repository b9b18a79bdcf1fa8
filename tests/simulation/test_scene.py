"""Backgrounds and tubes."""

import dataclasses

import numpy as np
import pytest

from fume_mm.simulation import SceneParameters, SimulationParameters
from fume_mm.simulation.scene import Scene, draw_scene, smooth_noise
from fume_mm.structures import GASES, Gas

SCENES = SimulationParameters().scene


def scenes(parameters: SceneParameters, number: int = 30) -> list[Scene]:
    return [
        draw_scene(np.random.default_rng(seed), parameters=parameters, scale=scale)
        for seed in range(number)
        for scale in (0.7, 1.3)
    ]


@pytest.mark.parametrize('gas', GASES)
def test_a_visible_tube_grows_out_of_the_edge_and_ends_at_its_tip(gas: Gas) -> None:
    parameters = dataclasses.replace(SCENES[gas], no_tube_share=0.0)
    for scene in scenes(parameters):
        tube = scene.tube_distance < 0
        assert tube[:, 0].any()
        assert not tube[:, 60:].any()
        x, y = scene.pose.tip
        assert abs(scene.tube_distance[round(y), round(x)]) < 2


def test_a_tube_outside_the_view_is_not_there() -> None:
    parameters = dataclasses.replace(SCENES['co2'], no_tube_share=1.0)
    for scene in scenes(parameters, number=5):
        assert not scene.pose.visible
        assert (scene.tube_distance > 0).all()
        assert not scene.tube_gray.any()


def test_tube_shows_over_its_area() -> None:
    parameters = dataclasses.replace(SCENES['ch4'], no_tube_share=0.0)
    for scene in scenes(parameters, number=5):
        inside = scene.tube_gray[scene.tube_distance < -1]
        assert inside.min() > 0.8 * parameters.tube_gray[0]
        assert abs(scene.tube_gray[scene.tube_distance > 12]).max() < 1


@pytest.mark.parametrize('gas', GASES)
def test_styles_come_in_their_shares(gas: Gas) -> None:
    drawn = [scene.style for scene in scenes(SCENES[gas], number=100)]
    for style, (share, _) in SCENES[gas].levels.items():
        assert drawn.count(style) / len(drawn) == pytest.approx(share, abs=0.12)


def test_noise_has_the_asked_patches_and_unit_std() -> None:
    fields = [
        smooth_noise(np.random.default_rng(seed), patch=12.0) for seed in range(20)
    ]
    assert all(field.shape == (240, 320) for field in fields)
    assert np.std(fields) == pytest.approx(1, abs=0.1)
    near = np.mean([(field[:, 2:] * field[:, :-2]).mean() for field in fields])
    far = np.mean([(field[:, 40:] * field[:, :-40]).mean() for field in fields])
    assert near > 0.8
    assert abs(far) < 0.1
