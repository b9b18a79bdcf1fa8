"""Measure how many frames a second the simulator makes on one core.

For each frame size, rendering alone and rendering with PNG files written; a repeat
renders every vessel of a small campaign once, both gases.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.errors import UserError, run_cli
from fume_mm.io.provenance import commit, machine
from fume_mm.simulation import (
    SIMULATOR_VERSION,
    SIZES,
    CampaignParameters,
    plan_vessels,
    render_vessel,
    use_one_thread,
    write_campaign,
)

SEED = 0


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--repeats', type=int, default=7, help='repeats of each case')
    parser.add_argument('--vessels', type=int, default=6, help='vessels of a repeat')
    parser.add_argument(
        '--frames-per-vessel', type=int, default=5, help='samples of each vessel'
    )
    parser.add_argument(
        '--json', type=Path, help='where to write the result, if wanted'
    )
    return parser.parse_args()


def render(parameters: CampaignParameters) -> None:
    """Render a campaign's frames and masks and drop them."""
    for vessel in plan_vessels(parameters, seed=SEED):
        for _ in render_vessel(parameters, vessel, seed=SEED):
            pass


def write(parameters: CampaignParameters) -> None:
    """Write a campaign to a temporary folder, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        write_campaign(Path(folder), parameters=parameters, seed=SEED)


def measure(work: Callable[[], None], *, frames: int, repeats: int) -> dict[str, float]:
    """Frames a second over ``repeats`` calls of ``work``, after one to warm up.

    By the clock, which is what a user waits for and includes what else the machine
    does; ``median_cpu`` by this process's CPU time, which does not.
    """
    work()
    wall, cpu = [], []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        work()
        wall.append(frames / (time.perf_counter() - start[0]))
        cpu.append(frames / (time.process_time() - start[1]))
    return {
        'median': statistics.median(wall),
        'lowest': min(wall),
        'highest': max(wall),
        'median_cpu': statistics.median(cpu),
    }


def environment() -> dict[str, Any]:
    """What a speed depends on."""
    return {
        **machine(),
        'python': platform.python_version(),
        'numpy': np.__version__,
        'opencv': cv2.__version__,
        'simulator': SIMULATOR_VERSION,
        'commit': commit(),
    }


def main() -> None:
    """Measure every case and print a table."""
    args = parse_args()
    if args.repeats < 1:
        raise UserError(f'--repeats is {args.repeats}; choose 1 or more.')
    use_one_thread()
    about = environment()
    results = []
    print(
        f'{"size":8} {"work":7} {"median":>7} {"lowest":>7} {"highest":>7}  per CPU s'
    )
    for size in SIZES:
        parameters = CampaignParameters(
            name='benchmark',
            vessels=args.vessels,
            frames_per_vessel=args.frames_per_vessel,
            size=size,
            missing_co2=0.0,
            missing_ch4=0.0,
        )
        frames = 2 * args.vessels * args.frames_per_vessel
        for name, work in (('render', render), ('write', write)):
            speed = measure(
                lambda work=work, parameters=parameters: work(parameters),
                frames=frames,
                repeats=args.repeats,
            )
            row = {'size': f'{size[0]}x{size[1]}', 'work': name, **speed}
            results.append(row)
            print(
                f'{row["size"]:8} {name:7} {speed["median"]:7.1f} '
                f'{speed["lowest"]:7.1f} {speed["highest"]:7.1f}  '
                f'{speed["median_cpu"]:9.1f}',
                flush=True,
            )
    print(
        f'frames/s on one core of {about["cpu"]}, {args.repeats} repeats of {frames} '
        f'frames; {about["cores"]} cores under a load of {about["load_average"]}'
    )
    if args.json is not None:
        report = {
            'unit': 'frames per second on one core',
            'repeats': args.repeats,
            'frames_per_repeat': frames,
            'results': results,
            'environment': about,
        }
        try:
            args.json.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
        except OSError as error:
            raise UserError(
                f'{args.json} cannot be written ({error.strerror}); name another file.'
            ) from error


if __name__ == '__main__':
    run_cli(main)
