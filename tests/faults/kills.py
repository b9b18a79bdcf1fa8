"""Trainings that are killed and go on: they end as if nothing had happened."""

import hashlib
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

from fume_mm.errors import STOPPED, UserError
from fume_mm.io.weights import read_checkpoint
from tests.campaigns import make_campaign, pair_campaign

from .ledger import Fault
from .processes import PATIENCE, commands, fault_of, launcher, ranks, until

#: (workers, ranks) of the trainings.
KINDS = ((0, 1), (2, 1), (4, 1), (0, 2), (2, 2), (4, 2))
#: When they are killed, each as often as it stands here.
MOMENTS = ('saving', 'saving', 'validation', 'anywhere')
#: Kills of a training before it is left to end.
KILLS = 6


@cache
def campaign(folder: Path) -> Path:
    """A campaign of six vessels, 64x64; made if it is not there."""
    root = folder / 'campaign'
    if not (root / 'paired_test_annotations.csv').is_file():
        pair_campaign(make_campaign(root, size=(64, 64)))
    return root


def train(
    folder: Path,
    work_dir: Path,
    *options: str,
    workers: int = 0,
    count: int = 1,
    launched: bool = False,
) -> Any:
    """Start the tiny training, in as many processes, or in one that launches them."""
    words: list[object] = ['tools/train.py', 'tests/faults/tiny.py']
    resume = ['--resume'] if any(work_dir.glob('*.pth')) else []
    settings = [
        f'data_root={campaign(folder)}',
        f'train_dataloader.num_workers={workers}',
        f'val_dataloader.num_workers={workers}',
    ]
    words += [f'--work-dir={work_dir}', *resume, '--cfg-options', *settings, *options]
    if launched and count > 1:
        return commands(launcher(count, *words))
    return commands(*ranks(count, *words))


def outcome(work_dir: Path) -> dict[str, str]:
    """SHA-256 of what a finished run leaves: weights, best weights, early stopping."""
    found = {}
    for path in [work_dir / 'last.pth', *sorted(work_dir.glob('best_*.pth'))]:
        content = read_checkpoint(path)
        digest = hashlib.sha256()
        for name, value in sorted(content['state_dict'].items()):
            digest.update(name.encode())
            digest.update(value.numpy().tobytes())
        found[path.name] = digest.hexdigest()
    known = read_checkpoint(work_dir / 'last.pth')['message_hub']['runtime_info']
    found['early stopping'] = str(known.get('early_stopping'))
    return found


@cache
def uninterrupted(folder: Path, workers: int, count: int) -> dict[str, str]:
    """The outcome of a run that nothing happens to."""
    work_dir = folder / f'whole_{workers}_{count}'
    if not (work_dir / 'ended').is_file():
        with train(folder, work_dir, workers=workers, count=count) as running:
            codes = [x.wait(300) for x in running]
            assert codes == [0] * count, running[0].output[-2000:]
        (work_dir / 'ended').touch()
    return outcome(work_dir)


def iteration(work_dir: Path) -> int:
    """Of the newest checkpoint that can be read; 0 if there is none."""
    found = [0]
    for path in [*work_dir.glob('last*.pth'), *work_dir.glob('[ei]*_*.pth')]:
        try:
            found.append(int(read_checkpoint(path)['meta']['iter']))
        except (UserError, KeyError):
            continue
    return max(found)


def _wait_for(moment: str, chance: random.Random, work_dir: Path, running: Any) -> None:
    """Until a training is at such a moment, which one by chance."""
    known = set(work_dir.glob('2*/*.log'))

    def log() -> str:
        new = set(work_dir.glob('2*/*.log')) - known
        return ''.join(x.read_text(errors='replace') for x in new)

    if moment == 'saving':
        for _ in range(chance.randint(1, 3)):
            until(lambda: any(work_dir.glob('.*.part')), running)
            time.sleep(chance.uniform(0, 0.05))
    else:
        until(lambda: 'Epoch(train)' in log(), running)
        if moment == 'validation':
            until(lambda: re.search(r'Epoch\(train\) +\[\d+\]\[3/3\]', log()), running)
            time.sleep(chance.uniform(0, 0.4))
        else:
            time.sleep(chance.uniform(0, 2))


def kill(
    number: int, folder: Path, *, kills: int = KILLS, how: str = 'SIGKILL'
) -> list[str]:
    """Kill a training at random moments, or ask it to stop, until it is left to end.

    What has died may leave processes behind; the next is started beside them.
    """
    chance = random.Random(f'{how}{number}')
    workers, count = KINDS[number % len(KINDS)]
    kind = f'{workers} workers, {count} ranks'
    expected = uninterrupted(folder, workers, count)
    work_dir = folder / f'{how}_{number}'
    shutil.rmtree(work_dir, ignore_errors=True)
    results: list[str] = []
    with ExitStack() as left:
        for attempt in range(kills + 1):
            last = attempt == kills
            saved = iteration(work_dir)
            started = train(folder, work_dir, workers=workers, count=count)
            running = left.enter_context(started)
            if not last:
                moment = chance.choice(MOMENTS if how == 'SIGKILL' else MOMENTS[2:])
                _wait_for(moment, chance, work_dir, running)
                if all(x.running for x in running):
                    for command in running:
                        command.send(getattr(signal, how))
                    results.append('')
            codes = [x.wait(300 if last else PATIENCE) for x in running]
            text = running[0].output
            found = re.findall(r'resumed epoch: \d+, iter: (\d+)', text)
            if results and found and int(found[0]) < saved:
                results[-1] = f'{kind}: went on from {found[0]}, {saved} was saved'
            if codes == [STOPPED] * count and results:
                done = re.findall(r'stopped after iteration (\d+)', text)
                if done and int(done[-1]) > iteration(work_dir):
                    results[-1] = f'{kind}: stopped at {done[-1]}, which is not saved'
                continue
            if codes[0] == -signal.SIGKILL:
                continue
            fault = fault_of(codes[0], text, may_end=(0,))
            if fault:
                line = [x for x in text.splitlines() if 'error: ' in x]
                said = f'{kind}: {fault} {line[-1][:200] if line else ""}'
                return [*results[:-1], said]
            break
    known = outcome(work_dir)
    differs = [key for key, value in expected.items() if known.get(key) != value]
    if differs and results:
        results[-1] = f'{kind}: other {", ".join(differs)}'
    return results


def _inject(how: str) -> Callable[[int, Path], list[str]]:
    return lambda number, folder: kill(number, folder, how=how)


_HELD = (
    'SHA-256 of final and best weights and the early stopping equal those of an '
    'uninterrupted run; nothing before the last save is done again'
)
FAULTS = [
    Fault(
        'SIGKILL of a training, weighted to saving and validation',
        100,
        _HELD,
        _inject('SIGKILL'),
        weight=6,
    ),
    *(
        Fault(
            f'{how} to a training',
            20,
            f'status {STOPPED} within {PATIENCE:.0f} s; {_HELD}',
            _inject(how),
        )
        for how in ('SIGTERM', 'SIGUSR1')
    ),
]
