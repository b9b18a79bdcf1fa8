r"""Test a checkpoint on the test split of its config.

Prints a table of the scores and writes test_results.json into the work dir; on request
also the predicted masks and a picture of each sample.

Example:
    python tools/test.py configs/fume/fume_r50.py work_dirs/fume_r50/last.pth \
        --out work_dirs/fume_r50/masks
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
    from fume_mm.apis.config import CfgOptions

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument(
        '--work-dir',
        help='where to write (default: the work_dir of the config, or '
        'work_dirs/<config name>)',
    )
    parser.add_argument(
        '--out',
        metavar='DIR',
        help='write the predicted masks into this folder, <sample_id>_<gas>.png with 0 '
        "background, 1 tube, 2 gas at the frame's own size",
    )
    parser.add_argument(
        '--show-dir',
        metavar='DIR',
        help='write a panel per sample into this folder, <sample_id>.png: frames, '
        'truth and prediction',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
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
    from fume_mm.evaluation import results_title, summary_table

    cfg = load_config(args.config, args.cfg_options)
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or f'work_dirs/{Path(args.config).stem}'
    )
    cfg.load_from = args.checkpoint
    # early stopping would load the training split, which need not be there
    left_out = ('PanelHook', 'ResumableEarlyStoppingHook')
    cfg.custom_hooks = [
        hook for hook in cfg.get('custom_hooks', []) if hook['type'] not in left_out
    ]
    if args.out:
        cfg.custom_hooks.append({'type': 'MaskHook', 'out_dir': args.out})
    if args.show_dir:
        cfg.custom_hooks.append({'type': 'PanelHook', 'out_dir': args.show_dir})
    runner = build_runner(cfg, launcher=args.launcher)
    require_match(getattr(runner.model, 'module', runner.model), args.checkpoint)
    metrics = runner.test()
    if not is_main_process():
        return
    meta = runner.test_dataloader.dataset.metainfo
    details = runner.test_loop.evaluator.details
    print(summary_table(metrics, details, title=results_title(meta)))
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
    for path in filter(None, (out, args.out, args.show_dir)):
        print(f'written: {path}')


if __name__ == '__main__':
    run_cli(main)
