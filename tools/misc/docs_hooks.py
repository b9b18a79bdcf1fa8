"""What MkDocs cannot do by itself: pages that are made of other files.

The README is the home page, a README of a config folder is a page of its own, and each
package has a page of its public names. Links that lead from ``docs/`` to files of the
repository become links to these pages, or plain text where there is none.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    'structures',
    'datasets',
    'io',
    'simulation',
    'models',
    'evaluation',
    'drawing',
    'engine',
    'inference',
    'reporting',
    'apis',
)
LINK = re.compile(r'(?<!!)\[([^\]]*)\]\(((?!https?:|#)[^)\s]+)\)')
# A comment above a page's heading would hide it from the navigation.
COMMENT = re.compile(r'\A<!--.*?-->\s*', re.DOTALL)
PICTURE = re.compile(r'(!\[[^\]]*\]\()docs/')


def config_pages() -> list[Path]:
    """READMEs of the config folders, relative to the repository."""
    found = [
        *ROOT.glob('configs/*/README.md'),
        *ROOT.glob('projects/*/configs/README.md'),
    ]
    return sorted(x.relative_to(ROOT) for x in found)


def on_config(config: Any) -> Any:
    """Put the packages and the config folders into the navigation."""
    for entry in config['nav']:
        if 'API' in entry:
            entry['API'] = [f'api/{name}.md' for name in PACKAGES]
        if 'Results' in entry:
            entry['Results'] += [path.as_posix() for path in config_pages()]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of other files."""
    made = {'index.md': (ROOT / 'README.md').read_text(encoding='utf-8')}
    for path in config_pages():
        text = (ROOT / path).read_text(encoding='utf-8')
        made[path.as_posix()] = COMMENT.sub('', text)
    for name in PACKAGES:
        made[f'api/{name}.md'] = f'# fume_mm.{name}\n\n::: fume_mm.{name}\n'
    for uri, text in made.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(text: str, page: Any, config: Any, files: Files) -> str:
    """Make links between files of the repository links between pages."""
    uri = page.file.src_uri
    home = uri == 'index.md'
    # where the text stands in the repository
    folder = (
        Path() if home or uri.startswith(('configs/', 'projects/')) else Path('docs')
    )
    folder = folder / Path(uri).parent if not home else Path()

    def link(match: re.Match) -> str:
        words, target = match[1], match[2]
        path, _, anchor = target.partition('#')
        place = _normal(folder / path)
        place = place.removeprefix('docs/')
        place = 'index.md' if place == 'README.md' else place
        if files.get_file_from_path(place) is None:
            return words
        depth = len(Path(uri).parent.parts)
        there = '../' * depth + place
        return f'[{words}]({there}{"#" + anchor if anchor else ""})'

    return LINK.sub(link, PICTURE.sub(r'\1', text) if home else text)


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == '..' and parts:
            parts.pop()
        elif part != '..':
            parts.append(part)
    return '/'.join(parts)
