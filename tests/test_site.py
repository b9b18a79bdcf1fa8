"""The site builds without a warning; what is made of other files is up to date."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def tool(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_site_builds_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    done = tool('-m', 'mkdocs', 'build', '--strict', '-q', '-d', tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {x: x.read_text(encoding='utf-8') for x in tmp_path.rglob('*.html')}
    assert len(pages) > 20
    for name in ('DualGasModel', 'DualGasInferencer', 'simulate'):
        assert any(name in text for text in pages.values()), name
    # Each folder of configs is in the navigation by its own name.
    shown = re.sub(r'\s+', ' ', pages[tmp_path / 'benchmark.html'])
    for name in ('Ablations', 'Baselines', 'FUME', 'Peers'):
        folder = f'configs/{name.lower()}/index.html'
        entry = rf'href="{folder}" class="md-nav__link"> <span[^>]*> {name} '
        assert re.search(entry, shown), name
    broken = []
    for path, text in pages.items():
        for link in re.findall(r'<(?:a|img)[^>]+(?:href|src)="([^"#?]+)', text):
            if not link.startswith(('http', 'mailto:', 'data:', '/')):
                target = (path.parent / link).resolve()
                if not target.exists():
                    broken.append(f'{path.relative_to(tmp_path)}: {link}')
    assert broken == []


def lock() -> dict[str, str]:
    """Versions of constraints.txt by canonical name."""
    text = (ROOT / 'constraints.txt').read_text(encoding='utf-8')
    pins = re.findall(r'^([\w.-]+)==(\S+)', text, re.M)
    assert len(pins) == len({canonicalize_name(name) for name, _ in pins})
    return {canonicalize_name(name): version for name, version in pins}


def test_the_lock_fits_what_setup_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, 'setup', given.update)
    runpy.run_path(str(ROOT / 'setup.py'))
    extras = given['extras_require']
    # torchvision is left to whoever wants its weights; nothing else is
    asked = given['install_requires'] + extras['runtime'] + extras['dev']
    every = {line for lines in extras.values() for line in lines}
    assert every - set(asked) == set(extras['pretrained'])
    pins = lock()
    for requirement in map(Requirement, asked):
        version = pins[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f'{requirement}: {version}'


@pytest.mark.slow
@pytest.mark.parametrize(
    'script',
    [pytest.param('make_model_zoo', marks=pytest.mark.long), 'make_benchmark'],
)
def test_made_files_are_up_to_date(script: str) -> None:
    done = tool(f'tools/misc/{script}.py', '--check')
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


def test_a_benchmark_is_made_of_suites_alone(tmp_path: Path) -> None:
    done = tool('tools/misc/make_benchmark.py', 'work_dirs/x')
    assert done.returncode == 2 and 'work_dirs/x: write SUITE=FOLDER' in done.stderr
    content = {'config': 'configs/fume/fume_fastscnn.py', 'dataset': {}, 'metrics': {}}
    (tmp_path / 'test_results.json').write_text(json.dumps(content))
    done = tool('tools/misc/make_benchmark.py', f'published={tmp_path}')
    assert done.returncode == 2 and 'make the run by run_suite.py' in done.stderr
