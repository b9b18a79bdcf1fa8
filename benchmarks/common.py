"""What all benchmarks share: options, clocks, spread, and what a number depends on."""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import cv2
import numpy as np

from fume_mm.io.provenance import commit, machine, versions

#: Packages beside those of ``versions()`` that a number may depend on.
PACKAGES = ('onnxruntime', 'openvino', 'pandas', 'monai')


@dataclass(frozen=True)
class Measured:
    """What a benchmark found."""

    content: dict[str, Any]  #: for the JSON
    rows: list[dict[str, Any]]  #: the table that is printed, by column
    notes: Sequence[str] = field(default_factory=tuple)  #: lines below it


def at_least(least: int) -> Callable[[str], int]:
    """The type of an option that is a whole number, ``least`` or more."""

    def number(text: str) -> int:
        if not text.lstrip('-').isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(
                f'is {text}; choose a whole number, {least} or more'
            )
        return int(text)

    return number


def add_numbers(
    parser: argparse.ArgumentParser, **options: tuple[int, int, str]
) -> None:
    """Add options that are whole numbers: the default, the least, what they are."""
    for name, (default, least, text) in options.items():
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            type=at_least(least),
            default=default,
            help=f'{text} (%(default)s)',
        )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add ``--threads``."""
    text = "threads of the engine (default: the engine's)"
    parser.add_argument('--threads', type=at_least(1), help=text)


def add_size(parser: argparse.ArgumentParser, *, least: int = 1) -> None:
    """Add ``--size``."""
    parser.add_argument(
        '--size',
        type=at_least(least),
        nargs=2,
        default=(640, 480),
        metavar=('WIDTH', 'HEIGHT'),
        help='pixels of a frame (640 480)',
    )


def clock(
    work: Callable[[], Any],
    *,
    repeats: int,
    warmup: int = 1,
    done: Callable[[], Any] = lambda: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Time ``work`` again and again.

    Args:
        work: What is timed.
        repeats: Calls that count.
        warmup: Calls before, which do not.
        done: Waits until the work is done (of a GPU), before each reading.

    Returns:
        Seconds of each call by the clock, which is what a user waits for, and of this
        process's CPU time, which leaves out what else the machine does.
    """
    for _ in range(warmup):
        work()
    wall, cpu = np.empty(repeats), np.empty(repeats)
    for number in range(repeats):
        done()
        start = time.perf_counter(), time.process_time()
        work()
        done()
        wall[number] = time.perf_counter() - start[0]
        cpu[number] = time.process_time() - start[1]
    return wall, cpu


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Median, quartiles, 95th percentile and both ends, and of how many."""
    names = ('lowest', 'p25', 'median', 'p75', 'p95', 'highest')
    found = np.percentile(values, (0, 25, 50, 75, 95, 100)).tolist()
    return {**dict(zip(names, found, strict=True)), 'n': len(values)}


def environment() -> dict[str, Any]:
    """What a number depends on; taken before the work, which is a load of its own."""
    found = {**machine(), 'omp_num_threads': os.environ.get('OMP_NUM_THREADS')}
    with suppress(ValueError):  # not every system says
        pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
        found['memory_gib'] = round(pages / 2**30, 1)
    found |= {**versions(), 'opencv': cv2.__version__}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {**found, 'commit': commit()}
