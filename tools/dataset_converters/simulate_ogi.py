"""Simulate a dual-gas OGI campaign in the owners' dataset layout.

    python tools/dataset_converters/simulate_ogi.py data/ogi_sim --seed 42

The same options and seed give the same bytes, with any number of workers; a command
that was stopped continues where it was.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fume_mm.engine.options import make_parser
from fume_mm.errors import run_cli
from fume_mm.simulation import (
    PRESETS,
    SIZES,
    adapt_preset,
    frames_of,
    holds_campaign,
    plan_vessels,
    use_one_thread,
    write_campaign,
)


def parse_args() -> tuple[argparse.Namespace, dict[str, Any]]:
    """The command line's arguments, and those that change the preset."""
    sizes = ', '.join(f'{width}x{height}' for width, height in SIZES)
    parser = make_parser(__doc__)
    parser.add_argument('out', type=Path, help='folder of the campaign')
    parser.add_argument('--seed', type=int, default=42, help='0 or more (42)')
    parser.add_argument('--workers', type=int, help='processes (one per CPU)')
    parser.add_argument(
        '--force',
        action='store_true',
        help='replace the simulated campaign in the folder',
    )
    parser.add_argument(
        '--preset',
        default='demo',
        help=f'what to start from: {", ".join(PRESETS)} (demo)',
    )
    preset = parser.add_argument_group('what differs from the preset')
    changes = [
        preset.add_argument('--vessels', type=int, help='number of vessels'),
        preset.add_argument(
            '--frames-per-vessel', type=int, help='samples of each vessel'
        ),
        preset.add_argument('--size', type=_size, help=f'frame size: {sizes}'),
        preset.add_argument(
            '--missing-co2', type=float, help='share of samples without a CO2 frame'
        ),
        preset.add_argument(
            '--missing-ch4', type=float, help='share of samples without a CH4 frame'
        ),
        preset.add_argument(
            '--gas-free',
            action='store_true',
            help='render the same campaign with no gas released (a control set)',
        ),
        preset.add_argument(
            '--copies',
            type=int,
            help="frames made of each original by flips, ...; the owners' 21",
        ),
        preset.add_argument(
            '--video',
            dest='video_seconds',
            type=float,
            metavar='SECONDS',
            help='make each sample a clip: a folder of frames and an AVI',
        ),
        preset.add_argument(
            '--label-every',
            type=int,
            help='in clips, label and annotate every n-th frame (15)',
        ),
        preset.add_argument(
            '--truth',
            action='store_true',
            help='store the true column density of each original beside it',
        ),
    ]
    args = parser.parse_args()
    return args, {change.dest: getattr(args, change.dest) for change in changes}


def _size(text: str) -> tuple[int, ...]:
    return tuple(int(side) for side in text.split('x'))


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
    args, changes = parse_args()
    parameters = adapt_preset(args.preset, **changes)
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
