"""Disks that fill and folders that cannot be written to."""

import json
import random
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

import pandas as pd
from PIL import Image

from tests.clips import write_clip

from .kills import campaign, uninterrupted
from .ledger import Fault
from .pickles import EXAMPLE, TINY
from .processes import fault_of, run

#: What writes, ``<>`` the folder, ``{}`` a checkpoint of the tiny training, ``[]`` the
#: folder of what is there.
COMMANDS = {
    'simulate_ogi.py': 'tools/dataset_converters/simulate_ogi.py <>/c --preset smoke '
    '--vessels 6 --frames-per-vessel 1 --workers 1',
    'pair_gases.py': 'tools/dataset_converters/pair_gases.py [] --out <>',
    'train.py': f'tools/train.py {TINY} --work-dir=<>/run --cfg-options data_root=[] '
    'train_cfg.max_epochs=1',
    'test.py': f'tools/test.py {TINY} {{}} --work-dir=<>/run --out <>/masks --show-dir '
    '<>/panels --resamples 20 --cfg-options data_root=[]',
    'image_demo.py': f'demo/image_demo.py {TINY} {{}} --co2 {EXAMPLE} --out-dir <>',
    'video_demo.py': f'demo/video_demo.py {TINY} {{}} --co2 []/../clip.avi '
    + '--out-dir <>',
    'pack_weights.py': f'tools/model_converters/pack_weights.py {TINY} {{}} '
    '<>/x.safetensors',
    'prelabel.py': f'tools/dataset_converters/prelabel.py demo/examples {TINY} {{}} '
    '--gas co2 --out <>',
    'clip_to_frames.py': 'tools/dataset_converters/clip_to_frames.py []/../clip.avi '
    '--gas co2 --out <>',
}


@contextmanager
def small_disk(place: Path, kilobytes: int, *, read_only: bool) -> Iterator[None]:
    """A file system of its own at ``place``; needs the rights to mount one."""
    place.mkdir(parents=True, exist_ok=True)
    option = f'size={max(kilobytes, 4)}k'
    mount = ['mount', '-t', 'tmpfs', '-o', option, 'tmpfs', str(place)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        if read_only:
            again = ['mount', '-o', 'remount,ro', str(place)]
            subprocess.run(again, check=True, capture_output=True)
        yield
    finally:
        subprocess.run(['umount', '-l', str(place)], check=True)


def limit_files(most: int) -> None:
    """No file may become longer: writing more fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def torn(folder: Path) -> str:
    """The first file under its final name that is not whole; '' if none is.

    Logs are written line by line and may end anywhere.
    """
    from fume_mm.io.weights import read_checkpoint

    readers: dict[str, Callable[[Path], object]] = {
        '.json': lambda path: json.loads(path.read_text()),
        '.png': lambda path: Image.open(path).load(),
        '.csv': pd.read_csv,
        '.pth': read_checkpoint,
        '.safetensors': read_checkpoint,
    }
    for path in sorted(folder.rglob('*')):
        reader = readers.get(path.suffix)
        log = path.parent.name == 'vis_data' or path.name.startswith('.')
        if reader is None or log or not path.is_file():
            continue
        try:
            reader(path)
        except (OSError, ValueError) as error:
            return f'{path.name} is torn ({error})'[:150]
    return ''


@cache
def words_of(name: str, place: Path, folder: Path) -> list[str]:
    """The command line, which is known to end well where there is room."""
    uninterrupted(folder, 0, 1)
    if not (folder / 'clip.avi').is_file():
        write_clip(folder / 'clip.avi', 40, 25.0, codec='MJPG')
    line = COMMANDS[name].replace('<>', str(place))
    line = line.replace('[]', str(campaign(folder)))
    words = line.replace('{}', str(folder / 'whole_0_1/last.pth')).split()
    place.mkdir(exist_ok=True)
    done = run(*words)
    shutil.rmtree(place)
    assert done.returncode == 0, done.stdout[-1000:]
    return words


def fill(kind: str, number: int, folder: Path) -> list[str]:
    """Let a command write where there is no room."""
    chance = random.Random(f'{kind}{number}')
    name = [*COMMANDS][number % len(COMMANDS)]
    place = folder / 'disk'
    words = words_of(name, place, folder)
    kilobytes = round(2 ** chance.uniform(0, 14))
    if kind == 'file size limit':
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        done = run(*words, setup=partial(limit_files, kilobytes << 10))
        found = torn(place)
    else:
        with small_disk(place, kilobytes, read_only=kind == 'read-only folder'):
            done = run(*words)
            found = torn(place)
    fault = fault_of(done.returncode, done.stdout)
    if fault or found:
        return [f'{name}: {fault or found} <- {kilobytes} KiB']
    return ['']


def can_mount(folder: Path) -> bool:
    """Whether this user may mount a file system."""
    try:
        with small_disk(folder, 64, read_only=False):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def _inject(kind: str) -> Callable[[int, Path], list[str]]:
    def inject(number: int, folder: Path) -> list[str]:
        if kind != 'file size limit' and not can_mount(folder / 'disk'):
            return ['no rights to mount a file system']
        return fill(kind, number, folder)

    return inject


FAULTS = [
    Fault(
        f'{kind}, {len(COMMANDS)} commands',
        goal,
        'one message, or all is written; no torn file under its name',
        _inject(kind),
    )
    for kind, goal in (
        ('full disk', 60),
        ('read-only folder', len(COMMANDS)),
        ('file size limit', 60),
    )
]
