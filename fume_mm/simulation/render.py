"""One vessel's frames and masks, from its pH and the campaign's seed."""

import dataclasses
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from fume_mm.structures import BACKGROUND, GAS, GASES, TUBE, Gas

from . import camera, hud, labels, plume, rumen, scene
from .parameters import DETECTOR_SHAPE, SIZES, SceneParameters, SimulationParameters
from .plan import clip_frames
from .presets import CampaignParameters
from .seeding import stream
from .trickle import flow_sccm, trickle_density

# Frames for which the gas of a vent stays in sight, and between two openings.
_LIFETIME = 40.0
_PAUSE = (14.0, 40.0)
# Vents that a clip can have: each has its random stream.
_VENTS = 100


@dataclass(frozen=True)
class Rendered:
    """One frame of one camera.

    Attributes:
        frame: Index of the sample within its vessel.
        gas: Which camera.
        image: uint8 (H, W).
        mask: uint8 (H, W), 0 background, 1 tube, 2 gas.
        truth: What the simulator knows about it, for truth.csv.
        column: True column density, ppm m, float32 (240, 320).
        time: Frame of the clip; None for a still frame.
    """

    frame: int
    gas: Gas
    image: np.ndarray
    mask: np.ndarray
    truth: dict[str, object]
    column: np.ndarray
    time: int | None = None


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
    setup = _draw_setup(parameters, seed=seed, vessel=vessel, ph=ph)
    models = parameters.simulation
    for frame, gases in enumerate(present):
        for gas in GASES:
            if not gases[gas]:
                continue
            draw = functools.partial(stream, seed, vessel=vessel, frame=frame, gas=gas)
            vent = _draw_vent(draw('vent'), setup, gas, models)
            column = np.zeros(DETECTOR_SHAPE, np.float32)
            if not parameters.gas_free:
                column = _column(vent, setup, gas, models, rng=draw('plume'))
            rendered = _take(
                parameters, setup, vent, column, gas=gas, frame=frame, rng=draw('noise')
            )
            blank_edges(
                rendered.image,
                rendered.mask,
                rng=draw('copy'),
                parameters=models.scene[gas],
            )
            rendered.truth.update(_areas(rendered.mask))
            yield rendered


def render_clip(
    parameters: CampaignParameters,
    *,
    seed: int,
    vessel: int,
    ph: float,
    frame: int,
    gas: Gas,
) -> Iterator[Rendered]:
    """Render a clip of one camera: vents that open one after another, 30 frames/s.

    Puffs, eddies, mottling and gain control go on from frame to frame; only the white
    noise is new in each.

    Args:
        parameters: The campaign; its ``video_seconds`` is the clip's length.
        seed: Its seed.
        vessel: Index of the vessel.
        ph: Its pH.
        frame: Index of the clip within its vessel.
        gas: Which camera.

    Yields:
        Every frame of the clip.
    """
    models = parameters.simulation
    setup = _draw_setup(parameters, seed=seed, vessel=vessel, ph=ph)
    draw = functools.partial(stream, seed, vessel=vessel, gas=gas)
    frames = clip_frames(parameters.video_seconds)
    rng = draw('clip', frame=frame)
    noise = draw('noise', frame=frame)
    openings = _draw_openings(rng, setup, gas, models, frames)
    drifts = camera.draw_drifts(rng, frames)
    for time, drift in enumerate(drifts):
        column = np.zeros(DETECTOR_SHAPE, np.float32)
        vent = dataclasses.replace(openings[0][1], phase=0.0)
        for number, (opened, drawn) in enumerate(openings):
            if not (opened < time < opened + _LIFETIME or setup.style.trickle):
                continue
            duration = plume.open_time(drawn.log_release, models.plume)
            phase = (time - opened) / duration
            vent = dataclasses.replace(drawn, phase=phase, eddy_phase=1.0)
            if not parameters.gas_free:
                of_vent = draw('plume', frame=frame * _VENTS + number)
                column += _column(vent, setup, gas, models, rng=of_vent, time=time)
        yield _take(
            parameters,
            setup,
            vent,
            column,
            gas=gas,
            frame=frame,
            rng=noise,
            drift=drift,
            time=time,
        )


@dataclass(frozen=True)
class _View:
    """What one camera keeps for a whole run."""

    scene: scene.Scene
    exposure: camera.Exposure
    pattern: np.ndarray


@dataclass(frozen=True)
class _Setup:
    """What a run keeps from frame to frame."""

    run: rumen.Run
    style: plume.Style
    annotator: labels.Annotator
    views: dict[Gas, _View]


def _draw_setup(
    parameters: CampaignParameters, *, seed: int, vessel: int, ph: float
) -> _Setup:
    models = parameters.simulation
    style = plume.draw_style(stream(seed, 'style', vessel=vessel), models.plume)
    return _Setup(
        run=rumen.draw_run(seed, vessel=vessel, ph=ph, parameters=models.rumen),
        style=style,
        annotator=labels.draw_annotator(
            stream(seed, 'annotator', vessel=vessel), models.label
        ),
        views={
            gas: _draw_view(
                models, seed=seed, vessel=vessel, gas=gas, scale=style.scale
            )
            for gas in GASES
        },
    )


def _draw_openings(
    rng: np.random.Generator,
    setup: _Setup,
    gas: Gas,
    models: SimulationParameters,
    frames: int,
) -> list[tuple[float, plume.Vent]]:
    """When each vent of a clip opens, frames, and the vent; a trickle has one."""
    opened = float(rng.uniform(1, 10))
    openings: list[tuple[float, plume.Vent]] = []
    while not openings or (opened < frames and not setup.style.trickle):
        vent = _draw_vent(rng, setup, gas, models)
        openings.append((opened, vent))
        opened += plume.open_time(vent.log_release, models.plume)
        opened += float(rng.uniform(*_PAUSE))
    return openings


def _column(
    vent: plume.Vent,
    setup: _Setup,
    gas: Gas,
    models: SimulationParameters,
    *,
    rng: np.random.Generator,
    time: float = 0.0,
) -> np.ndarray:
    if not setup.style.trickle:
        return plume.column_density(
            vent, style=setup.style, parameters=models.plume, rng=rng
        )
    return trickle_density(
        vent,
        style=setup.style,
        parameters=models.plume,
        rng=rng,
        # Of the two gases, CO2 is the heavier than air.
        sign=1 if gas == 'co2' else -1,
        time=time,
    )


def _take(
    parameters: CampaignParameters,
    setup: _Setup,
    vent: plume.Vent,
    column: np.ndarray,
    *,
    gas: Gas,
    frame: int,
    rng: np.random.Generator,
    drift: camera.Drift | None = None,
    time: int | None = None,
) -> Rendered:
    """A frame and its mask, from the column density."""
    models, view = parameters.simulation, setup.views[gas]
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
        rng=rng,
        factor=SIZES[parameters.size],
        drift=drift,
    )
    outline = labels.outline_gas(
        contrast,
        annotator=setup.annotator,
        parameters=models.label,
        trickle=setup.style.trickle,
    )
    mask = labels.draw_mask(
        outline,
        view.scene.tube_distance,
        mirrored=view.scene.pose.mirrored,
        factor=SIZES[parameters.size],
    )
    # Nobody labels gas that letters and bars hide.
    mask[hud.covered(view.exposure.hud, mask.shape)] = BACKGROUND
    column = column * np.float32(view.exposure.axis_ppm_m)
    if view.scene.pose.mirrored:
        column = cv2.flip(column, 1)
    truth = _truth(parameters, setup, vent, gas) | _areas(mask)
    return Rendered(frame, gas, image, mask, truth, column, time)


def _draw_view(
    models: SimulationParameters, *, seed: int, vessel: int, gas: Gas, scale: float
) -> _View:
    draw = functools.partial(stream, seed, vessel=vessel, gas=gas)
    drawn = scene.draw_scene(draw('scene'), parameters=models.scene[gas], scale=scale)
    exposure = camera.draw_exposure(
        draw('camera'), parameters=models.camera[gas], scene=drawn
    )
    pattern = camera.draw_pattern(
        draw('pattern'), dead_share=models.camera[gas].dead_share
    )
    return _View(drawn, exposure, pattern)


def _draw_vent(
    rng: np.random.Generator, setup: _Setup, gas: Gas, models: SimulationParameters
) -> plume.Vent:
    run, pose = setup.run, setup.views[gas].scene.pose
    deviation = run.activity + run.deviation[gas]
    deviation += models.rumen.vent_std * float(rng.standard_normal())
    return plume.Vent(
        log_release=rumen.log_relative_release(
            run.ph, gas, parameters=models.rumen, deviation=deviation
        ),
        phase=plume.draw_phase(rng, models.plume),
        tip=pose.tip,
        angle=pose.angle,
        fall=setup.style.buoyancy[gas],
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


def _areas(mask: np.ndarray) -> dict[str, object]:
    return {
        'gas_area': round(float((mask == GAS).mean()), 6),
        'tube_area': round(float((mask == TUBE).mean()), 6),
    }


def _truth(
    parameters: CampaignParameters, setup: _Setup, vent: plume.Vent, gas: Gas
) -> dict[str, object]:
    models, view = parameters.simulation, setup.views[gas]
    free, trickle = parameters.gas_free, setup.style.trickle
    seconds = plume.open_time(vent.log_release, models.plume) / 30
    volume = models.rumen.reference_ml[gas] * math.exp(vent.log_release)
    rate = (
        flow_sccm(vent.log_release, models.plume) / 60 if trickle else volume / seconds
    )
    return {
        'release_ml': 0.0 if free else '' if trickle else round(volume, 5),
        'release_ml_s': 0.0 if free else round(rate, 5),
        'log_release': '' if free else round(vent.log_release, 5),
        'mode': 'trickle' if trickle else 'vent',
        'phase': '' if trickle else round(vent.phase, 4),
        'time_since_open_s': '' if free or trickle else round(vent.phase * seconds, 4),
        'background': view.scene.style,
        'gas_sign': view.exposure.sign,
        'tube_side': 'right' if view.scene.pose.mirrored else 'left',
    }
