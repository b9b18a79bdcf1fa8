"""Hours in minutes: memory and open files of what runs long stay as they are."""

import os
import resource
import signal
import statistics
import time
from pathlib import Path

from tests.clips import write_clip

from .kills import campaign, train, uninterrupted
from .ledger import Fault
from .pickles import TINY
from .processes import Command, commands, until

#: How long each is watched, in minutes of the clock.
MINUTES = float(os.environ.get('FUME_MM_SOAK_MINUTES', '10'))
#: Growth of memory from the second quarter to the last that is none, MiB.
SLACK = 24.0
Sample = tuple[float, int]


def sample(pid: int) -> Sample:
    """MiB of memory, and open files, of a process."""
    pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
    opened = len(list(Path(f'/proc/{pid}/fd').iterdir()))
    return pages * resource.getpagesize() / 2**20, opened


def watch(command: Command, seconds: float) -> list[Sample]:
    """Two samples a second, while it runs."""
    found: list[Sample] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end and command.running:
        try:
            found.append(sample(command.pid))
        except OSError:  # it has just ended
            break
        time.sleep(0.5)
    return found


def growth(samples: list[Sample]) -> str:
    """What grew from the second quarter of the time to the last; '' if nothing did."""
    quarter = len(samples) // 4
    if quarter < 4:
        return 'ended before it could be watched'
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    memory = [statistics.median(x for x, _ in part) for part in (early, late)]
    files = [statistics.median(x for _, x in part) for part in (early, late)]
    if memory[1] - memory[0] > SLACK:
        return f'memory grew from {memory[0]:.0f} to {memory[1]:.0f} MiB'
    if files[1] > files[0]:
        return f'open files grew from {files[0]:g} to {files[1]:g}'
    return ''


def video(number: int, folder: Path) -> list[str]:
    """Predict a long video; an injection a minute."""
    uninterrupted(folder, 0, 1)
    clip = folder / 'long.avi'
    if not clip.is_file():
        write_clip(clip, round(MINUTES * 60 * 60), 25.0, codec='MJPG')
    weights = folder / 'whole_0_1/last.pth'
    words = ['demo/video_demo.py', TINY, weights, '--co2', clip, '--ch4', clip]
    out = f'--out-dir={folder / "video"}'
    with commands(Command(*words, out)) as (command,):
        until(lambda: any((folder / 'video').glob('*')), [command])
        found = growth(watch(command, 60 * MINUTES))
    return [found] + [''] * (max(round(MINUTES), 1) - 1)


def training(number: int, folder: Path) -> list[str]:
    """Train over many epochs with their validations and checkpoints."""
    campaign(folder)
    work_dir = folder / f'long_{number}'
    options = (
        'train_cfg.max_epochs=100000',
        'default_hooks.checkpoint.interval=100000',
        'custom_hooks.9.patience=100000',  # that of early stopping
    )
    with train(folder, work_dir, *options) as (command,):
        until(lambda: (work_dir / 'last.pth').exists(), [command])
        found = growth(watch(command, 60 * MINUTES))
        command.send(signal.SIGKILL)
    return [found] + [''] * (max(round(MINUTES), 1) - 1)


FAULTS = [
    Fault(
        f'{name}, minutes on end',
        round(MINUTES) or 1,
        f'memory (within {SLACK:.0f} MiB) and open files are flat',
        inject,
    )
    for name, inject in (('video', video), ('training', training))
]
