"""Parts of a training that die or stand still: its loaders' workers, its ranks."""

import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from .kills import outcome, train, uninterrupted
from .ledger import Fault
from .processes import PATIENCE, fault_of, until

DEATHS = {'killed': signal.SIGKILL, 'stopped': signal.SIGSTOP}


def strike(part: str, death: str, number: int, folder: Path) -> list[str]:
    """Kill or stop a worker or a rank; then the training must go on to its end."""
    chance = random.Random(f'{part}{death}{number}')
    workers, count = (0, 2) if part == 'rank' else (2, 1)
    expected = uninterrupted(folder, workers, count)
    work_dir = folder / f'{part}_{death}_{number}'
    shutil.rmtree(work_dir, ignore_errors=True)
    with train(folder, work_dir, workers=workers, count=count, launched=True) as (
        first,
    ):

        def ready() -> bool:
            started = 'Epoch(train)' in first.output
            return started and len(first.children()) >= (workers or count)

        if not until(ready, [first]):
            return []  # it was over before
        time.sleep(chance.uniform(0, 0.5) if part == 'rank' else 0)
        # the youngest: the last rank, or a worker
        for pid in sorted(first.children())[-1:]:
            first.send_to(pid, DEATHS[death])
        code = first.wait(PATIENCE)
        fault = fault_of(code, first.output)
        if code is not None and code not in (0, 2) and 'Traceback' not in first.output:
            fault = '' if 'error: ' in first.output else fault
    if fault:
        return [fault]
    with train(folder, work_dir, workers=workers, count=count) as running:
        codes = [x.wait(300) for x in running]
        if codes[0] != 0:
            return [f'cannot go on: {running[0].output[-200:]}']
    return ['' if outcome(work_dir) == expected else 'ends with other weights']


def _inject(part: str, death: str) -> Callable[[int, Path], list[str]]:
    return lambda number, folder: strike(part, death, number, folder)


FAULTS = [
    Fault(
        f'{part} {death} while training',
        10,
        f'one message within {PATIENCE:.0f} s; then resumed to the same weights',
        _inject(part, death),
    )
    for part in ('worker', 'rank')
    for death in DEATHS
]
