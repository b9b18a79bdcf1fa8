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


def test_a_collar_widens_the_tube_at_the_edge_of_the_view() -> None:
    plain = dataclasses.replace(
        SCENES['co2'], no_tube_share=0.0, tube_slope=(0.0, 0.0), collar_share=0.0
    )
    collared = dataclasses.replace(plain, collar_share=1.0)
    pairs = zip(scenes(plain, 5), scenes(collared, 5), strict=True)
    for thin, wide in pairs:
        assert thin.pose.tip == wide.pose.tip
        tubes = [scene.tube_distance < 0 for scene in (thin, wide)]
        assert tubes[1][tubes[0]].all()
        at_edge = [int(tube[:, 0].sum()) for tube in tubes]
        assert at_edge[1] == pytest.approx(1.5 * at_edge[0], abs=2)
        at_tip = round(thin.pose.tip[0]) - 2
        assert (tubes[0][:, at_tip] == tubes[1][:, at_tip]).all()


def test_a_glow_and_saturated_tubes_are_for_black_scenes_only() -> None:
    levels = {'near_black': (1.0, (20.0, 20.0))}
    black = dataclasses.replace(
        SCENES['co2'],
        levels=levels,
        no_tube_share=0.0,
        tube_black_gray=(200.0, 200.0),
        rib_share=0.0,
        band_share=0.0,
        glow_share=1.0,
        glow_gray=(60.0, 60.0),
    )
    for scene in scenes(black, 5):
        assert scene.tube_gray.max() == pytest.approx(200)
        left, right = scene.background[:, :20].mean(), scene.background[:, 300:].mean()
        assert left - right > 25
    white = dataclasses.replace(black, levels={'near_white': (1.0, (200.0, 200.0))})
    for scene in scenes(white, 5):
        assert scene.tube_gray.max() <= white.tube_gray[1]


def test_objects_come_in_their_share_and_stand_at_the_edge() -> None:
    none = dataclasses.replace(SCENES['co2'], clutter_share=0.0)
    always = dataclasses.replace(none, clutter_share=1.0, clutter_gray=(40.0, 40.0))
    for plain, with_object in zip(scenes(none, 5), scenes(always, 5), strict=True):
        added = with_object.background - plain.background
        assert added.max() > 10
        assert max(added[0].max(), added[-1].max()) > 10
        assert abs(added[100:140]).max() < 1


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
