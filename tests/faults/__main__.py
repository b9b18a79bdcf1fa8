"""The long form of the fault suite: ``python -m tests.faults`` (`make faults`)."""

import argparse
import json
import os
import platform
import time
from pathlib import Path

import torch

from fume_mm.io.provenance import commit

from . import damage, disks, kills, mutations, page, parts, pickles, soak
from .ledger import Fault, Ledger, filled, table

MODULES = (kills, parts, damage, disks, pickles, page, mutations, soak)


def main() -> None:
    """Inject until all goals are met or the time is over, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--minutes', type=float, default=float('inf'))
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/faults'))
    parser.add_argument('--only', nargs='+', help='names of modules, such as kills')
    parser.add_argument('--json', type=Path, help='also write the table here')
    parser.add_argument('--page', type=Path, help='also put the table into this page')
    args = parser.parse_args()
    folder = args.work_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder / 'injections.jsonl')
    everything: list[Fault] = [fault for x in MODULES for fault in x.FAULTS]
    faults = [
        fault
        for module in MODULES
        if not args.only or module.__name__.rpartition('.')[2] in args.only
        for fault in module.FAULTS
    ]
    end = time.monotonic() + 60 * args.minutes
    while time.monotonic() < end and (fault := ledger.next(faults)):
        ledger.inject(fault, folder)
        done = f'{ledger.injected[fault.name]:,} of {fault.goal:,}'
        print(
            f'{fault.name}: {done}, {len(ledger.losses[fault.name])} lost', flush=True
        )
    report = {
        'rows': ledger.rows(everything),
        'commit': commit(),
        'torch': torch.__version__,
        'cpu': platform.processor() or platform.machine(),
        'cores': os.cpu_count(),
    }
    print(table(report['rows']))
    for path in filter(None, (folder / 'faults.json', args.json)):
        path.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
        print(f'written: {path}')
    if args.page:
        page = args.page.read_text(encoding='utf-8')
        args.page.write_text(filled(page, report), encoding='utf-8')


if __name__ == '__main__':
    main()
