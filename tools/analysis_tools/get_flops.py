r"""Parameters and multiply-accumulates of a config's model, by part.

Counted on shapes alone (nothing is computed), with one counter for every model, which
the output names; a MAC is half a FLOP. A sample with one gas costs less, for what is
missing is not encoded.

Example:
    python tools/analysis_tools/get_flops.py configs/fume/fume_fastscnn.py
"""

import json
from dataclasses import asdict

from fume_mm.engine.options import config_of, make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GASES


def main() -> None:
    """Count."""
    parser = make_parser(__doc__, 'config', '--cfg-options', '--json')
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
        default=GASES,
        choices=GASES,
        help='gases of the sample (default: co2 ch4)',
    )
    args = parser.parse_args()
    if min(args.shape) < 1:
        raise UserError(f'--shape {args.shape}: give two positive numbers of pixels.')
    from fume_mm.engine.complexity import complexity

    cost = complexity(config_of(args), size=tuple(args.shape), gases=tuple(args.gases))
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
        args.json.write_text(json.dumps(content, indent=2) + '\n')
        print(f'written: {args.json}')


if __name__ == '__main__':
    run_cli(main)
