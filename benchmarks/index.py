"""How a dataset of many samples opens, and what its loader workers copy.

For each number of rows, a synthetic paired CSV is written to a temporary folder (no
frames) and opened by a fresh process: seconds, memory. Its loader workers then read
random samples, without their pixels, and report their private memory. What a worker of
a dataset of 1,000 rows holds is subtracted: that is Python itself. The contrast is a
plain list of the same dicts, up to a million rows. Needs Linux, and for ten million
rows some 10 GB of memory and 5 GB of disk in the temporary folder (TMPDIR moves it).
"""

import argparse
import copy
import gc
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Measured, add_numbers, at_least
from fume_mm.errors import UserError
from fume_mm.structures import HEALTH_CLASSES, NOMINAL_PH, health_class

CSV = 'paired_train_annotations.csv'
BASELINE_ROWS = 1_000
LIST_ROWS = 1_000_000  # a list of dicts takes some 2 kB a row
FRAMES_PER_VESSEL = 500
BATCH = 5_000
SPAWN_WORKERS = 2
SMAPS = Path('/proc/self/smaps_rollup')
MIB = 2**20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add this benchmark's options."""
    for name, least, default, text in (
        ('--rows', 1, (100_000, 1_000_000, 10_000_000), 'numbers of samples'),
        ('--workers', 0, (0, 2, 8), 'numbers of loader workers; 0: the process itself'),
    ):
        parser.add_argument(
            name,
            type=at_least(least),
            nargs='+',
            default=default,
            help=f'{text} ({", ".join(map(str, default))})',
        )
    parser.add_argument(
        '--starts',
        nargs='+',
        choices=('fork', 'spawn'),
        default=('fork', 'spawn'),
        help=f'how workers start; only {SPAWN_WORKERS} are spawned (both)',
    )
    add_numbers(parser, reads=(200_000, 1, 'random samples each worker reads'))


def progress(text: str) -> None:
    """Progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def lines(rows: int) -> Iterator[str]:
    """A paired CSV: of twenty samples one lacks CH4 and one CO2."""
    from fume_mm.datasets.paired_csv import EXTRA_COLUMNS, PAIRED_COLUMNS

    yield ','.join([*PAIRED_COLUMNS, *EXTRA_COLUMNS])
    phs = sorted(NOMINAL_PH, reverse=True)
    for row in range(rows):
        number, frame = divmod(row, FRAMES_PER_VESSEL)
        vessel, ph = f'v{number:06d}', phs[number % len(phs)]
        label = health_class(ph)
        health = f'{ph},{label},{HEALTH_CLASSES[label]}'
        co2, ch4 = (f'{vessel}_f{frame:04d}_{gas}' for gas in ('co2', 'ch4'))
        co2_files = f'frames/co2/{vessel}/{co2}.png,masks/co2/{vessel}/{co2}.png'
        ch4_files = f'frames/ch4/{vessel}/{ch4}.png,masks/ch4/{vessel}/{ch4}.png'
        if row % 20 == 7:
            yield f'{co2_files},,,{health},False,ch4,{co2},{vessel},'
        elif row % 20 == 13:
            yield f',,{ch4_files},{health},False,co2,{ch4},,{vessel}'
        else:
            ends = f'{health},True,,{co2}+{ch4},{vessel},{vessel}'
            yield f'{co2_files},{ch4_files},{ends}'


def write_campaign(root: Path, rows: int) -> int:
    """Write the CSV of a campaign; returns its bytes."""
    path = root / CSV
    with path.open('w', encoding='utf-8') as file:
        file.writelines(f'{line}\n' for line in lines(rows))
    return path.stat().st_size


def resident() -> dict[str, float]:
    """MiB that this process holds now and held at most."""
    status = Path('/proc/self/status').read_text(encoding='utf-8')
    now, peak = (re.search(rf'{key}:\s+(\d+) kB', status) for key in ('VmRSS', 'VmHWM'))
    assert now and peak
    return {'now': int(now[1]) / 1024, 'peak': int(peak[1]) / 1024}


def private() -> float:
    """MiB that this process shares with no other (USS)."""
    sizes = re.findall(r'Private_(?:Clean|Dirty):\s+(\d+) kB', SMAPS.read_text())
    return sum(map(int, sizes)) / 1024


class Keys:
    """The keys of ``get_data_info`` of each sample of a dataset or list; no pixels."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[str, ...]:
        if isinstance(self.dataset, list):
            return tuple(copy.deepcopy(self.dataset[index]))  # as MMEngine does
        return tuple(self.dataset.get_data_info(index))


def collate(before: float, items: list[tuple[str, ...]]) -> tuple[int, float, int]:
    """Collate: worker, its private MiB (less ``before`` without workers), samples."""
    from torch.utils.data import get_worker_info

    worker = get_worker_info()
    if worker is None:
        return 0, private() - before, len(items)
    return worker.id, private(), len(items)


def load(keys: Keys, *, workers: int, start: str | None, reads: int) -> dict[str, Any]:
    """Let workers read random samples; the memory of each when it has read all."""
    from torch.utils.data import DataLoader

    number = reads * max(workers, 1)
    order = np.random.default_rng(0).integers(len(keys), size=number).tolist()
    loader: DataLoader = DataLoader(
        keys,  # type: ignore[arg-type]
        batch_size=min(BATCH, reads),
        sampler=order,
        num_workers=workers,
        multiprocessing_context=start,
        collate_fn=partial(collate, 0.0 if workers else private()),
    )
    begin = time.perf_counter()
    first = None
    memory: dict[int, float] = {}
    read = 0
    for worker, size, count in loader:
        first = first or time.perf_counter() - begin
        memory[worker] = size
        read += count
    assert read == number
    return {
        'workers': workers,
        'start': start,
        'first_batch_seconds': first,
        'samples_per_second': read / (time.perf_counter() - begin),
        'private_mib': [memory[worker] for worker in sorted(memory)],
    }


def measure_root(
    root: str, *, workers: Sequence[int], starts: Sequence[str], reads: int
) -> dict[str, Any]:
    """Open the dataset in ``root`` and read from it with each number of workers."""
    from fume_mm.datasets.dual_gas_dataset import DualGasDataset

    # More workers than cores are meant here: memory is measured, not speed.
    warnings.filterwarnings('ignore', 'This DataLoader will create', UserWarning)
    before = resident()
    begin = time.perf_counter(), time.process_time()
    dataset = DualGasDataset(CSV, data_root=root, check_files=False)
    seconds, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
    after = resident()
    gc.collect()
    rows = len(dataset)
    progress(f'  opened in {seconds:.1f} s')
    opened = {
        'rows': rows,
        'seconds': seconds,
        'cpu_seconds': cpu,
        'seconds_per_million': seconds / rows * 1e6,
        'before_mib': before['now'],
        'peak_mib': after['peak'],
        'after_mib': after['now'],
        'index_mib': (dataset.data_bytes.nbytes + dataset.data_address.nbytes) / MIB,
        'load_average': round(os.getloadavg()[0], 2),
    }
    cases: list[tuple[str, int, str | None]] = [
        ('index', number, 'fork' if number else None)
        for number in workers
        if not number or 'fork' in starts
    ]
    forked = [number for _, number, start in cases if start]
    if forked and rows <= LIST_ROWS:
        # With the fewest: each of them copies what it reads.
        cases.append(('list', min(forked), 'fork'))
    if 'spawn' in starts and SPAWN_WORKERS in workers:
        cases.append(('index', SPAWN_WORKERS, 'spawn'))
    loaded = []
    for index, number, start in cases:
        plain = index == 'list'
        keys = Keys([*map(dataset.get_data_info, range(rows))] if plain else dataset)
        result = load(keys, workers=number, start=start, reads=reads)
        del keys
        loaded.append({'rows': rows, 'index': index, **result})
        progress(f'  read by {number} workers ({start or "this process"}), {index}')
    return {'opened': opened, 'loaded': loaded}


def in_fresh_process(rows: int, args: argparse.Namespace) -> dict[str, Any]:
    """Write a campaign of so many rows and measure it in a process of its own."""
    progress(f'{rows:,} rows: writing the CSV')
    with tempfile.TemporaryDirectory(prefix='fume_mm_index_') as folder:
        begin = time.perf_counter()
        size = write_campaign(Path(folder), rows)
        progress(
            f'  {size / MIB:,.0f} MiB in {time.perf_counter() - begin:.1f} s; opening'
        )
        context = multiprocessing.get_context('spawn')
        work = partial(
            measure_root, workers=args.workers, starts=args.starts, reads=args.reads
        )
        try:
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                result = pool.submit(work, folder).result()
        except BrokenProcessPool:
            raise UserError(
                f'the process that opened {rows:,} rows was killed, most likely for '
                'its memory; choose fewer --rows.'
            ) from None
    result['opened']['csv_mib'] = size / MIB
    return result


def measure(args: argparse.Namespace) -> Measured:
    """Measure every number of rows."""
    if not SMAPS.exists():
        raise UserError(f'{SMAPS} does not exist; measure on Linux.')
    small = in_fresh_process(BASELINE_ROWS, args)
    cases = [in_fresh_process(rows, args) for rows in args.rows]
    loaded = [row for case in cases for row in case['loaded']]
    usual = {
        (row['workers'], row['start']): statistics.median(row['private_mib'])
        for row in small['loaded']
        if row['index'] == 'index'
    }
    for row in loaded:
        of_small = usual[row['workers'], row['start']]
        row['beyond_baseline_mib'] = max(row['private_mib']) - of_small
    opened = [case['opened'] for case in cases]
    content = {
        'unit': 'seconds and MiB',
        'reads_per_worker': args.reads,
        'baseline_rows': BASELINE_ROWS,
        'baseline': small,
        'opened': opened,
        'loaded': loaded,
    }
    table = [{**row, 'private_mib': max(row['private_mib'])} for row in loaded]
    notes = [
        f'{row["rows"]:,} rows opened in {row["seconds"]:.1f} s '
        f'({row["cpu_seconds"]:.1f} of CPU time), peak {row["peak_mib"]:,.0f} MiB, '
        f'then {row["after_mib"]:,.0f}, of which the index {row["index_mib"]:,.1f}'
        for row in opened
    ]
    notes.append(
        f'private: the largest worker, after {args.reads:,} samples each; beyond: '
        f'above one of {BASELINE_ROWS:,} rows (0 workers: what reading added)'
    )
    return Measured(content, table, notes)
