"""Show what a config's pipeline makes of samples: what training or testing sees.

Each sample is a panel: every gas it has, with the mask over it, its class and its pH. A
gas that the pipeline leaves out (ModalityDropout) is shown as missing and named. The
samples are drawn at random, each at most once; the config's sampler is not asked. The
same seed gives the same pictures.
"""

import argparse
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GAS_LABELS, SPLITS
from fume_mm.structures.labels import Labels

if TYPE_CHECKING:
    from mmengine.config import Config

    from fume_mm.structures import DualGasDataSample

EXAMPLE = """\
example:
  python tools/analysis_tools/browse_dataset.py configs/fume/fume_fastscnn.py
"""
#: Panels on the contact sheet, and how many of them in a row.
SHEET, SHEET_COLUMNS = 12, 4
SHEET_NAME = 'contact_sheet.png'
# Of a sample's id in a file name: names have 255 bytes, and an escape is 3.
NAME_LENGTH = 80


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    from fume_mm.engine.options import CfgOptions

    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--out',
        type=Path,
        help='folder for the PNGs (default: work_dirs/<config name>/browse_<split>)',
    )
    parser.add_argument(
        '--split',
        choices=SPLITS,
        default='train',
        help='whose dataset and pipeline (default: %(default)s)',
    )
    parser.add_argument(
        '--number', type=int, default=12, help='of samples (default: %(default)s)'
    )
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='of the choice and the pipeline (default: %(default)s)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        help='override keys of the config, e.g. data_root=data/fume',
    )
    return parser.parse_args()


def build_dataset(cfg: 'Config', split: str) -> Any:
    """The dataset of the config's loader of ``split``, with its pipeline."""
    from fume_mm.engine.config import config_errors
    from fume_mm.registry import DATASETS, register_all_modules

    register_all_modules()
    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise UserError(
            f'{cfg.filename} has no {split}_dataloader; add one or choose another '
            '--split.'
        )
    with config_errors(cfg):
        return DATASETS.build(loader.dataset)


def seeded_item(dataset: Any, index: int, seed: int) -> dict[str, Any]:
    """The item ``index``, its augmentation the same whatever was drawn before."""
    import torch

    state = int(np.random.SeedSequence([seed, index]).generate_state(1)[0])
    np.random.seed(state)  # noqa: NPY002
    random.seed(state)
    torch.manual_seed(state)
    item = dataset[index]
    if not isinstance(item, dict) or not {'inputs', 'data_samples'} <= item.keys():
        raise UserError(
            'the pipeline does not give inputs and data_samples; end it with '
            "dict(type='PackDualGasInputs')."
        )
    return item


def draw_item(
    item: dict[str, Any], recorded: set[str], note: str | None, labels: Labels
) -> np.ndarray:
    """The panel of an item, (h, w, 3) uint8 RGB.

    Args:
        item: What the pipeline gives.
        recorded: The gases that the sample has on disk.
        note: What to say of the dataset.
        labels: What its classes are.
    """
    from fume_mm.drawing import draw_panel

    sample = item['data_samples']
    frames = {gas: frame[0].numpy() for gas, frame in item['inputs'].items()}
    fit_masks(sample, frames)
    notes = [note] if note else []
    notes += [
        f'{label} left out'
        for gas, label in GAS_LABELS.items()
        if gas in recorded and gas not in frames
    ]
    return draw_panel(frames, sample, note=', '.join(notes) or None, labels=labels)


def fit_masks(sample: 'DualGasDataSample', frames: dict[str, np.ndarray]) -> None:
    """Bring masks that were kept at the size on disk to the size of the frames."""
    import cv2
    import torch
    from mmengine.structures import PixelData

    for gas, frame in frames.items():
        part = sample.get(gas)
        if 'gt_sem_seg' not in part:
            continue
        mask = part.gt_sem_seg.data[0].numpy().astype(np.uint8)
        if mask.shape != frame.shape:
            size = frame.shape[::-1]
            fitted = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
            del part.gt_sem_seg
            part.gt_sem_seg = PixelData(data=torch.from_numpy(fitted)[None].long())


def main() -> None:
    """Draw the panels and the contact sheet."""
    args = parse_args()
    if args.number < 1:
        raise UserError(f'--number {args.number} is too few; choose 1 or more.')
    if args.seed < 0:
        raise UserError(f'--seed {args.seed} is negative; choose 0 or more.')
    from fume_mm.drawing.tiles import lay_out
    from fume_mm.engine.config import load_config
    from fume_mm.io.files import file_name, make_folder
    from fume_mm.io.images import write_png
    from fume_mm.structures.marks import dataset_note

    cfg = load_config(args.config, args.cfg_options)
    dataset = build_dataset(cfg, args.split)
    note = dataset_note(dataset.metainfo)
    labels = Labels.from_meta(dataset.metainfo)
    out = args.out or Path(f'work_dirs/{Path(args.config).stem}/browse_{args.split}')
    make_folder(out)

    order = np.random.default_rng(args.seed).permutation(len(dataset))
    chosen = order[: args.number].tolist()
    panels: list[np.ndarray] = []
    for number, index in enumerate(
        tqdm(chosen, unit='sample', disable=None, file=sys.stderr)
    ):
        info = dataset.get_data_info(index)
        item = seeded_item(dataset, index, args.seed)
        panel = draw_item(item, set(info['frame_paths']), note, labels)
        name = file_name(info['sample_id'][:NAME_LENGTH])
        write_png(out / f'{number:03}_{name}.png', panel)
        if len(panels) < SHEET:
            panels.append(panel)
    write_png(out / SHEET_NAME, lay_out(panels, columns=SHEET_COLUMNS))
    print(
        f'wrote {len(chosen)} of {len(dataset)} samples of {args.split} and '
        f'{SHEET_NAME} to {out}'
    )


if __name__ == '__main__':
    run_cli(main)
