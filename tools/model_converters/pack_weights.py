r"""Pack a checkpoint's weights into a small safetensors file.

Half precision, no optimiser, no Python objects: a quarter of the size and safe to hand
on. Whatever takes a checkpoint takes the file as well. What the weights are stands in
it: the config's name, the training data (simulated or not), the versions.

Example:
    python tools/model_converters/pack_weights.py configs/fume/fume_fastscnn.py \
        work_dirs/fume_fastscnn/last.pth work_dirs/fume_fastscnn.safetensors
"""

import argparse
from pathlib import Path

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli
from fume_mm.structures.labels import FUME_LABELS, KEYS, Labels
from fume_mm.structures.marks import MARKS


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, 'config')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('target', metavar='FILE', help='file to write (.safetensors)')
    parser.add_argument(
        '--leave-out',
        nargs='+',
        default=(),
        metavar='PART',
        help='parts of the checkpoint that the config lacks, e.g. neck health_head',
    )
    return parser.parse_args()


def main() -> None:
    """Pack."""
    args = parse_args()
    from fume_mm.apis import init_model
    from fume_mm.inference.trust.verdicts import TRUST
    from fume_mm.io.provenance import versions
    from fume_mm.io.weights import (
        WEIGHTS_ONLY,
        read_checkpoint,
        weights_of,
        write_weights,
    )

    target = Path(args.target)
    if target.suffix != WEIGHTS_ONLY:
        raise UserError(f'{target}: give the file the ending {WEIGHTS_ONLY}.')
    content = read_checkpoint(args.checkpoint)
    known = content.get('meta', {}).get('dataset_meta', {})
    kept = list(MARKS)
    if Labels.from_meta(known) != FUME_LABELS:
        kept += KEYS.values()
    state = {
        name: x
        for name, x in weights_of(content).items()
        if name.split('.')[0] not in args.leave_out
    }
    meta = {
        'config': Path(args.config).name,
        'dataset_meta': {key: known[key] for key in kept if key in known},
        'versions': versions(),
    }
    if trust := content.get('meta', {}).get(TRUST):
        meta[TRUST] = trust
    write_weights(target, state, meta)
    try:
        init_model(args.config, target)  # it must be the config's
    except UserError:
        target.unlink()
        raise
    print(f'written: {target} ({target.stat().st_size / 1e6:.1f} MB)')


if __name__ == '__main__':
    run_cli(main)
