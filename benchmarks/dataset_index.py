"""Measure how a dataset of many samples opens, and what its loader workers copy.

For each number of rows, a synthetic paired CSV is written to a temporary folder (no
frames) and opened by a fresh process: seconds, memory. Its loader workers then read
random samples, without their pixels, and tell their private memory. What a worker of a
dataset of 1,000 rows holds is subtracted: that is Python itself. The contrast is a
plain list of the same dicts, up to a million rows. Needs Linux, and for ten million
rows some 10 GB of memory and 5 GB of disk in the temporary folder (TMPDIR moves it).
"""

import argparse
import copy
import gc
import json
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
import pandas as pd
from torch.utils.data import DataLoader, Dataset, get_worker_info

from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.pairing import EXTRA_COLUMNS, PAIRED_COLUMNS
from fume_mm.errors import UserError, run_cli
from fume_mm.io.provenance import commit, machine, versions
from fume_mm.structures import HEALTH_CLASSES, health_class

CSV = 'paired_train_annotations.csv'
BASELINE_ROWS = 1_000
LIST_ROWS = 1_000_000  # a list of dicts takes some 2 kB a row
FRAMES_PER_VESSEL = 500
PH_VALUES = (6.5, 6.2, 5.9, 5.6, 5.3, 5.0)
BATCH = 5_000
SPAWN_WORKERS = 2
SMAPS = Path('/proc/self/smaps_rollup')
MIB = 2**20


def parse_args() -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument(
        '--rows',
        type=int,
        nargs='+',
        default=[100_000, 1_000_000, 10_000_000],
        help='numbers of samples',
    )
    parser.add_argument(
        '--workers',
        type=int,
        nargs='+',
        default=[0, 2, 8],
        help='numbers of loader workers; 0 is the process itself',
    )
    parser.add_argument(
        '--starts',
        nargs='+',
        choices=('fork', 'spawn'),
        default=['fork', 'spawn'],
        help=f'how workers start; only {SPAWN_WORKERS} are spawned',
    )
    parser.add_argument(
        '--reads', type=int, default=200_000, help='random samples each worker reads'
    )
    parser.add_argument(
        '--json', type=Path, help='where to write the result, if wanted'
    )
    return parser.parse_args()


def say(text: str) -> None:
    """Progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


# -- a campaign ----------------------------------------------------------------------


def lines(rows: int) -> Iterator[str]:
    """A paired CSV: of twenty samples one lacks CH4 and one CO2."""
    yield ','.join([*PAIRED_COLUMNS, *EXTRA_COLUMNS])
    for row in range(rows):
        number, frame = divmod(row, FRAMES_PER_VESSEL)
        vessel, ph = f'v{number:06d}', PH_VALUES[number % len(PH_VALUES)]
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


# -- measuring, in a process of its own ----------------------------------------------


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


class Keys(Dataset):
    """What :meth:`get_data_info` says of a sample, by key; no pixels."""

    def __init__(self, dataset: DualGasDataset | Sequence[dict]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[str, ...]:
        if isinstance(self.dataset, DualGasDataset):
            return tuple(self.dataset.get_data_info(index))
        return tuple(copy.deepcopy(self.dataset[index]))  # as MMEngine does


def tell(before: float, items: list[tuple[str, ...]]) -> tuple[int, float, int]:
    """Collate: worker, its private MiB (less ``before`` without workers), samples."""
    worker = get_worker_info()
    if worker is None:
        return 0, private() - before, len(items)
    return worker.id, private(), len(items)


def load(keys: Keys, *, workers: int, start: str | None, reads: int) -> dict[str, Any]:
    """Let workers read random samples; the memory of each when it has read all."""
    number = reads * max(workers, 1)
    order = np.random.default_rng(0).integers(len(keys), size=number).tolist()
    loader: DataLoader = DataLoader(
        keys,
        batch_size=min(BATCH, reads),
        sampler=order,
        num_workers=workers,
        multiprocessing_context=start,
        collate_fn=partial(tell, 0.0 if workers else private()),
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


def measure(
    root: str, *, workers: Sequence[int], starts: Sequence[str], reads: int
) -> dict[str, Any]:
    """Open the dataset in ``root`` and read from it with each number of workers."""
    # More workers than cores are meant here: memory is measured, not speed.
    warnings.filterwarnings('ignore', 'This DataLoader will create', UserWarning)
    before = resident()
    begin = time.perf_counter(), time.process_time()
    dataset = DualGasDataset(CSV, data_root=root, check_files=False)
    seconds, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
    after = resident()
    gc.collect()
    rows = len(dataset)
    say(f'  opened in {seconds:.1f} s')
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
        say(f'  read by {number} workers ({start or "this process"}), {index}')
    return {'opened': opened, 'loaded': loaded}


# -- the report ----------------------------------------------------------------------


def in_fresh_process(rows: int, args: argparse.Namespace) -> dict[str, Any]:
    """Write a campaign of so many rows and measure it in a process of its own."""
    say(f'{rows:,} rows: writing the CSV')
    with tempfile.TemporaryDirectory(prefix='fume_mm_index_') as folder:
        begin = time.perf_counter()
        size = write_campaign(Path(folder), rows)
        say(f'  {size / MIB:,.0f} MiB in {time.perf_counter() - begin:.1f} s; opening')
        context = multiprocessing.get_context('spawn')
        work = partial(
            measure, workers=args.workers, starts=args.starts, reads=args.reads
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


def beyond(row: dict[str, Any], baseline: Sequence[dict[str, Any]]) -> float:
    """MiB of the largest worker above those of the small dataset."""
    same = next(
        other
        for other in baseline
        if (other['index'], other['workers'], other['start'])
        == ('index', row['workers'], row['start'])
    )
    return max(row['private_mib']) - statistics.median(same['private_mib'])


def environment() -> dict[str, Any]:
    """What the numbers depend on."""
    pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return {
        **machine(),
        **versions(),
        'memory_gib': round(pages / 2**30, 1),
        'pandas': pd.__version__,
        'commit': commit(),
    }


def print_tables(report: dict[str, Any]) -> None:
    """Both tables, as in the documentation."""
    print(
        f'{"rows":>11} {"open s":>8} {"CPU s":>8} {"s per million":>14} '
        f'{"peak MiB":>9} {"after MiB":>10} {"index MiB":>10}'
    )
    for row in report['opened']:
        print(
            f'{row["rows"]:11,} {row["seconds"]:8.1f} {row["cpu_seconds"]:8.1f} '
            f'{row["seconds_per_million"]:14.1f} {row["peak_mib"]:9,.0f} '
            f'{row["after_mib"]:10,.0f} {row["index_mib"]:10,.1f}'
        )
    print(
        f'\n{"rows":>11} {"index":6} {"workers":>7} {"start":6} {"first batch s":>13} '
        f'{"samples/s":>10} {"private MiB":>12} {"beyond":>8}'
    )
    for row in report['loaded']:
        print(
            f'{row["rows"]:11,} {row["index"]:6} {row["workers"]:7} '
            f'{row["start"] or "-":6} {row["first_batch_seconds"]:13.1f} '
            f'{row["samples_per_second"]:10,.0f} {max(row["private_mib"]):12,.1f} '
            f'{row["beyond_baseline_mib"]:8,.1f}'
        )
    about = report['environment']
    print(
        f'private: the largest worker, after {report["reads_per_worker"]:,} samples '
        f'each; beyond: above one of {BASELINE_ROWS:,} rows (0 workers: what reading '
        f'added)\n{about["cores"]} cores of {about["cpu"]}, {about["memory_gib"]} GiB, '
        f'under a load of {about["load_average"]} at the start'
    )


def main() -> None:
    """Measure every case, print two tables and write the JSON."""
    args = parse_args()
    for option in ('rows', 'workers', 'reads'):
        values = getattr(args, option)
        values = values if isinstance(values, list) else [values]
        least = 0 if option == 'workers' else 1
        if min(values) < least:
            raise UserError(f'--{option} is {min(values)}; choose {least} or more.')
    if not SMAPS.exists():
        raise UserError(f'{SMAPS} does not exist; measure on Linux.')
    about = environment()
    small = in_fresh_process(BASELINE_ROWS, args)
    cases = [in_fresh_process(rows, args) for rows in args.rows]
    loaded = [row for case in cases for row in case['loaded']]
    for row in loaded:
        row['beyond_baseline_mib'] = beyond(row, small['loaded'])
    report = {
        'unit': 'seconds and MiB',
        'reads_per_worker': args.reads,
        'baseline_rows': BASELINE_ROWS,
        'baseline': small,
        'opened': [case['opened'] for case in cases],
        'loaded': loaded,
        'environment': about,
    }
    print_tables(report)
    if args.json is not None:
        try:
            args.json.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
        except OSError as error:
            raise UserError(
                f'{args.json} cannot be written ({error.strerror}); name another file.'
            ) from error


if __name__ == '__main__':
    run_cli(main)
