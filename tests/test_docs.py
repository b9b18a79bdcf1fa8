"""Whatever README, CONTRIBUTING and docs name is there: files, tools, their options."""

import re
import shlex
from pathlib import Path

import pytest

from fume_mm import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted(ROOT.glob('docs/*.md'))]
FOLDERS = 'fume_mm|configs|projects|benchmarks|tools|demo|tests|docs|shared'
PLACES = rf'(?:{FOLDERS})/[\w./-]+\.(?:py|sh|md|json)'


def in_full(match: re.Match[str]) -> str:
    """A command of `fume_mm` as that of its script."""
    script = cli.commands().get(match[2])  # else it is a sentence
    return f'{match[1]}python {script.relative_to(ROOT)}' if script else match[0]


def commands(text: str) -> list[list[str]]:
    """Every command that runs a script of the repository, as words."""
    joined = re.sub(r'\\\n\s*', ' ', text)
    joined = re.sub(r'^(\s*)fume_mm ([\w-]+)', in_full, joined, flags=re.M)
    lines = re.findall(
        r'^\s*((?:\w+=\S+ )?(?:python |tools/\S+\.sh ).*)$', joined, re.M
    )
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_path_exists(page: Path) -> None:
    text = page.read_text(encoding='utf-8')
    named = set(re.findall(PLACES, text))
    named -= set(re.findall(r'^```\w+ title="([^"]+)"', text, re.M))  # shown whole
    assert {name for name in named if not (ROOT / name).exists()} == set()
    pictures = re.findall(r'!\[[^\]]*\]\(([^)]+)\)', text)
    assert [name for name in pictures if not (page.parent / name).is_file()] == []
    links = re.findall(r'(?<!!)\[[^\]]*\]\((?!http|#)([^)#]+)', text)
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_option_of_a_command_is_one_of_its_tool(page: Path) -> None:
    text = page.read_text(encoding='utf-8')
    for words in commands(text):
        script = next(word for word in words if word.endswith(('.py', '.sh')))
        if f'title="{script}"' in text:  # the page shows it whole
            continue
        if script.endswith('.sh'):  # passes them on to the tool of its name
            script = re.sub(r'\w+_(\w+)\.sh', r'\1.py', script)
        source = (ROOT / script).read_text(encoding='utf-8')
        options = [word.split('=')[0] for word in words if word.startswith('--')]
        known = re.findall(r'--[\w-]+', source)
        # A loop over the gases makes these two.
        known += ['--co2', '--ch4'] if "f'--{gas}'" in source else []
        assert [option for option in options if option not in known] == [], script


def test_commands_are_found() -> None:
    found = [words for page in PAGES for words in commands(page.read_text())]
    assert len(found) > 15


def test_no_page_holds_a_placeholder() -> None:
    for page in PAGES:
        text = page.read_text(encoding='utf-8')
        assert re.findall(r'^[A-Z]{4,}$', text, re.M) == [], page.name
