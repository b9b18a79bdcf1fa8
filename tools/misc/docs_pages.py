"""Pages of the site that are made of other files; mkdocs-gen-files runs this.

The README is the home page, a README of a config folder is a page of its own, and each
package has a page of its public names. Links between files of the repository become
links between these pages, or plain text where there is none.
"""

import os
import re
from functools import partial
from pathlib import Path

import mkdocs_gen_files

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r'(!?)\[([^\]]*)\]\((?!https?:|#)([^)#\s]+)([^)\s]*)\)')
# A comment above a page's heading would hide it from the navigation.
COMMENT = re.compile(r'\A<!--.*?-->\s*', re.DOTALL)


def files(pattern: str) -> list[str]:
    """Files of the repository, relative to it."""
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))


def link(source: str, match: re.Match[str]) -> str:
    """A link of the file ``source`` as one of its page."""
    picture, words, target, anchor = match.groups()
    page = PAGES.get(os.path.normpath(Path(source).parent / target))
    if page is None:
        return words
    there = os.path.relpath(page, Path(PAGES[source]).parent)
    return f'{picture}[{words}]({there}{anchor})'


#: Files of the repository by what they are on the site.
PAGES = {path: path.removeprefix('docs/') for path in files('docs/**/*.*')}
PAGES |= {path: path for path in files('configs/*/README.md')}
PAGES |= {path: path for path in files('projects/*/configs/README.md')}
PAGES['README.md'] = 'index.md'

for source, page in PAGES.items():
    if page.endswith('.md'):
        text = COMMENT.sub('', (ROOT / source).read_text(encoding='utf-8'))
        with mkdocs_gen_files.open(page, 'w') as file:
            file.write(LINK.sub(partial(link, source), text))
for path in files('fume_mm/*/__init__.py'):
    name = path.split('/')[1]
    with mkdocs_gen_files.open(f'api/{name}.md', 'w') as file:
        file.write(f'# fume_mm.{name}\n\n::: fume_mm.{name}\n')
