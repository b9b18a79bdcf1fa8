"""A vessel's frames: what they depend on, and above all what they do not."""

import dataclasses
from typing import Any

import cv2
import numpy as np
import pytest

from fume_mm.simulation import (
    CampaignParameters,
    Rendered,
    Vessel,
    camera,
    render_vessel,
)
from fume_mm.simulation.rumen import log_relative_release
from fume_mm.structures import BACKGROUND, GAS, GASES, TUBE, Gas

BOTH: dict[Gas, int] = {'co2': 1, 'ch4': 1}


def render(
    parameters: CampaignParameters | None = None,
    *,
    ph: float = 5.9,
    vessel: int = 0,
    samples: int = 1,
    copies: dict[Gas, int] = BOTH,
) -> list[Rendered]:
    return list(
        render_vessel(
            parameters or CampaignParameters(),
            Vessel(vessel, ph, 'train', [copies] * samples),
            seed=5,
        )
    )


def without_blanked_edges() -> CampaignParameters:
    plain = CampaignParameters()
    scene = {
        gas: dataclasses.replace(
            drawn, wedge_share=0.0, border_share=0.0, no_tube_share=0.0
        )
        for gas, drawn in plain.simulation.scene.items()
    }
    simulation = dataclasses.replace(plain.simulation, scene=scene)
    return dataclasses.replace(plain, simulation=simulation)


@pytest.mark.parametrize('vessel', range(4))
def test_a_gas_free_frame_knows_nothing_of_ph(vessel: int) -> None:
    control = CampaignParameters(gas_free=True)
    acid, healthy = (
        render(control, ph=ph, vessel=vessel, samples=2) for ph in (5.0, 6.5)
    )
    for a, b in zip(acid, healthy, strict=True):
        assert a.image.tobytes() == b.image.tobytes()
        assert a.mask.tobytes() == b.mask.tobytes()
        assert not (a.mask == GAS).any()


def test_ph_changes_the_frame_of_both_gases() -> None:
    acid, healthy = render(ph=5.0), render(ph=6.5)
    for a, b in zip(acid, healthy, strict=True):
        assert (a.image != b.image).any()


def test_a_gas_free_frame_is_the_same_frame_where_no_gas_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contrasts: list[np.ndarray] = []
    contrast_gray = camera.contrast_gray

    def record(*args: Any, **kwargs: Any) -> np.ndarray:
        contrasts.append(contrast_gray(*args, **kwargs))
        return contrasts[-1]

    monkeypatch.setattr(camera, 'contrast_gray', record)
    plain = CampaignParameters()
    short = dataclasses.replace(plain.simulation.plume, exit_velocity=60.0)
    simulation = dataclasses.replace(plain.simulation, plume=short)
    frames, twins = (
        [frame for vessel in range(4) for frame in render(parameters, vessel=vessel)]
        for parameters in (
            dataclasses.replace(plain, simulation=simulation),
            dataclasses.replace(plain, simulation=simulation, gas_free=True),
        )
    )
    assert len(frames) == len(twins) == 8
    assert not any(contrast.any() for contrast in contrasts[8:])
    compared = 0
    for contrast, frame, twin in zip(contrasts[:8], frames, twins, strict=True):
        if frame.truth['tube_side'] == 'right':
            contrast = contrast[:, ::-1]
        # Optics carry gas 2 px far, and the codec over its block of 8 x 8.
        reached = cv2.dilate((abs(contrast) > 1e-8).astype(np.uint8), np.ones((5, 5)))
        blocks = reached.reshape(30, 8, 40, 8).max(axis=(1, 3))
        clear = np.kron(blocks, np.ones((8, 8), int)) == 0
        np.testing.assert_array_equal(frame.image[clear], twin.image[clear])
        assert (frame.image != twin.image).any()
        compared += int(clear.sum())
    assert compared > 0.2 * 8 * 240 * 320


def test_one_activity_moves_both_gases_of_a_run() -> None:
    plain = CampaignParameters()
    rumen = dataclasses.replace(plain.simulation.rumen, run_std=0.0, vent_std=0.0)
    simulation = dataclasses.replace(plain.simulation, rumen=rumen)
    parameters = dataclasses.replace(plain, simulation=simulation)
    activities = []
    for vessel in range(3):
        co2, ch4 = (
            float(str(frame.truth['log_release']))
            - log_relative_release(5.0, frame.gas, parameters=rumen)
            for frame in render(parameters, ph=5.0, vessel=vessel)
        )
        assert co2 == pytest.approx(ch4, abs=1e-4)
        activities.append(round(co2, 4))
    assert len(set(activities)) == 3


def test_only_the_gases_that_a_sample_has_are_rendered() -> None:
    frames = render(copies={'co2': 0, 'ch4': 1}, samples=2)
    assert [(frame.frame, frame.gas) for frame in frames] == [(0, 'ch4'), (1, 'ch4')]


def test_a_frame_does_not_depend_on_which_others_exist() -> None:
    alone = render(copies={'co2': 0, 'ch4': 1})
    beside = render(samples=2)
    np.testing.assert_array_equal(alone[0].image, beside[1].image)


@pytest.mark.parametrize('size', [(320, 240), (640, 480)])
def test_a_mask_holds_three_classes_and_the_tube_at_an_edge(
    size: tuple[int, int],
) -> None:
    parameters = dataclasses.replace(without_blanked_edges(), size=size)
    sides = set()
    for vessel in range(6):
        for frame in render(parameters, vessel=vessel):
            assert frame.image.shape == frame.mask.shape == size[::-1]
            assert set(np.unique(frame.mask)) <= {BACKGROUND, TUBE, GAS}
            side = frame.truth['tube_side']
            column = frame.mask[:, 0 if side == 'left' else -1]
            assert (column == TUBE).any()
            sides.add(side)
    assert sides == {'left', 'right'}


def test_blanked_edges_are_black_and_unlabelled() -> None:
    parameters = CampaignParameters()
    scene = {
        gas: dataclasses.replace(drawn, wedge_share=1.0)
        for gas, drawn in parameters.simulation.scene.items()
    }
    simulation = dataclasses.replace(parameters.simulation, scene=scene)
    for frame in render(dataclasses.replace(parameters, simulation=simulation)):
        corners = [(y, x) for y in (0, -1) for x in (0, -1)]
        black = [corner for corner in corners if frame.image[corner] == 0]
        assert black
        assert all(frame.mask[corner] == BACKGROUND for corner in black)


def test_truth_tells_areas_and_release() -> None:
    parameters = CampaignParameters()
    reference = parameters.simulation.rumen.reference_ml
    for frame in render(parameters):
        truth = {key: frame.truth[key] for key in ('gas_area', 'tube_area')}
        assert truth == {
            'gas_area': pytest.approx((frame.mask == GAS).mean(), abs=1e-6),
            'tube_area': pytest.approx((frame.mask == TUBE).mean(), abs=1e-6),
        }
        log_release = float(str(frame.truth['log_release']))
        released = reference[frame.gas] * np.exp(log_release)
        assert frame.truth['release_ml'] == pytest.approx(released, rel=1e-3)
    for twin in render(dataclasses.replace(parameters, gas_free=True)):
        assert (twin.truth['release_ml'], twin.truth['gas_area']) == (0, 0)


def test_frames_hold_both_gases_in_order() -> None:
    keys = [(frame.frame, frame.gas) for frame in render(samples=2)]
    assert keys == [(number, gas) for number in (0, 1) for gas in GASES]
