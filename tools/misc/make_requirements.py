r"""Write requirements.txt and environment.yml from constraints.txt.

constraints.txt is the one set of versions that is tested, extras and all. What a plain
installation of fume_mm needs of it goes to requirements.txt (`pip install -r`) and
environment.yml (conda). `--check` writes nothing and fails if they are not up to date.

Example:
    python tools/misc/make_requirements.py
"""

import argparse
import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fume_mm.errors import UserError, run_cli

ROOT = Path(__file__).resolve().parents[2]
NOTE = '# Made by tools/misc/make_requirements.py from constraints.txt.'
PYTHON = '3.11'
#: What every environment brings along, which `pip freeze` leaves out.
BROUGHT = {'pip', 'setuptools', 'wheel'}


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--check', action='store_true', help='only say whether the files are up to date'
    )
    return parser.parse_args()


def pins() -> dict[str, str]:
    """Lines ``name==version`` of constraints.txt by canonical name."""
    lines = (ROOT / 'constraints.txt').read_text(encoding='utf-8').splitlines()
    found = [re.match(r'([\w.-]+)==\S+', line) for line in lines]
    return {canonicalize_name(m[1]): m[0] for m in found if m}


def needed(package: str = 'fume_mm') -> set[str]:
    """Canonical names of all that ``package`` needs without extras, as installed."""
    todo, seen = [(package, frozenset[str]())], set()
    names: set[str] = set()
    while todo:
        name, extras = todo.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            marker = requirement.marker
            wanted = [{'extra': extra} for extra in (extras or {''})]
            if marker and not any(marker.evaluate(one) for one in wanted):
                continue
            other = canonicalize_name(requirement.name)
            names.add(other)
            todo.append((other, frozenset(requirement.extras)))
    return names - BROUGHT


def main() -> int:
    """Write or check the two files."""
    args = parse_args()
    known, names = pins(), needed()
    missing = sorted(names - set(known))
    if missing:
        raise UserError(
            f'constraints.txt: has no version of {", ".join(missing)}, which fume_mm '
            'needs; add the ones that were tested.'
        )
    lines = [known[name] for name in sorted(names)]
    texts = {
        'requirements.txt': '\n'.join([NOTE, *lines]) + '\n',
        'environment.yml': '\n'.join(
            [
                NOTE,
                'name: fume_mm',
                'channels: [conda-forge]',
                'dependencies:',
                f'  - python={PYTHON}',
                '  - pip',
                '  - pip:',
                *(f'      - {line}' for line in lines),
            ]
        )
        + '\n',
    }
    stale = [
        name
        for name, text in texts.items()
        if not (ROOT / name).is_file()
        or (ROOT / name).read_text(encoding='utf-8') != text
    ]
    for name in stale:
        if args.check:
            print(f'{name} is not up to date')
        else:
            (ROOT / name).write_text(texts[name], encoding='utf-8')
            print(f'written: {name}')
    return 1 if args.check and stale else 0


if __name__ == '__main__':
    run_cli(main)
