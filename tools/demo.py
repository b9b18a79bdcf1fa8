"""Simulate a small campaign, train on it, and test on vessels not seen in training.

What is there is used again, a training that was stopped goes on; delete both folders to
start anew. No GPU is needed; on two CPU cores it takes about ten minutes.

Example:
    python tools/demo.py
"""

import argparse
import subprocess
import sys
from pathlib import Path

from fume_mm.engine.options import make_parser
from fume_mm.errors import run_cli
from fume_mm.io.bundled import ROOT


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        '--config',
        default='fume_mm::fume/fume_fastscnn_demo.py',
        help='config to train (default: %(default)s)',
    )
    parser.add_argument(
        '--data-root',
        metavar='DIR',
        type=Path,
        default=Path('data/ogi_sim'),
        help='where the campaign goes (default: %(default)s)',
    )
    parser.add_argument(
        '--work-dir', type=Path, help='where the run goes (default: as tools/train.py)'
    )
    parser.add_argument(
        '--vessels', type=int, help="how many to simulate (default: the preset's)"
    )
    parser.add_argument(
        '--seed', type=int, default=42, help='of the simulation (default: %(default)s)'
    )
    return parser.parse_args()


def run(tool: str, *words: object) -> None:
    """Run a tool; if it fails, end with its status: it has said why."""
    done = subprocess.run([sys.executable, ROOT / 'tools' / tool, *map(str, words)])
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    """Simulate, pair, train, test."""
    args = parse_args()
    data = args.data_root
    folder = args.work_dir or Path('work_dirs', Path(args.config).stem)
    options = ['--cfg-options', f'data_root={data}']
    if not (data / 'campaign.json').is_file():
        print(f'1/4 simulate: {data}', flush=True)
        vessels = ['--vessels', args.vessels] if args.vessels else []
        converter = 'dataset_converters/simulate_ogi.py'
        run(converter, data, '--seed', args.seed, *vessels)
    if not (data / 'pairing_statistics.json').is_file():
        print(f'2/4 pair: {data}', flush=True)
        run('dataset_converters/pair_gases.py', data)
    trained = folder / '.trained'
    if not trained.is_file():
        print(f'3/4 train: {args.config}', flush=True)
        resume = ['--resume'] * (folder / 'last.pth').is_file()
        run('train.py', args.config, '--work-dir', folder, *resume, *options)
        trained.touch()
    if (folder / 'test_results.json').is_file():
        run('analysis_tools/print_results.py', folder / 'test_results.json')
    else:
        # the newest, as a run that was killed may leave two
        found = folder.glob('best_*.pth')
        best = max(found, key=lambda x: x.stat().st_mtime, default=folder / 'last.pth')
        print(f'4/4 test: {best}', flush=True)
        panels = ['--work-dir', folder, '--show-dir', folder / 'panels']
        run('test.py', args.config, best, *panels, *options)
    print(f'Panels of every test sample: {folder / "panels"}')
    print(f'Curves and panels: tensorboard --logdir {folder}')


if __name__ == '__main__':
    run_cli(main)
