r"""Print a config as it is after inheritance and overrides.

With --key only a part of it; with --out it is written as one file that inherits
nothing.

Example:
    python tools/misc/print_config.py configs/fume/fume_fastscnn.py --key model
"""

import argparse
from pathlib import Path
from typing import Any

from fume_mm.engine.options import make_parser
from fume_mm.errors import UserError, run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, 'config', '--cfg-options')
    parser.add_argument(
        '--key', help='print only this key, e.g. model.neck (default: all)'
    )
    parser.add_argument('--out', metavar='FILE', type=Path, help='also write all of it')
    return parser.parse_args()


def part_of(cfg: Any, key: str) -> Any:
    """The value at a dotted key.

    Raises:
        UserError: If there is none, naming what there is beside it.
    """
    from fume_mm.engine.config import did_you_mean

    value = cfg
    for i, word in enumerate(key.split('.')):
        if (
            isinstance(value, (list, tuple))
            and word.isdigit()
            and int(word) < len(value)
        ):
            value = value[int(word)]
            continue
        if not hasattr(value, 'keys') or word not in value:
            known = list(value) if hasattr(value, 'keys') else []
            place = '.'.join(key.split('.')[:i]) or cfg.filename
            raise UserError(
                f'--key {key}: {place} has no {word}; {did_you_mean(word, known)}'
                f'it has {", ".join(known) or "no keys"}.'
            )
        value = value[word]
    return value


def main() -> None:
    """Print."""
    args = parse_args()
    from mmengine.config import Config

    from fume_mm.engine.config import load_config

    cfg = load_config(args.config, args.cfg_options)
    text = cfg.pretty_text
    if args.key:
        name = args.key.rsplit('.', 1)[-1]
        name = name if name.isidentifier() else 'item'
        text = Config({name: part_of(cfg, args.key)}).pretty_text
    print(text.rstrip())
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(cfg.pretty_text, encoding='utf-8')


if __name__ == '__main__':
    run_cli(main)
