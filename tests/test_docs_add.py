"""The pages that add a part: their files, lines and commands, done in a copy.

A code block with a title is a new file; one titled ``FILE, at its end`` is lines of an
existing file. A page may add one new file of code and two lines elsewhere.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.campaigns import make_campaign, pair_campaign
from tests.commands import run_tool

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
PAGES = sorted(ROOT.glob('docs/add_a_*.md'))
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)
AT_END = ', at its end'


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Language, title and text of a page's code blocks."""
    return BLOCK.findall(page.read_text(encoding='utf-8'))


@pytest.fixture(scope='module')
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a stranger cloned, with a tiny campaign where the configs look for one."""
    target = tmp_path_factory.mktemp('clone')
    unwanted = shutil.ignore_patterns('__pycache__')
    for folder in ('fume_mm', 'configs', 'tools'):
        shutil.copytree(ROOT / folder, target / folder, ignore=unwanted)
    shutil.copyfile(ROOT / 'pyproject.toml', target / 'pyproject.toml')
    root = pair_campaign(make_campaign(target / 'data/ogi_sim', size=(64, 64)))
    for split in ('train', 'val', 'test'):  # as docs/add_a_dataset.md names its files
        rows = pd.read_csv(root / f'{split}_annotations.csv')
        for row in rows.itertuples():
            name = f'{row.original_sample_id}_{row.ph_value}_{row.gas_type}.png'
            for source, folder in (
                (row.frame_path, split),
                (row.mask_path, f'{split}_masks'),
            ):
                place = target / 'data/named' / folder / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / source, place)
    return target


def test_there_is_a_page_for_each_kind_of_part() -> None:
    names = {page.stem.removeprefix('add_a_') for page in PAGES}
    assert names == {'dataset', 'loss', 'metric', 'model', 'tool'}


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.stem)
def test_the_page_does_what_it_says(page: Path, copy: Path) -> None:
    found = blocks(page)
    new = [title for _, title, _ in found if title and not title.endswith(AT_END)]
    lines = [
        line
        for _, title, text in found
        if title.endswith(AT_END)
        for line in text.splitlines()
    ]
    code = [name for name in new if not name.startswith('configs/')]
    assert len(code) == 1 and len(lines) <= 2, (code, lines)
    for _, title, text in found:
        path = copy / title.removesuffix(AT_END)
        if title.endswith(AT_END):
            path.write_text(path.read_text('utf-8') + text, encoding='utf-8')
        elif title:
            assert not (ROOT / title).exists(), f'{title} is there already'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8')
    lint = [sys.executable, '-m', 'ruff', 'check', '--output-format=concise', *new]
    done = subprocess.run(lint, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    commands = [text for language, _, text in found if language == 'bash']
    assert commands, 'the page shows no command'
    for text in commands:
        for line in re.sub(r'\\\n\s*', ' ', text).splitlines():
            words = shlex.split(line.removeprefix('PYTHONPATH=. '), comments=True)
            if not words:
                continue
            assert words[0] == 'python', line
            done = run_tool(*words[1:], env={'PYTHONPATH': str(copy)}, cwd=copy)
            assert done.returncode == 0, f'{line}\n{done.stdout}{done.stderr[-3000:]}'
