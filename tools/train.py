"""Train a model from a config.

Example:
    python tools/train.py configs/fume/fume_r50.py --amp

SIGTERM and SIGUSR1 end it after the iteration at hand with status 75; --resume goes on
from there. Other statuses: 0 done, 2 a fault that is said in one line, 130 Ctrl-C.
"""

from fume_mm.engine.options import config_of, make_parser
from fume_mm.errors import run_cli


def main() -> None:
    """Train."""
    parser = make_parser(__doc__, 'config', '--cfg-options', '--work-dir', '--launcher')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CKPT',
        help='go on from CKPT, or from the newest sound checkpoint of the work dir',
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed precision (default: as the config)'
    )
    args = parser.parse_args()
    from fume_mm.engine.runner import train

    cfg = config_of(args)
    train(cfg, resume=args.resume, amp=args.amp, launcher=args.launcher)


if __name__ == '__main__':
    run_cli(main)
