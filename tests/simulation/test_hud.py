"""What the camera writes over the picture."""

import dataclasses

import numpy as np
import pytest

from fume_mm.simulation import PRESETS, SimulationParameters, render_vessel
from fume_mm.simulation.hud import Hud, covered, draw_hud, paint
from fume_mm.structures import BACKGROUND

CAMERA = SimulationParameters().camera['co2']
FULL = Hud(logo='OGI', full=True, boxed=True, icons=2)


@pytest.mark.parametrize('mirrored', [False, True])
@pytest.mark.parametrize('dark', [False, True])
def test_what_is_painted_is_covered(dark: bool, mirrored: bool) -> None:
    hud = dataclasses.replace(FULL, mirrored=mirrored)
    before = np.full((480, 640), 120, np.uint8)
    after = paint(before.copy(), hud, dark=dark)
    where = covered(hud, before.shape)
    assert (after != before).sum() > 2000
    assert where[after != before].all()
    assert where.mean() < 0.05


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
        frames = render_vessel(
            plain,
            seed=1,
            vessel=vessel,
            ph=5.6,
            present=[{'co2': True, 'ch4': True}],
        )
        for frame in frames:
            assert (frame.mask[where] == BACKGROUND).all()
