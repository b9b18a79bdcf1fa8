r"""Measure simulated frames and set them beside figures published of real ones.

For each kind of frame: the simulated 5th, 50th and 95th percentile, the range of the
published frames, and the share of simulated frames that lie in it. The published
figures are of few frames (three to thirteen a kind), so they show where real frames
have been, not where they end.

Example:
    python projects/simulator_study/simulation_statistics.py --preset benchmark
"""

import argparse
import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pandas as pd
from threshold import threshold_ious
from tqdm import tqdm

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.files import write_json
from fume_mm.simulation import PRESETS, Rendered, plan_vessels, render_vessel
from fume_mm.structures import GAS, GASES, TUBE

Ranges = dict[str, tuple[float, float]]

#: What was measured on frames published with FUME (arXiv 2601.08205, figure 4) and
#: CarboFormer (arXiv 2506.05360): lowest and highest over the frames of a kind.
PUBLISHED: dict[str, Ranges] = {
    'CO2 vent, dark gas': {
        'background': (205, 219),
        'spread': (22, 38),
        'gradient_x': (6, 34),
        'gradient_y': (9, 28),
        'area': (10.9, 31.6),
        'contrast': (-27, -21),
        'contrast_core': (-47, -39),
        'tube_contrast': (-68, -63),
        'half_angle': (11, 14),
        'solidity': (0.76, 0.88),
        'threshold_iou': (0.45, 0.85),
    },
    'CH4 vent, dark gas': {
        'background': (65, 128),
        'spread': (93, 118),
        'gradient_x': (75, 103),
        'gradient_y': (1, 4),
        'area': (8.2, 44.4),
        'contrast': (-24, -14),
        'contrast_core': (-45, -25),
        'tube_contrast': (-34, -16),
        'half_angle': (12, 24),
        'solidity': (0.83, 0.95),
        'threshold_iou': (0.45, 0.85),
    },
    'CO2 vent, bright on black': {
        'background': (15, 44),
        'spread': (26, 39),
        'noise': (1.0, 1.8),
        'lag_1': (0.77, 0.82),
        'area': (5.4, 26.6),
        'contrast': (101, 128),
        'contrast_core': (176, 216),
        'half_angle': (3.6, 19),
        'solidity': (0.68, 0.81),
        'edge': (23, 33),
        'threshold_iou': (0.78, 0.92),
    },
    'CO2 trickle, bright on black': {
        'background': (13, 37),
        'spread': (27, 76),
        'gradient_x': (14, 69),
        'noise': (1.1, 1.9),
        'lag_1': (0.56, 0.64),
        'area': (0.13, 2.28),
        'contrast': (15, 70),
        'contrast_core': (46, 179),
        'solidity': (0.39, 0.85),
        'edge': (11, 29),
        'threshold_iou': (0.03, 0.44),
    },
}
UNITS = {
    'background': 'gray, median without gas and tube',
    'spread': 'gray, 5th to 95th percentile of it',
    'gradient_x': 'gray over the width, without sign',
    'gradient_y': 'gray over the height, without sign',
    'noise': 'gray, std of the high pass',
    'lag_1': 'autocorrelation of the high pass',
    'area': '% of the frame',
    'contrast': 'gray, mean over the outline',
    'contrast_core': 'gray, 5th or 95th percentile in it',
    'tube_contrast': 'gray',
    'half_angle': 'degrees, first 200 px',
    'solidity': 'area over convex hull',
    'edge': 'px at 640x480, 10 to 90 %',
    'threshold_iou': 'best gray level, knowing the mask',
}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, '--json')
    parser.add_argument('--preset', default='benchmark', choices=PRESETS)
    parser.add_argument('--frames', type=int, default=600, help='frames to measure')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def kind_of(frame: Rendered) -> str | None:
    """The key of :data:`PUBLISHED` that a frame is held against, if any."""
    truth = frame.truth
    black, bright = truth['background'] == 'near_black', truth['gas_sign'] == 1
    if frame.gas == 'co2' and black and bright:
        return f'CO2 {truth["mode"]}, bright on black'
    if truth['mode'] == 'vent' and not bright:
        return f'{frame.gas.upper()} vent, dark gas'
    return None


def surface(frame: np.ndarray, background: np.ndarray) -> np.ndarray:
    """A quadratic surface fitted to the background, float32 of the frame's shape."""
    height, width = frame.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / width - 0.5, y / height - 0.5
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    chosen = background[::6, ::6]
    fit, *_ = np.linalg.lstsq(
        terms[::6, ::6][chosen], frame[::6, ::6][chosen].astype(np.float32), rcond=None
    )
    return terms @ fit.astype(np.float32)


def measure(frame: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """All statistics of :data:`UNITS`; NaN where a frame does not have them.

    Args:
        frame: uint8 (480, 640).
        mask: Class ids of the same size.
    """
    gas, tube = mask == GAS, mask == TUBE
    near = cv2.dilate((gas | tube).astype(np.uint8), np.ones((25, 25), np.uint8))
    background = (near == 0) & (frame > 0)
    values = dict.fromkeys(UNITS, math.nan)
    if background.sum() < 0.1 * frame.size:
        return values
    levels = np.percentile(frame[background], (5, 50, 95))
    values['background'], values['spread'] = levels[1], levels[2] - levels[0]
    y, x = np.nonzero(background[::4, ::4])
    plane = np.stack([np.ones(len(x)), x * 4 / 640, y * 4 / 480], axis=1)
    fit, *_ = np.linalg.lstsq(plane, frame[::4, ::4][y, x].astype(float), rcond=None)
    values['gradient_x'], values['gradient_y'] = abs(fit[1]), abs(fit[2])
    values |= noise(frame, background)
    if gas.any():
        flat = frame - surface(frame, background)
        inside = flat[gas]
        values['area'] = 100 * float(gas.mean())
        values['contrast'] = float(inside.mean())
        core = 5 if inside.mean() < 0 else 95
        values['contrast_core'] = float(np.percentile(inside, core))
        values['edge'] = edge_width(flat * np.sign(inside.mean()), gas)
        values |= shape(gas, tube)
        values['threshold_iou'] = float(np.nanmax(threshold_ious(frame, mask)))
        if tube.any():
            values['tube_contrast'] = float(flat[tube].mean())
    return values


def noise(frame: np.ndarray, background: np.ndarray) -> dict[str, float]:
    """Std and neighbours' correlation of what a Gaussian of 3 px takes away."""
    smooth = cv2.GaussianBlur(frame.astype(np.float32), (0, 0), 3)
    high = frame - smooth
    chosen = background & (np.abs(high) < 12)  # letters and other sharp edges
    both = chosen[:, 1:] & chosen[:, :-1]
    if both.sum() < 1000:
        return {}
    variance = float((high[chosen] ** 2).mean())
    product = float((high[:, 1:][both] * high[:, :-1][both]).mean())
    # A frame that saturates has no noise to correlate.
    lag = product / variance if variance > 0.01 else math.nan
    return {'noise': math.sqrt(variance), 'lag_1': lag}


def edge_width(contrast: np.ndarray, gas: np.ndarray) -> float:
    """Way across the outline over which the mean contrast goes from 10 to 90 %, px."""
    inner = cv2.distanceTransform(gas.astype(np.uint8), cv2.DIST_L2, 5)
    outer = cv2.distanceTransform((~gas).astype(np.uint8), cv2.DIST_L2, 5)
    signed = np.where(gas, inner, -outer)
    steps = np.arange(-24, 40)
    profile = []
    for step in steps:
        ring = (signed >= step) & (signed < step + 1)
        profile.append(float(contrast[ring].mean()) if ring.sum() > 30 else math.nan)
    kept = np.array(profile)
    known = ~np.isnan(kept)
    kept, steps = kept[known], steps[known]
    if len(kept) < 10 or kept.max() <= kept[0]:
        return math.nan
    relative = (kept - kept[:6].mean()) / (kept.max() - kept[:6].mean())
    low = steps[np.argmax(relative > 0.1)]
    high = steps[np.argmax(relative > 0.9)]
    return float(high - low)


def shape(gas: np.ndarray, tube: np.ndarray) -> dict[str, float]:
    """Solidity of the largest patch, and half the angle at which it opens."""
    contours, _ = cv2.findContours(
        gas.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    largest = max(contours, key=cv2.contourArea)
    hull = cv2.contourArea(cv2.convexHull(largest))
    values = {'solidity': cv2.contourArea(largest) / hull if hull else math.nan}
    if not tube.any():
        return values
    points = np.argwhere(gas)[:, ::-1].astype(float)
    stub = np.argwhere(tube)[:, ::-1].astype(float)
    # The tip: the tube's pixel next to the middle of the gas.
    middle = points.mean(axis=0)
    tip = stub[((stub - middle) ** 2).sum(axis=1).argmin()]
    away = points - tip
    near = away[(away**2).sum(axis=1) < 200**2]
    if len(near) < 500:
        return values
    direction = near.mean(axis=0)
    direction /= np.linalg.norm(direction)
    along = near @ direction
    reach = np.arange(30, min(200, along.max()), 10.0)
    if len(reach) < 5:
        return values
    half = [((along >= r) & (along < r + 10)).sum() / 20 for r in reach]
    slope = np.polyfit(reach, half, 1)[0]
    values['half_angle'] = math.degrees(math.atan(slope))
    return values


def simulated(preset: str, *, frames: int, seed: int) -> Iterator[Rendered]:
    """The first frames of a preset at 640x480, one sample of each vessel."""
    parameters = dataclasses.replace(PRESETS[preset], size=(640, 480), copies=1)
    if parameters.counts is not None:
        parameters = dataclasses.replace(parameters, counts=None, vessels=frames)
    rendered = (
        render_vessel(
            parameters,
            dataclasses.replace(vessel, copies=[dict.fromkeys(GASES, 1)]),
            seed=seed,
        )
        for vessel in plan_vessels(parameters, seed=seed)
    )
    return itertools.islice(itertools.chain.from_iterable(rendered), frames)


def summary(values: np.ndarray, limits: tuple[float, float]) -> dict[str, Any]:
    """Percentiles of what is not NaN, and the share within the limits."""
    known = values[~np.isnan(values)]
    if not len(known):
        return {'n': 0}
    low, middle, high = np.percentile(known, (5, 50, 95))
    inside = (known >= limits[0]) & (known <= limits[1])
    return {
        'n': len(known),
        'p5': float(low),
        'median': float(middle),
        'p95': float(high),
        'published': list(limits),
        'share_within': float(inside.mean()),
        'brackets': bool(low <= limits[1] and high >= limits[0]),
    }


def printed(name: str, entry: dict[str, Any]) -> dict[str, str]:
    """A row of the table."""
    if not entry['n']:
        return {'': name, 'unit': UNITS[name]}
    low, high = entry['published']
    return {
        '': name,
        **{key: f'{entry[key]:.4g}' for key in ('p5', 'median', 'p95')},
        'published': f'{low:g} to {high:g}',
        'within': f'{entry["share_within"]:.0%}',
        'brackets': 'yes' if entry['brackets'] else 'outside',
        'unit': UNITS[name],
    }


def main() -> None:
    """Measure, print, write."""
    args = parse_args()
    if args.frames < 10:
        raise UserError(f'--frames is {args.frames}; choose 10 or more.')
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in PUBLISHED}
    frames = simulated(args.preset, frames=args.frames, seed=args.seed)
    for frame in tqdm(frames, total=args.frames, unit='frame', disable=None):
        kind = kind_of(frame)
        if kind and (frame.mask == GAS).any():
            found[kind].append(measure(frame.image, frame.mask))
    result: dict[str, dict[str, Any]] = {}
    print(f'preset {args.preset}, simulated, beside published frames of real cameras')
    for kind, rows in found.items():
        result[kind] = {
            name: summary(np.array([row[name] for row in rows] or [math.nan]), limits)
            for name, limits in PUBLISHED[kind].items()
        }
        print(f'\n{kind} ({len(rows)} simulated frames with gas)')
        table = [printed(name, entry) for name, entry in result[kind].items()]
        print(pd.DataFrame(table).to_string(index=False, na_rep='-'))
    if args.json:
        content = {'preset': args.preset, 'seed': args.seed, 'kinds': result}
        write_json(args.json, content)


if __name__ == '__main__':
    run_cli(main)
