"""Whatever README, CONTRIBUTING and docs name is there: files, tools, their options."""

import argparse
import contextlib
import io
import math
import re
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from fume_mm import cli
from fume_mm.engine.config import load_config
from fume_mm.engine.fitting import shape_model
from fume_mm.registry import HOOKS, MODELS, VISBACKENDS, register_all_modules

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


class Parsed(BaseException):
    """A parser took the command line; nothing after it runs."""


def parse(words: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a script's words to its own parser; what that says against them, or ''."""
    real = argparse.ArgumentParser.parse_args

    def parse_only(self: argparse.ArgumentParser, *args: Any) -> None:
        real(self, *args)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', parse_only)
    monkeypatch.setattr(sys, 'argv', words)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            runpy.run_path(str(ROOT / words[0]), run_name='__main__')
    except Parsed:
        return ''
    except SystemExit as end:
        return '' if end.code == 0 and '--help' in words else said.getvalue()
    return f'{words[0]} has no parser'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_command_is_taken_by_its_own_parser(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = page.read_text(encoding='utf-8')
    for words in commands(text):
        at = next(i for i, word in enumerate(words) if word.endswith(('.py', '.sh')))
        script, *given = words[at:]
        if f'title="{script}"' in text:  # the page shows it whole
            continue
        for sign in ('#', '>', '|', '&&'):
            given = given[: given.index(sign)] if sign in given else given
        if script == 'tools/dist_train.sh':  # CONFIG GPUS ...
            script, given = 'tools/train.py', [given[0], *given[2:]]
        elif script == 'tools/slurm_train.sh':  # PARTITION JOB CONFIG ...
            script, given = 'tools/train.py', given[2:]
        given = [word for word in given if word != '...']
        said = parse([script, *given], monkeypatch)
        assert said == '', f'{" ".join(words)}: {said}'


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_every_goal_of_make_is_one(page: Path) -> None:
    goals = re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.M)
    text = page.read_text(encoding='utf-8')
    lines = re.findall(r'^(?:    )?make ([a-z][\w -]*?)(?: +#.*)?$', text, re.M)
    lines += re.findall(r'`make ([\w -]+)`', text)
    assert [x for line in lines for x in line.split() if x not in goals] == []


def test_commands_are_found() -> None:
    found = [words for page in PAGES for words in commands(page.read_text())]
    assert len(found) > 15


def test_no_page_holds_a_placeholder() -> None:
    for page in PAGES:
        text = page.read_text(encoding='utf-8')
        assert re.findall(r'^[A-Z]{4,}$', text, re.M) == [], page.name


def test_the_recipes_are_configs_that_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / 'docs/how_to.md').read_text(encoding='utf-8')
    files = dict(
        re.findall(r'^```python title="(\w+\.py)"\n(.*?)^```$', text, re.M | re.S)
    )
    assert {'tracked.py', 'my_parts.py', 'averaged.py', 'tuned.py'} < set(files)
    for name, code in files.items():
        (tmp_path / name).write_text(code.replace("'configs/", f"'{ROOT}/configs/"))
    monkeypatch.syspath_prepend(tmp_path)
    register_all_modules()
    for name in set(files) - {'my_parts.py'}:
        cfg = load_config(str(tmp_path / name))
        for hook in cfg.custom_hooks:
            assert HOOKS.get(hook.type), (name, hook.type)
        for backend in cfg.visualizer.vis_backends:
            assert VISBACKENDS.get(backend.type), (name, backend.type)
        if name == 'smoothed.py':
            loss = MODELS.build(cfg.model.health_head.loss)
            assert loss(
                torch.zeros(2, 3), torch.tensor([0, 2])
            ).item() == pytest.approx(math.log(3))
            shape_model(cfg)
