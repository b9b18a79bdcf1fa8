"""What comes with the package beside its modules: configs, tools, weights, examples."""

import difflib
import importlib.util
from pathlib import Path

from fume_mm.errors import UserError

#: How a config of this package is named wherever it is installed, as in OpenMMLab.
PREFIX = 'fume_mm::'
_PACKAGE = Path(__file__).resolve().parents[1]
_INDEX = 'model-index.yml'
#: The folder of configs/, tools/ and demo/: the clone, or the package's .mim.
ROOT = _PACKAGE.parent
if not (ROOT / _INDEX).is_file():
    ROOT = _PACKAGE / '.mim'


def bundled(path: str | Path) -> str:
    """``path``, or the file that a name with :data:`PREFIX` stands for.

    ``fume_mm::fume/fume_r50.py`` is a config; any other file goes by its place in the
    clone, as ``fume_mm::demo/weights/...``. ``<package>::<path>`` is a file of another
    installed package.

    Raises:
        UserError: If there is no such file or package.
    """
    text = str(path)
    package, separator, name = text.partition('::')
    if not separator or '/' in package:
        return text
    if f'{package}::' != PREFIX:
        return _in_package(package, name)
    for found in (ROOT / 'configs' / name, ROOT / name):
        if found.is_file():
            return str(found)
    if name.endswith('.py'):
        raise UserError(f'{text}: {no_such_config(name)}')
    raise UserError(f'{text}: there is no such file; name one that lies in {ROOT}.')


def _in_package(package: str, name: str) -> str:
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or spec.origin is None:
        raise UserError(
            f'{package}::{name}: the package {package} is not installed; install it: '
            f'pip install {package.replace("_", "-")}'
        )
    path = Path(spec.origin).parent / name
    if not path.is_file():
        raise UserError(f'{package}::{name}: {path} does not exist; name a file of it.')
    return str(path)


def no_such_config(name: str) -> str:
    """That there is no config ``name``, and which are the nearest of the package."""
    folder = ROOT / 'configs'
    known = {
        path.stem: path.relative_to(folder).as_posix()
        for path in sorted(folder.glob('[!_]*/*.py'))
    }
    near = difflib.get_close_matches(Path(name).stem, known, n=1) or ['fume_fastscnn']
    return (
        f'there is no such config; the nearest of this package is '
        f'{PREFIX}{known.get(near[0], "")}, and all of them lie in {folder}.'
    )
