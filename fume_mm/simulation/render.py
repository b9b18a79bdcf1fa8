"""One vessel's frames and masks, from its pH and the campaign's seed."""

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from fume_mm.structures import BACKGROUND, GAS, GASES, TUBE, Gas

from . import camera, labels, plume, rumen, scene
from .parameters import (
    DETECTOR_SHAPE,
    SIZES,
    CampaignParameters,
    SceneParameters,
    SimulationParameters,
)
from .seeding import stream


@dataclass(frozen=True)
class Rendered:
    """One frame of one camera.

    Attributes:
        frame: Index of the sample within its vessel.
        gas: Which camera.
        image: uint8 (H, W).
        mask: uint8 (H, W), 0 background, 1 tube, 2 gas.
        truth: What the simulator knows about it, for truth.csv.
    """

    frame: int
    gas: Gas
    image: np.ndarray
    mask: np.ndarray
    truth: dict[str, object]


def render_vessel(
    parameters: CampaignParameters,
    *,
    seed: int,
    vessel: int,
    ph: float,
    present: list[dict[Gas, bool]],
) -> Iterator[Rendered]:
    """Render the frames of one vessel.

    Args:
        parameters: The campaign.
        seed: Its seed.
        vessel: Index of the vessel.
        ph: Its pH.
        present: For each sample, which gases it has.

    Yields:
        Each frame that a sample has, by sample, then by gas.
    """
    models = parameters.simulation
    run = rumen.draw_run(seed, vessel=vessel, ph=ph, parameters=models.rumen)
    style = plume.draw_style(stream(seed, 'style', vessel=vessel), models.plume)
    annotator = labels.draw_annotator(
        stream(seed, 'annotator', vessel=vessel), models.label
    )
    views = {
        gas: _draw_view(models, seed=seed, vessel=vessel, gas=gas, scale=style.scale)
        for gas in GASES
    }
    for frame, gases in enumerate(present):
        for gas in GASES:
            if not gases[gas]:
                continue
            view = views[gas]
            draw = functools.partial(stream, seed, vessel=vessel, frame=frame, gas=gas)
            vent = _draw_vent(draw('vent'), run, view.scene.pose, gas, models)
            if parameters.gas_free:
                contrast = np.zeros(DETECTOR_SHAPE, np.float32)
            else:
                column = plume.column_density(
                    vent, style=style, parameters=models.plume, rng=draw('plume')
                )
                contrast = camera.contrast_gray(
                    column,
                    scene=view.scene,
                    exposure=view.exposure,
                    parameters=models.camera[gas],
                )
            image = camera.expose(
                contrast,
                scene=view.scene,
                exposure=view.exposure,
                pattern=view.pattern,
                parameters=models.camera[gas],
                rng=draw('noise'),
                factor=SIZES[parameters.size],
            )
            outline = labels.outline_gas(
                contrast, annotator=annotator, parameters=models.label
            )
            mask = labels.draw_mask(
                outline,
                view.scene.tube_distance,
                mirrored=view.scene.pose.mirrored,
                factor=SIZES[parameters.size],
            )
            blank_edges(image, mask, rng=draw('copy'), parameters=models.scene[gas])
            truth = _truth(parameters, view, vent, gas, mask)
            yield Rendered(frame=frame, gas=gas, image=image, mask=mask, truth=truth)


@dataclass(frozen=True)
class _View:
    """What one camera keeps for a whole run."""

    scene: scene.Scene
    exposure: camera.Exposure
    pattern: np.ndarray


def _draw_view(
    models: SimulationParameters, *, seed: int, vessel: int, gas: Gas, scale: float
) -> _View:
    draw = functools.partial(stream, seed, vessel=vessel, gas=gas)
    drawn = scene.draw_scene(draw('scene'), parameters=models.scene[gas], scale=scale)
    exposure = camera.draw_exposure(
        draw('camera'), parameters=models.camera[gas], scene=drawn
    )
    return _View(drawn, exposure, camera.draw_pattern(draw('pattern')))


def _draw_vent(
    rng: np.random.Generator,
    run: rumen.Run,
    pose: scene.Pose,
    gas: Gas,
    models: SimulationParameters,
) -> plume.Vent:
    deviation = run.activity + run.deviation[gas]
    deviation += models.rumen.vent_std * float(rng.standard_normal())
    return plume.Vent(
        log_release=rumen.log_relative_release(
            run.ph, gas, parameters=models.rumen, deviation=deviation
        ),
        phase=plume.draw_phase(rng, models.plume),
        tip=pose.tip,
        angle=pose.angle,
    )


def blank_edges(
    image: np.ndarray,
    mask: np.ndarray,
    *,
    rng: np.random.Generator,
    parameters: SceneParameters,
) -> None:
    """Black, unlabelled corners and borders, in place, as a rotated copy has them."""
    height, width = image.shape
    draws = rng.random(8)
    black = np.zeros(image.shape, np.uint8)
    if draws[0] < parameters.wedge_share:
        # A side's wedge: a triangle along one edge with a slightly bent hypotenuse.
        depth = (0.04 + 0.14 * draws[1]) * height
        t = np.linspace(0, 1, 24)
        bend = 0.02 * height * math.sin(3 + 3 * draws[2]) * np.sin(math.pi * t)
        curve = np.stack([t * width, depth * (1 - t) + bend], axis=1)
        points = np.concatenate([[[0.0, 0.0]], curve])
        cv2.fillPoly(black, [np.round(points).astype(np.int32)], 1)
        if draws[3] < 0.5:
            black = black[:, ::-1]
        if draws[4] < 0.5:
            black = black[::-1]
    if draws[5] < parameters.border_share:
        y = np.arange(height)
        wave = 1 + np.sin(y / height * 9 + 6 * draws[6])
        inset = (wave * (0.003 + 0.008 * draws[7]) * width).astype(int)
        black[np.arange(width)[None] >= width - inset[:, None]] = 1
    if black.any():
        image[black > 0] = 0
        mask[black > 0] = BACKGROUND


def _truth(
    parameters: CampaignParameters,
    view: _View,
    vent: plume.Vent,
    gas: Gas,
    mask: np.ndarray,
) -> dict[str, object]:
    models = parameters.simulation
    duration = plume.open_time(vent.log_release, models.plume)
    free = parameters.gas_free
    released = 0.0 if free else math.exp(vent.log_release)
    return {
        'release_ml': round(models.rumen.reference_ml[gas] * released, 5),
        'log_release': '' if free else round(vent.log_release, 5),
        'phase': round(vent.phase, 4),
        'time_since_open_s': '' if free else round(vent.phase * duration / 30, 4),
        'gas_area': round(float((mask == GAS).mean()), 6),
        'tube_area': round(float((mask == TUBE).mean()), 6),
        'background': view.scene.style,
        'gas_sign': view.exposure.sign,
        'tube_side': 'right' if view.scene.pose.mirrored else 'left',
    }
