"""How many frames a second the simulator makes on one core.

For each frame size, rendering alone and rendering with PNG files written; a repeat
renders every vessel of a small campaign once, both gases.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.common import Measured, add_numbers, clock, spread
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


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    add_numbers(
        parser,
        repeats=(7, 1, 'repeats of each case'),
        vessels=(6, 6, 'vessels of a repeat'),
        frames_per_vessel=(5, 1, 'samples of each vessel'),
    )


def render(parameters: CampaignParameters) -> None:
    """Render a campaign's frames and masks and drop them."""
    for vessel in plan_vessels(parameters, seed=SEED):
        for _ in render_vessel(parameters, vessel, seed=SEED):
            pass


def write(parameters: CampaignParameters) -> None:
    """Write a campaign to a temporary folder, in one process."""
    with tempfile.TemporaryDirectory() as folder:
        write_campaign(Path(folder), parameters=parameters, seed=SEED)


def measure(args: argparse.Namespace) -> Measured:
    """Time every size and work."""
    use_one_thread()
    frames = 2 * args.vessels * args.frames_per_vessel
    results = []
    for size in SIZES:
        parameters = CampaignParameters(
            name='benchmark',
            vessels=args.vessels,
            frames_per_vessel=args.frames_per_vessel,
            size=size,
            missing_co2=0.0,
            missing_ch4=0.0,
        )
        for work in (render, write):
            wall, cpu = clock(partial(work, parameters), repeats=args.repeats)
            results.append(
                {
                    'size': f'{size[0]}x{size[1]}',
                    'work': work.__name__,
                    **spread(frames / wall),
                    'median_cpu': spread(frames / cpu)['median'],
                }
            )
    columns = ('size', 'work', 'median', 'lowest', 'highest', 'median_cpu')
    content = {
        'unit': 'frames per second on one core',
        'simulator': SIMULATOR_VERSION,
        'repeats': args.repeats,
        'frames_per_repeat': frames,
        'results': results,
    }
    note = f'frames/s on one core, {args.repeats} repeats of {frames} frames'
    table = [{key: row[key] for key in columns} for row in results]
    return Measured(content, table, [note])
