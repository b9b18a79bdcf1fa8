"""Pages of the site that are made of other files; mkdocs-gen-files runs this.

The README is the home page, a README of a config folder is a page of its own, and each
module has a page of its public names. Links between files of the repository become
links between these pages, or plain text where there is none.
"""

import ast
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

# A page for each module that has public names, and one that lists them by package.
HEAD = ['', '| module | what | names |', '|---|---|---|']
listed = ['# API']
for path in files('fume_mm/**/*.py'):
    tree = ast.parse((ROOT / path).read_text(encoding='utf-8'))
    module = path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')
    doc = (ast.get_docstring(tree) or '').split('\n\n')[0].replace('\n', ' ')
    kinds = (ast.ClassDef, ast.FunctionDef)
    names = [x.name for x in tree.body if isinstance(x, kinds) and x.name[0] != '_']
    if path.endswith('__init__.py') and path.count('/') == 2:
        listed += ['', f'## {module}', '', doc, *HEAD]
    if module == 'fume_mm.apis':  # has names of others
        imports = (x for x in ast.walk(tree) if isinstance(x, ast.ImportFrom))
        for part in (x for x in imports if (x.module or '').startswith('fume_mm.')):
            shown = ', '.join(x.name for x in part.names)
            listed.append(f'| [{part.module}]({part.module}.md) | | {shown} |')
    elif names:
        listed.append(f'| [{module}]({module}.md) | {doc} | {", ".join(names)} |')
        with mkdocs_gen_files.open(f'api/{module}.md', 'w') as file:
            file.write(f'# {module}\n\n::: {module}\n')
with mkdocs_gen_files.open('api/index.md', 'w') as file:
    file.write('\n'.join(listed) + '\n')
