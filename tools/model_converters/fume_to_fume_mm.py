r"""Turn a checkpoint of the original FUME implementation into one of fume_mm.

SRC holds the original's state dict, bare or under `model_state_dict`; only tensors and
plain values are read from it, nothing in it is run unless you say so. Every name must
map onto the model of the config, or nothing is written.

Example:
    python tools/model_converters/fume_to_fume_mm.py best_model.pth \
        work_dirs/original/fume_fastscnn.pth --config configs/fume/fume_fastscnn.py
"""

import argparse
from pathlib import Path

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, '--trust-checkpoint')
    parser.add_argument('source', metavar='SRC', help='checkpoint of the original')
    parser.add_argument('target', metavar='DST', help='checkpoint to write')
    parser.add_argument(
        '--config', required=True, help='config of the same architecture'
    )
    return parser.parse_args()


def main() -> None:
    """Convert."""
    args = parse_args()
    from fume_mm.apis import init_model
    from fume_mm.io.weights import read_checkpoint, weights_of, write_checkpoint
    from fume_mm.models.original import NUMPY_SCALARS, convert_original

    content = read_checkpoint(
        args.source, readers=NUMPY_SCALARS, trust=args.trust_checkpoint
    )
    weights = weights_of(content)
    model = init_model(args.config)
    try:
        state = convert_original(weights, model)
    except UserError as error:
        raise UserError(f'{args.source}: {error}') from error
    model.load_state_dict(state)  # what is written has been loaded once
    meta = {'converted_from': Path(args.source).name, 'config': args.config}
    write_checkpoint(args.target, {'meta': meta, 'state_dict': state})
    print(f'{len(state)} tensors, {sum(x.numel() for x in state.values()):,} values')
    print(f'written: {args.target}')


if __name__ == '__main__':
    run_cli(main)
