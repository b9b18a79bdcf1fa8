"""Draw the pictures of docs/simulation.md: stages, contact sheets, clips as strips.

    python projects/simulator_study/simulation_pictures.py docs/images

Everything in them is simulated.
"""

import argparse
import dataclasses
from pathlib import Path

import cv2
import numpy as np

from fume_mm.drawing.tiles import caption_tile, draw_tile, lay_out
from fume_mm.errors import UserError, run_cli
from fume_mm.simulation import (
    PRESETS,
    CampaignParameters,
    Rendered,
    plan_vessels,
    render_clip,
    render_vessel,
)
from fume_mm.structures import GAS, GASES

TILE = (240, 180)
GAP = 4


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path, help='folder for the pictures')
    parser.add_argument('--seed', type=int, default=11, help='of the campaigns')
    return parser.parse_args()


def tile(frame: Rendered, caption: str) -> np.ndarray:
    """A frame with the outlines of its mask, and a caption below."""
    drawn = draw_tile(frame.image, frame.mask, size=TILE, alpha=0)
    return caption_tile(drawn, caption)


def column_picture(frame: Rendered) -> np.ndarray:
    """Column density in false colours, RGB."""
    scaled = np.sqrt(frame.column / max(float(frame.column.max()), 1e-6))
    colours = cv2.applyColorMap((255 * scaled).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    return cv2.cvtColor(colours, cv2.COLOR_BGR2RGB)


def render(preset: CampaignParameters, seed: int, vessels: int) -> list[Rendered]:
    """Frames of both gases of a preset's first vessels, one sample each."""
    frames: list[Rendered] = []
    for vessel in plan_vessels(preset, seed=seed)[:vessels]:
        one = dataclasses.replace(vessel, copies=[dict.fromkeys(GASES, 1)])
        frames += render_vessel(preset, one, seed=seed)
    return frames


def stages(seed: int) -> np.ndarray:
    """From the column density to the labelled frame, a row for each gas."""
    plain = dataclasses.replace(PRESETS['standard'], vessels=6)
    bare = dataclasses.replace(plain, gas_free=True)
    tiles = []
    for frame, empty in zip(render(plain, seed, 1), render(bare, seed, 1), strict=True):
        change = frame.image.astype(np.int16) - empty.image
        pictures = [
            (empty.image, 'scene through the camera'),
            (column_picture(frame), f'column, max {frame.column.max():.0f} ppm m'),
            (
                np.clip(128 + 2 * change, 0, 255).astype(np.uint8),
                'change of gray level x2',
            ),
            (frame.image, f'{frame.gas} frame'),
        ]
        for picture, caption in pictures:
            tiles.append(caption_tile(draw_tile(picture, size=TILE), caption))
        tiles.append(tile(frame, 'mask: tube, gas'))
    return lay_out(tiles, columns=5, gap=GAP)


def contact_sheet(name: str, seed: int) -> np.ndarray:
    """Ten vessels of a preset, CO2 above CH4."""
    frames = render(PRESETS[name], seed, 10)
    tiles = [tile(frame, f'{frame.gas} {frame.truth["mode"]}') for frame in frames]
    rows = [tiles[start : start + 10] for start in (0, 10)]
    stacked = [one for row in rows for gas in range(len(GASES)) for one in row[gas::2]]
    return lay_out(stacked, columns=5, gap=GAP)


def strip(seed: int, mode: str) -> np.ndarray:
    """A clip of each gas, a frame in every row's tile."""
    preset = dataclasses.replace(PRESETS['benchmark'], video_seconds=1.4)
    step = 2 if mode == 'vent' else 6
    for vessel in plan_vessels(preset, seed=seed):
        rows = []
        for gas in GASES:
            clip = render_clip(preset, vessel, seed=seed, frame=0, gas=gas)
            frames = [next(clip)]
            if frames[0].truth['mode'] != mode:
                break
            frames += list(clip)
            seen = (time for time, f in enumerate(frames) if (f.mask == GAS).any())
            times = range(max(next(seen, 0) - 1, 0), len(frames), step)[:6]
            rows.append([tile(frames[t], f'{gas} frame {t}') for t in times])
        if len(rows) == len(GASES) and len(rows[0]) == len(rows[1]):
            return lay_out([*rows[0], *rows[1]], columns=len(rows[0]), gap=GAP)
    raise UserError(f'no vessel of seed {seed} has a {mode}; choose another --seed.')


def main() -> None:
    """Write every picture."""
    args = parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    pictures = {
        'simulation_stages': stages(args.seed),
        'simulation_benchmark': contact_sheet('benchmark', args.seed),
        'simulation_paper': contact_sheet('paper', args.seed),
        'simulation_clip': strip(args.seed, 'vent'),
        'simulation_trickle': strip(args.seed, 'trickle'),
    }
    for name, picture in pictures.items():
        path = args.out / f'{name}.jpg'
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        if not cv2.imwrite(str(path), bgr, [cv2.IMWRITE_JPEG_QUALITY, 82]):
            raise UserError(f'{path} cannot be written; name another folder.')
        print(f'{path} {path.stat().st_size // 1000} kB')


if __name__ == '__main__':
    run_cli(main)
