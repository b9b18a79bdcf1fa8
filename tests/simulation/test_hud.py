"""What the camera writes over the picture."""

import dataclasses

import numpy as np
import pytest

from fume_mm.simulation import PRESETS, SimulationParameters, Vessel, render_vessel
from fume_mm.simulation.hud import Bar, Hud, covered, draw_hud, paint
from fume_mm.structures import BACKGROUND

CAMERA = SimulationParameters().camera['co2']
FULL = Hud(
    logo='OGI',
    full=True,
    box=19,
    icons=('battery', 'pin', 'frame'),
    clock='10:20:30',
    reticle=20,
)


@pytest.mark.parametrize('size', [(480, 640), (240, 320)])
@pytest.mark.parametrize('seed', range(8))
def test_every_drawn_overlay_covers_what_it_paints(
    seed: int, size: tuple[int, int]
) -> None:
    shares = dataclasses.replace(CAMERA, overlay_share=1.0)
    hud = draw_hud(np.random.default_rng(seed), shares)
    for gray in (0, 19, 120, 252, 255):
        for dark in (False, True):
            before = np.full(size, gray, np.uint8)
            after = paint(before.copy(), hud, dark=dark)
            assert covered(hud, size)[after != before].all()


def test_the_palette_bar_is_a_ramp_in_a_white_frame() -> None:
    hud = dataclasses.replace(FULL, bar=Bar(frame=2, rounded=True))
    image = paint(np.full((480, 640), 20, np.uint8), hud, dark=True)
    ramp = image[60:420, 629].astype(int)
    assert ramp[0] > 240 > 15 > ramp[-1]
    assert (np.diff(ramp) <= 0).all()
    assert (image[60:420, 623] > 240).all()
    turned = dataclasses.replace(hud, bar=Bar(dark_top=True))
    image = paint(np.full((480, 640), 20, np.uint8), turned, dark=True)
    assert (np.diff(image[60:420, 629].astype(int)) >= 0).all()


@pytest.mark.parametrize('mirrored', [False, True])
@pytest.mark.parametrize('dark', [False, True])
def test_what_is_painted_is_covered(dark: bool, mirrored: bool) -> None:
    hud = dataclasses.replace(FULL, mirrored=mirrored)
    before = np.full((480, 640), 120, np.uint8)
    after = paint(before.copy(), hud, dark=dark)
    where = covered(hud, before.shape)
    assert (after != before).sum() > 2000
    assert where[after != before].all()
    assert where.mean() < 0.06


def test_no_overlay_covers_nothing() -> None:
    image = np.full((240, 320), 50, np.uint8)
    assert (paint(image.copy(), Hud(), dark=True) == image).all()
    assert not covered(Hud(), image.shape).any()


def test_overlays_come_in_their_shares() -> None:
    shares = dataclasses.replace(CAMERA, overlay_share=0.3, logo_share=0.2)
    drawn = [draw_hud(np.random.default_rng(seed), shares) for seed in range(600)]
    assert np.mean([hud.full for hud in drawn]) == pytest.approx(0.3, abs=0.06)
    assert np.mean([bool(hud.logo) for hud in drawn]) == pytest.approx(0.5, abs=0.06)


def test_nobody_labels_what_an_overlay_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    from fume_mm.simulation import camera

    monkeypatch.setattr(camera, 'draw_hud', lambda rng, parameters: FULL)
    plain = dataclasses.replace(PRESETS['benchmark'], vessels=6)
    where = covered(FULL, (480, 640))
    for vessel in range(6):
        shown = Vessel(vessel, 5.6, 'train', [{'co2': 1, 'ch4': 1}])
        for frame in render_vessel(plain, shown, seed=1):
            assert (frame.mask[where] == BACKGROUND).all()
