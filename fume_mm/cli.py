"""The command ``fume_mm``: every tool by a short name, in a clone and without one.

``fume_mm train ...`` is ``python tools/train.py ...``. A new tool with a ``main`` and a
docstring is a command as soon as it lies in ``tools/``; its name is the file's unless
:data:`NAMES` has another.
"""

import ast
import importlib
import sys
from pathlib import Path

from .errors import UserError, run_cli
from .io.bundled import ROOT
from .version import __version__

#: Commands whose name is not that of their file, in the order in which one needs them.
NAMES = {
    'demo': 'tools/demo.py',
    'predict': 'demo/image_demo.py',
    'video': 'demo/video_demo.py',
    'app': 'demo/app.py',
    'simulate': 'tools/dataset_converters/simulate_ogi.py',
    'import': 'tools/dataset_converters/import_dataset.py',
    'pair': 'tools/dataset_converters/pair_gases.py',
    'check': 'tools/misc/check_dataset.py',
    'split': 'tools/dataset_converters/split_by_group.py',
    'stats': 'tools/analysis_tools/dataset_stats.py',
    'browse': 'tools/analysis_tools/browse_dataset.py',
    'train': 'tools/train.py',
    'test': 'tools/test.py',
    'suite': 'tools/analysis_tools/run_suite.py',
    'export': 'tools/deployment/export.py',
    'label': 'demo/label_app.py',
    'config': 'tools/misc/print_config.py',
    'convert': 'tools/model_converters/fume_to_fume_mm.py',
}
#: What makes pages of the repository, and is of no use without it.
OF_THE_CLONE = {'docs_pages', 'make_benchmark', 'make_model_zoo'}


def commands() -> dict[str, Path]:
    """The script of every command, by its name."""
    found = {name: ROOT / path for name, path in NAMES.items()}
    for path in sorted(ROOT.glob('tools/**/*.py')):
        if path.stem not in OF_THE_CLONE and path not in found.values():
            found[path.stem.replace('_', '-')] = path
    return found


def summary(script: Path) -> str:
    """The first line of a script's docstring; the script is not run."""
    doc = ast.get_docstring(ast.parse(script.read_text(encoding='utf-8'))) or ''
    return doc.partition('\n')[0]


def overview() -> str:
    """What `fume_mm --help` says."""
    rows = {name: summary(script) for name, script in commands().items()}
    width = max(map(len, rows))
    lines = [f'  {name:{width}}  {text}' for name, text in rows.items()]
    return '\n'.join(
        [
            'usage: fume_mm COMMAND ...    (fume_mm COMMAND --help says more)',
            '',
            *lines,
            '',
            'A config of this package is named as fume_mm::fume/fume_fastscnn.py;',
            f'all of them lie in {ROOT / "configs"}.',
        ]
    )


def load(name: str) -> Path:
    """The script of a command.

    Raises:
        UserError: If there is no such command.
    """
    known = commands()
    if name not in known:
        raise UserError(
            f'{name}: there is no such command; they are {", ".join(known)} '
            '(fume_mm --help).'
        )
    return known[name]


def main() -> None:
    """Run a command, as its script does."""
    words = sys.argv[1:]
    if not words or words[0] in ('-h', '--help', 'help'):
        print(overview())
        return
    if words[0] == '--version':
        print(f'fume_mm {__version__}')
        return

    def run() -> int | None:
        script = load(words[0])
        # as Python does for a script, so that it finds what lies beside it
        sys.path.insert(0, str(script.parent))
        sys.argv = [f'fume_mm {words[0]}', *words[1:]]
        return importlib.import_module(script.stem).main()

    run_cli(run)


if __name__ == '__main__':
    main()
