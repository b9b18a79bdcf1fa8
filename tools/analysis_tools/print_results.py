"""Print the table of a finished test again.

Example:
    python tools/analysis_tools/print_results.py work_dirs/fume_r50/test_results.json
"""

import argparse
from pathlib import Path

from fume_mm.engine.options import make_parser
from fume_mm.errors import run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(__doc__, '--imports')
    parser.add_argument('results', type=Path, help='test_results.json of tools/test.py')
    return parser.parse_args()


def main() -> None:
    """Print."""
    args = parse_args()
    from fume_mm.registry import import_modules
    from fume_mm.reporting.test_results import content_text, read_results

    import_modules(args.imports)
    print(content_text(read_results(args.results)))


if __name__ == '__main__':
    run_cli(main)
