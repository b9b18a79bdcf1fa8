"""Simulate a dual-gas OGI campaign in the owners' dataset layout.

    python tools/dataset_converters/simulate_ogi.py data/ogi_sim --seed 42

The same options and seed give the same bytes, with any number of workers; a command
that was stopped continues where it was.
"""

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fume_mm.errors import UserError, run_cli
from fume_mm.simulation import (
    PRESETS,
    SIZES,
    CampaignParameters,
    frames_of,
    holds_campaign,
    plan_vessels,
    use_one_thread,
    with_copies,
    write_campaign,
)


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    sizes = ', '.join(f'{width}x{height}' for width, height in SIZES)
    presets = ', '.join(
        f'{name} ({_extent(preset)}, {preset.size[0]}x{preset.size[1]})'
        for name, preset in PRESETS.items()
    )
    parser = argparse.ArgumentParser(
        description='Simulate a dual-gas OGI campaign in the dataset layout of FUME.'
    )
    parser.add_argument('out', type=Path, help='folder of the campaign')
    parser.add_argument('--seed', type=int, default=42, help='0 or more (42)')
    parser.add_argument(
        '--preset', default='demo', help=f'what to start from: {presets}'
    )
    parser.add_argument('--vessels', type=int, help='number of vessels')
    parser.add_argument('--frames-per-vessel', type=int, help='samples of each vessel')
    parser.add_argument('--size', help=f'frame size: {sizes}')
    parser.add_argument(
        '--missing-co2', type=float, help='share of samples without a CO2 frame'
    )
    parser.add_argument(
        '--missing-ch4', type=float, help='share of samples without a CH4 frame'
    )
    parser.add_argument(
        '--gas-free',
        action='store_true',
        help='render the same campaign with no gas released (a control set)',
    )
    parser.add_argument(
        '--copies',
        type=int,
        help="frames made of each original by flips, rotations, ...; the owners' 21",
    )
    parser.add_argument(
        '--video',
        type=float,
        metavar='SECONDS',
        help='make each sample a clip: a folder of frames and an AVI',
    )
    parser.add_argument(
        '--label-every',
        type=int,
        help='in clips, label and annotate every n-th frame (15)',
    )
    parser.add_argument(
        '--truth',
        action='store_true',
        help='store the true column density of each original beside it',
    )
    parser.add_argument('--workers', type=int, help='processes (one per CPU)')
    parser.add_argument(
        '--force',
        action='store_true',
        help='replace the simulated campaign in the folder',
    )
    return parser.parse_args()


def _extent(preset: CampaignParameters) -> str:
    if preset.counts is None:
        return f'{preset.vessels} vessels x {preset.frames_per_vessel} samples'
    frames = sum(sum(by_gas.values()) for by_gas in preset.counts.values())
    return f'{frames} frames'


def campaign_parameters(args: argparse.Namespace) -> CampaignParameters:
    """The preset with the options laid over it."""
    if args.preset not in PRESETS:
        raise UserError(
            f'--preset {args.preset} does not exist; choose {", ".join(PRESETS)}.'
        )
    preset = PRESETS[args.preset]
    names = ('vessels', 'frames_per_vessel', 'missing_co2', 'missing_ch4')
    changes: dict[str, Any] = {
        name: getattr(args, name) for name in names if getattr(args, name) is not None
    }
    for name in ('vessels', 'missing_co2', 'missing_ch4'):
        if preset.counts is not None and name in changes:
            raise UserError(
                f'--{name.replace("_", "-")} does not go with --preset {args.preset}, '
                'which fixes its frames by pH and gas; leave it out or choose another '
                'preset.'
            )
    if args.video is not None:
        changes['video_seconds'] = args.video
        preset = with_copies(preset, 1)
    if args.label_every is not None:
        changes['label_every'] = args.label_every
    if args.copies is not None:
        preset = with_copies(preset, args.copies)
    if args.size is not None:
        sizes = {f'{width}x{height}': (width, height) for width, height in SIZES}
        if args.size not in sizes:
            raise UserError(
                f'--size {args.size} is not a size of the camera; choose '
                f'{" or ".join(sizes)}.'
            )
        changes['size'] = sizes[args.size]
    return dataclasses.replace(
        preset, gas_free=args.gas_free, truth=args.truth, **changes
    )


def print_summary(out: Path, manifest: dict[str, Any]) -> None:
    """A few lines on what the campaign holds."""
    counts = manifest['counts']

    def tally(key: str) -> str:
        return ', '.join(f'{name} {count}' for name, count in counts[key].items())

    print(f'{out}: simulated campaign {manifest["name"]!r}, seed {manifest["seed"]}')
    print(
        f'  {counts["vessels"]} vessels, {counts["samples"]} samples, '
        f'{counts["frames"]} frames ({counts["frames_without_gas"]} without gas)'
    )
    print(f'  samples by split: {tally("samples_by_split")}')
    print(f'  samples by class: {tally("samples_by_class")}')
    print(f'  frames by gas: {tally("frames_by_gas")}')


def main() -> None:
    """Simulate, unless the folder already holds this campaign."""
    args = parse_args()
    parameters = campaign_parameters(args)
    workers = args.workers if args.workers is not None else os.cpu_count() or 1
    out = args.out
    if not args.force and holds_campaign(out, parameters=parameters, seed=args.seed):
        print(f'{out} already holds this campaign, complete; nothing to do.')
        return
    use_one_thread()
    plan = plan_vessels(parameters, seed=args.seed)
    frames = sum(frames_of(vessel, parameters) for vessel in plan)
    with tqdm(total=frames, unit='frame', disable=None, file=sys.stderr) as bar:
        manifest = write_campaign(
            out,
            parameters=parameters,
            seed=args.seed,
            workers=workers,
            resume=not args.force,
            on_frames=bar.update,
        )
    print_summary(out, manifest)


if __name__ == '__main__':
    run_cli(main)
