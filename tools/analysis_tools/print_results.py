"""Print the table of a finished test again.

Example:
    python tools/analysis_tools/print_results.py work_dirs/fume_r50/test_results.json
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

from fume_mm.errors import UserError, run_cli


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('results', type=Path, help='test_results.json of tools/test.py')
    return parser.parse_args()


def read_results(path: Path) -> dict[str, Any]:
    """The content of a test_results.json; null scores are NaN again.

    Raises:
        UserError: If ``path`` is not such a file.
    """
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        scores = content['metrics']
        metrics = {k: math.nan if v is None else v for k, v in scores.items()}
        return {**content, 'metrics': metrics, 'details': dict(content['details'])}
    except OSError as error:
        raise UserError(
            f'{path}: cannot be read ({error.strerror}); tools/test.py writes '
            'test_results.json into its work dir.'
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f'{path}: is not what tools/test.py writes ({error!r}); test again.'
        ) from error


def main() -> None:
    """Print."""
    args = parse_args()
    from fume_mm.evaluation import results_title, summary_table

    content = read_results(args.results)
    title = results_title(content)
    print(summary_table(content['metrics'], content['details'], title=title))


if __name__ == '__main__':
    run_cli(main)
