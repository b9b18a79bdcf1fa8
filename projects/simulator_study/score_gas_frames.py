r"""Score a model on folders of single frames of which the gas has been outlined.

For data of other cameras, where only gas is labelled: what the model calls tube counts
as no gas. Each frame is also shown inverted (255 - gray), as a camera with the other
polarity would, and as cameras of other gains, levels and noise would, and set beside
the best single gray level, chosen knowing the mask.
edge_gray is the level over the background at which the mask's outline runs: where it
differs from frame to frame, no model can follow all of them.

A folder holds frame_<name>.png and mask_<name>.png, 2 (or 255) gas.

Example:
    python projects/simulator_study/score_gas_frames.py configs/fume/fume_r50.py \
        work_dirs/fume_r50/last.pth data/release/vent data/release/trickle \
        --out work_dirs/fume_r50/release
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.io.files import make_folder, write_json
from fume_mm.io.images import (
    check_same_size,
    read_gray,
    read_mask_values,
    write_png,
)
from fume_mm.structures import GAS, GASES

TILE = (320, 240)
#: What another camera might make of a frame's gray levels f, 0 to 255.
LOOKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'as recorded': lambda f: f,
    '255 - f': lambda f: 255 - f,
    '212 - f / 4': lambda f: 212 - f / 4,
    '215 - 0.4 f': lambda f: 215 - 0.4 * f,
    '120 - 0.3 f': lambda f: 120 - 0.3 * f,
    '40 + f / 2': lambda f: 40 + f / 2,
    '212 - 0.3 f, noise of 2': lambda f: (
        212 - 0.3 * f + np.random.default_rng(0).normal(0, 2, f.shape)
    ),
    'gamma of 0.6': lambda f: 255 * (f / 255) ** 0.6,
}
COLUMNS = ('IoU', 'inverted', 'threshold', 'edge_gray', 'area_%', 'found_%')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, 'config', '--device')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('folders', nargs='+', type=Path, help='folders of frames')
    parser.add_argument(
        '--gas', choices=GASES, default=GASES[0], help='what the camera sees'
    )
    parser.add_argument(
        '--out', type=Path, help='folder for scores.json and a picture per folder'
    )
    return parser.parse_args()


def read_folder(folder: Path) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, frame and mask (0 and 2) of everything in a folder."""
    paths = sorted(folder.glob('frame_*.png'))
    if not paths:
        raise UserError(
            f'{folder} has no frame_*.png; name a folder with frame_<name>.png and '
            'mask_<name>.png.'
        )
    found = []
    for path in paths:
        name = path.stem.removeprefix('frame_')
        mask_path = path.with_name(f'mask_{name}.png')
        if not mask_path.is_file():
            raise UserError(
                f'{path}: has no {mask_path.name} beside it; restore it or remove the '
                'frame.'
            )
        frame, mask = read_gray(path), read_mask_values(mask_path)
        check_same_size(mask, mask_path, frame.shape)
        other = set(np.unique(mask).tolist()) - {0, GAS, 255}
        if other:
            raise UserError(
                f'{mask_path}: has the values {sorted(other)}; 0 is no gas, 2 or 255 '
                'gas.'
            )
        found.append((name, frame, np.where(mask > 0, GAS, 0).astype(np.uint8)))
    return found


def picture(frame: np.ndarray, masks: list[np.ndarray], title: str) -> np.ndarray:
    """Frame, truth and predictions side by side, a title below, (h, w, 3) RGB."""
    from fume_mm.drawing.tiles import caption_tile, draw_tile, lay_out

    tiles = [draw_tile(frame, mask, size=TILE, alpha=0.25) for mask in (None, *masks)]
    return caption_tile(lay_out(tiles, columns=len(tiles)), title)


def score_folder(
    model: Any, folder: Path, gas: str
) -> tuple[dict[str, Any], np.ndarray]:
    """Scores of every frame and their means, and a picture of all."""
    from threshold import gas_iou, outline_gray, threshold_ious

    from fume_mm.apis import inference_model

    rows, curves, pictures, by_look = {}, [], [], []
    for name, frame, mask in tqdm(read_folder(folder), desc=folder.name, disable=None):
        preds = []
        for look in LOOKS.values():
            gray = np.clip(np.rint(look(frame.astype(float))), 0, 255)
            sample = inference_model(model, **{gas: gray.astype(np.uint8)})
            preds.append(sample.get(gas).pred_sem_seg.data[0].numpy().astype(np.uint8))
        curves.append(threshold_ious(frame, mask))
        ious = [gas_iou(pred, mask) for pred in preds]
        by_look.append(ious)
        values = (
            *ious[:2],
            np.nanmax(curves[-1]),
            outline_gray(frame, mask),
            100 * (mask == GAS).mean(),
            100 * (preds[0] == GAS).mean(),
        )
        rows[name] = dict(zip(COLUMNS, map(float, values), strict=True))
        title = f'{name}: {ious[0]:.2f}, inverted {ious[1]:.2f}'
        pictures.append(picture(frame, [mask, *preds[:2]], title))
    means = pd.DataFrame(rows).mean(axis=1).to_dict()
    common = np.nanmax(np.nanmean(np.stack(curves), axis=0))
    looks = np.nanmean(by_look, axis=0).tolist()
    scores = {
        'frames': rows,
        'mean': means,
        'one_threshold_for_all': float(common),
        'looks': dict(zip(LOOKS, looks, strict=True)),
    }
    return scores, np.vstack(pictures)


def table(name: str, scores: dict[str, Any]) -> str:
    """A folder's scores as text."""
    rows = {**scores['frames'], 'mean': scores['mean']}
    text = (
        pd.DataFrame(rows)
        .T.rename_axis(columns=name)
        .to_string(float_format='{:.3f}'.format, na_rep='-')
    )
    looks = '\n'.join(f'  {iou:.3f}  {look}' for look, iou in scores['looks'].items())
    common = f'one gray level for all: {scores["one_threshold_for_all"]:.3f}'
    return f'{text}\n{common}\nmean IoU with its gray levels f changed:\n{looks}'


def main() -> None:
    """Score, print and write."""
    args = parse_args()
    for folder in args.folders:
        if not folder.is_dir():
            raise UserError(f'{folder} is not a folder; name one with frames.')
    from fume_mm.apis import init_model

    model = init_model(args.config, args.checkpoint, args.device)
    if model.decode_head is None:
        raise UserError(
            f'{args.config} has no decode_head, so no masks; use another config.'
        )
    content = {}
    for folder in args.folders:
        scores, drawn = score_folder(model, folder, args.gas)
        content[folder.name] = scores
        print(table(folder.name, scores))
        if args.out:
            write_png(make_folder(args.out) / f'{folder.name}.png', drawn)
    if args.out:
        write_json(args.out / 'scores.json', content)
        print(f'written: {args.out}')


if __name__ == '__main__':
    run_cli(main)
