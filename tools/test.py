"""Test a checkpoint on the test split of its config.

Prints a table and writes test_results.json into the work dir.

Example:
    python tools/test.py configs/fume/fume_r50.py work_dirs/fume_r50/last.pth
"""

import argparse
import json
import math
import os
from pathlib import Path
from typing import Any

from fume_mm.errors import run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from mmengine.config import DictAction

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--work-dir', help='where to write (default: work_dirs/<config name>)'
    )
    parser.add_argument(
        '--show-dir', help='write a prediction panel per sample into this folder'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override keys of the config, e.g. data_root=data/fume',
    )
    parser.add_argument(
        '--launcher',
        choices=('none', 'pytorch', 'slurm', 'mpi'),
        default='none',
        help='how processes were started (default: %(default)s)',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def finite(value: Any) -> Any:
    """``value`` with null for every number that is not one, as JSON wants it."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def main() -> None:
    """Test."""
    args = parse_args()
    from mmengine.dist import is_main_process

    from fume_mm.apis.checkpoint import require_match
    from fume_mm.apis.config import load_config
    from fume_mm.apis.runner import build_runner
    from fume_mm.evaluation import summary_table

    cfg = load_config(args.config, args.cfg_options)
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or f'work_dirs/{Path(args.config).stem}'
    )
    cfg.load_from = args.checkpoint
    cfg.custom_hooks = [
        hook for hook in cfg.get('custom_hooks', []) if hook['type'] != 'PanelHook'
    ]
    if args.show_dir:
        cfg.custom_hooks.append({'type': 'PanelHook', 'out_dir': args.show_dir})
    runner = build_runner(cfg, launcher=args.launcher)
    require_match(getattr(runner.model, 'module', runner.model), args.checkpoint)
    metrics = runner.test()
    if not is_main_process():
        return
    meta = runner.test_dataloader.dataset.metainfo
    details = runner.test_loop.evaluator.details
    marks = ['simulated data'] * meta['simulated'] + ['LEAKED SPLIT'] * meta['leakage']
    print(summary_table(metrics, details, title=', '.join(marks) or None))
    out = Path(cfg.work_dir) / 'test_results.json'
    content = {
        'config': args.config,
        'checkpoint': args.checkpoint,
        'simulated': meta['simulated'],
        'leakage': meta['leakage'],
        'metrics': metrics,
        'details': details,
    }
    out.write_text(json.dumps(finite(content), indent=2) + '\n', encoding='utf-8')
    print(f'written: {out}')


if __name__ == '__main__':
    run_cli(main)
