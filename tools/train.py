"""Train a model from a config.

Example:
    python tools/train.py configs/fume/fume_r50.py --amp
"""

import argparse
import os
from pathlib import Path

from fume_mm.errors import UserError, run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    from fume_mm.engine.config import CfgOptions

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir', help='where to write (default: work_dirs/<config name>)'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help='go on from CKPT, or from the last checkpoint of the work dir',
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision (default: as the config)'
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        help='override keys of the config, e.g. train_cfg.max_epochs=1',
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


def main() -> None:
    """Train."""
    args = parse_args()
    from mmengine.runner import find_latest_checkpoint

    from fume_mm.engine.config import load_config
    from fume_mm.engine.runner import build_runner
    from fume_mm.io.weights import require_match

    cfg = load_config(args.config, args.cfg_options)
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or f'work_dirs/{Path(args.config).stem}'
    )
    if args.amp:
        cfg.optim_wrapper.type = 'AutoAmpOptimWrapper'
    checkpoint = None
    if args.resume:
        checkpoint = args.resume
        if checkpoint == 'auto':
            checkpoint = find_latest_checkpoint(cfg.work_dir)
            if checkpoint is None:
                raise UserError(
                    f'{cfg.work_dir}: there is no checkpoint to resume from; '
                    'leave --resume out or give one.'
                )
        cfg.resume = True
        cfg.load_from = checkpoint
    runner = build_runner(cfg, launcher=args.launcher)
    if checkpoint:
        model = getattr(runner.model, 'module', runner.model)
        require_match(model, checkpoint, resume=True)
    runner.train()


if __name__ == '__main__':
    run_cli(main)
