"""One vessel's frames and masks, from its pH and the campaign's seed."""

import dataclasses
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from fume_mm.structures import BACKGROUND, GAS, GASES, TUBE, Gas

from . import annotator, camera, hud, plume, rumen, scene
from .parameters import DETECTOR_SHAPE, FRAMES_PER_SECOND, SIZES, SceneParameters
from .plan import Vessel, clip_frames
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
    """One frame of one camera."""

    frame: int  #: index of the sample within its vessel
    gas: Gas  #: which camera
    image: np.ndarray  #: uint8 (H, W)
    mask: np.ndarray  #: uint8 (H, W), 0 background, 1 tube, 2 gas
    truth: dict[str, object]  #: what the simulator knows about it, for truth.csv
    column: np.ndarray  #: true column density, ppm m, float32 (240, 320)


def render_vessel(
    parameters: CampaignParameters, vessel: Vessel, *, seed: int
) -> Iterator[Rendered]:
    """Render each frame that a vessel's samples have, by sample, then by gas."""
    views = {gas: _View(parameters, vessel, seed, gas) for gas in GASES}
    for frame, sample in enumerate(vessel.copies):
        for gas, view in views.items():
            if sample[gas]:
                draw = functools.partial(view.draw, frame=frame)
                vent = view.draw_vent(draw('vent'))
                column = view.column(vent, rng=draw('plume'))
                yield view.take(vent, column, frame=frame, rng=draw('noise'))


def render_clip(
    parameters: CampaignParameters, vessel: Vessel, *, seed: int, frame: int, gas: Gas
) -> Iterator[Rendered]:
    """Render a clip of one camera: vents that open one after another, 30 frames/s.

    Puffs, eddies, mottling and gain control go on from frame to frame; only the white
    noise is new in each. ``frame`` is the index of the clip within its vessel.
    """
    view = _View(parameters, vessel, seed, gas)
    frames = clip_frames(parameters.video_seconds)
    rng, noise = view.draw('clip', frame=frame), view.draw('noise', frame=frame)
    # When each vent opens, frames, for how long, and the vent; a trickle has one.
    opens = float(rng.uniform(1, 10))
    openings: list[tuple[float, float, plume.Vent]] = []
    while not openings or (opens < frames and not view.style.trickle):
        vent = view.draw_vent(rng)
        duration = plume.open_time(vent.log_release, view.models.plume)
        openings.append((opens, duration, vent))
        opens += duration
        opens += float(rng.uniform(*_PAUSE))
    for time, drift in enumerate(camera.draw_drifts(rng, frames)):
        column = np.zeros(DETECTOR_SHAPE, np.float32)
        vent = dataclasses.replace(openings[0][2], phase=0.0)
        for number, (opened, duration, drawn) in enumerate(openings):
            if opened < time < opened + _LIFETIME or view.style.trickle:
                phase = (time - opened) / duration
                vent = dataclasses.replace(drawn, phase=phase, eddy_phase=1.0)
                of_vent = view.draw('plume', frame=frame * _VENTS + number)
                column += view.column(vent, rng=of_vent, time=time)
        yield view.take(vent, column, frame=frame, rng=noise, drift=drift)


class _View:
    """What one camera sees of a vessel's run, the same from frame to frame."""

    def __init__(
        self, parameters: CampaignParameters, vessel: Vessel, seed: int, gas: Gas
    ) -> None:
        self.parameters, self.gas = parameters, gas
        self.models = models = parameters.simulation
        of_run = functools.partial(stream, seed, vessel=vessel.index)
        self.style = plume.draw_style(of_run('style'), models.plume)
        self.run = rumen.draw_run(
            seed, vessel=vessel.index, ph=vessel.ph, parameters=models.rumen
        )
        self.annotator = annotator.draw_annotator(of_run('annotator'), models.label)
        self.draw = draw = functools.partial(of_run, gas=gas)
        self.scene = scene.draw_scene(
            draw('scene'), parameters=models.scene[gas], scale=self.style.scale
        )
        optics = models.camera[gas]
        self.exposure = camera.draw_exposure(
            draw('camera'), parameters=optics, scene=self.scene
        )
        self.pattern = camera.draw_pattern(
            draw('pattern'), dead_share=optics.dead_share
        )

    def draw_vent(self, rng: np.random.Generator) -> plume.Vent:
        """A vent of this run."""
        deviation = self.run.activity + self.run.deviation[self.gas]
        deviation += self.models.rumen.vent_std * float(rng.standard_normal())
        return plume.Vent(
            log_release=rumen.log_relative_release(
                self.run.ph, self.gas, parameters=self.models.rumen, deviation=deviation
            ),
            phase=plume.draw_phase(rng, self.models.plume),
            tip=self.scene.pose.tip,
            angle=self.scene.pose.angle,
            fall=self.style.buoyancy[self.gas],
        )

    def column(
        self, vent: plume.Vent, *, rng: np.random.Generator, time: float = 0.0
    ) -> np.ndarray:
        """Column density, 1 on the axis of a steady jet; zero in a control set."""
        if self.parameters.gas_free:
            return np.zeros(DETECTOR_SHAPE, np.float32)
        style, parameters = self.style, self.models.plume
        if not style.trickle:
            return plume.column_density(
                vent, style=style, parameters=parameters, rng=rng
            )
        # Of the two gases, CO2 is the heavier than air.
        sign = 1 if self.gas == 'co2' else -1
        return trickle_density(
            vent, style=style, parameters=parameters, rng=rng, sign=sign, time=time
        )

    def take(
        self,
        vent: plume.Vent,
        column: np.ndarray,
        *,
        frame: int,
        rng: np.random.Generator,
        drift: camera.Drift | None = None,
    ) -> Rendered:
        """A frame and its mask, from the column density; a still frame without drift.

        Only still frames have the blanked edges of a rotated copy.
        """
        place, exposure = self.scene, self.exposure
        factor, mirrored = SIZES[self.parameters.size], place.pose.mirrored
        contrast = camera.contrast_gray(column, scene=place, exposure=exposure)
        image = camera.expose(
            contrast,
            scene=place,
            exposure=exposure,
            pattern=self.pattern,
            rng=rng,
            factor=factor,
            drift=drift,
        )
        outline = annotator.outline_gas(
            contrast,
            annotator=self.annotator,
            parameters=self.models.label,
            trickle=self.style.trickle,
        )
        mask = annotator.draw_mask(
            outline, place.tube_distance, mirrored=mirrored, factor=factor
        )
        # Nobody labels gas that letters and bars hide.
        mask[hud.covered(exposure.hud, mask.shape)] = BACKGROUND
        if drift is None:
            edges = self.draw('copy', frame=frame)
            parameters = self.models.scene[self.gas]
            blank_edges(image, mask, rng=edges, parameters=parameters)
        column = column * np.float32(exposure.axis_ppm_m)
        if mirrored:
            column = cv2.flip(column, 1)
        truth = self._truth(vent) | areas(mask)
        return Rendered(frame, self.gas, image, mask, truth, column)

    def _truth(self, vent: plume.Vent) -> dict[str, object]:
        free, trickle = self.parameters.gas_free, self.style.trickle
        seconds = plume.open_time(vent.log_release, self.models.plume)
        seconds /= FRAMES_PER_SECOND
        volume = self.models.rumen.reference_ml[self.gas] * math.exp(vent.log_release)
        rate = volume / seconds
        if trickle:
            rate = flow_sccm(vent.log_release, self.models.plume) / 60
        since_open = '' if free or trickle else round(vent.phase * seconds, 4)
        return {
            'release_ml': 0.0 if free else '' if trickle else round(volume, 5),
            'release_ml_s': 0.0 if free else round(rate, 5),
            'log_release': '' if free else round(vent.log_release, 5),
            'mode': 'trickle' if trickle else 'vent',
            'phase': '' if trickle else round(vent.phase, 4),
            'time_since_open_s': since_open,
            'background': self.scene.style,
            'gas_sign': self.exposure.sign,
            'tube_side': 'right' if self.scene.pose.mirrored else 'left',
        }


def areas(mask: np.ndarray) -> dict[str, object]:
    """Shares of a mask that are gas and tube, for truth.csv."""
    return {
        'gas_area': round(float((mask == GAS).mean()), 6),
        'tube_area': round(float((mask == TUBE).mean()), 6),
    }


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
