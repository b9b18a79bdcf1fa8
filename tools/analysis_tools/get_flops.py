r"""Parameters and multiply-accumulates of a config's model, by part.

Counted on shapes alone (nothing is computed), with one counter for every model, which
the output names; a MAC is half a FLOP. A sample with one gas costs less, for what is
missing is not encoded.

Example:
    python tools/analysis_tools/get_flops.py configs/fume/fume_fastscnn.py
"""

import argparse
import json
from dataclasses import asdict
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
        '--shape',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        default=(480, 640),
        help='size of the frames (default: 480 640)',
    )
    parser.add_argument(
        '--gases',
        nargs='+',
        default=('co2', 'ch4'),
        choices=('co2', 'ch4'),
        help='gases of the sample (default: co2 ch4)',
    )
    parser.add_argument('--json', metavar='FILE', help='also write the counts here')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=CfgOptions,
        help='override keys of the config, e.g. model.backbone.shared=False',
    )
    return parser.parse_args()


def main() -> None:
    """Count."""
    args = parse_args()
    if min(args.shape) < 1:
        raise UserError(f'--shape {args.shape}: give two positive numbers of pixels.')
    from fume_mm.engine.complexity import complexity
    from fume_mm.engine.config import load_config

    cfg = load_config(args.config, args.cfg_options)
    cost = complexity(cfg, size=tuple(args.shape), gases=tuple(args.gases))
    height, width = cost.size
    print(f'{args.config}, {" + ".join(cost.gases)}, {width}x{height}')
    print(f'counter: {cost.counter}')
    rows = [*cost.by_part.items(), ('model', (cost.parameters, cost.macs))]
    for name, (parameters, macs) in rows:
        print(f'{name:12} {parameters:>13,} parameters {macs / 1e9:>9.3f} GMACs')
    if cost.training_parameters:
        print(f'{"auxiliary":12} {cost.training_parameters:>13,} in training only')
    if args.json:
        content = {'config': args.config, **asdict(cost)}
        Path(args.json).write_text(json.dumps(content, indent=2) + '\n')
        print(f'written: {args.json}')


if __name__ == '__main__':
    run_cli(main)
