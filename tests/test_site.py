"""The site builds without a warning; what is made of other files is up to date."""

import json
import re
import runpy
import shutil
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


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('site')
    done = tool('-m', 'mkdocs', 'build', '--strict', '-q', '-d', folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
def test_the_site_builds_and_its_links_lead_somewhere(site: Path) -> None:
    pages = {x: x.read_text(encoding='utf-8') for x in site.rglob('*.html')}
    assert len(pages) > 20
    for name in ('DualGasModel', 'DualGasInferencer', 'simulate'):
        assert any(name in text for text in pages.values()), name
    # Each folder of configs is in the navigation by its own name.
    shown = re.sub(r'\s+', ' ', pages[site / 'benchmark.html'])
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
                    broken.append(f'{path.relative_to(site)}: {link}')
    assert broken == []


@pytest.mark.slow
def test_each_module_has_a_page_and_no_page_is_endless(site: Path) -> None:
    index = (site / 'api/index.html').read_text(encoding='utf-8')
    for module in ('fume_mm.models.dual_gas_model', 'fume_mm.io.images'):
        assert f'href="{module}.html"' in index
        text = (site / f'api/{module}.html').read_text(encoding='utf-8')
        assert f'id="{module}.' in text
    lengths = {
        x.name: len(re.findall(r'class="doc doc-heading"', x.read_text('utf-8')))
        for x in site.glob('api/*.html')
    }
    assert len(lengths) > 100 and max(lengths.values()) < 60, max(lengths.values())


@pytest.mark.slow
def test_the_search_finds_something_in_a_page_opened_from_the_folder(
    site: Path,
) -> None:
    # nothing of a page comes from another host, so neither does what the search needs
    page = (site / 'index.html').read_text(encoding='utf-8')
    assert not re.search(r'<(?:script|link)[^>]+(?:src|href)="(?:https?:)?//', page)
    assert '"ConsistencyHook' in (site / 'search/search_index.js').read_text('utf-8')
    browser = shutil.which('chromium')
    if browser is None:
        pytest.skip('there is no Chromium')
    address = f'{(site / "index.html").as_uri()}?q=ConsistencyHook'
    options = ['--headless', '--no-sandbox', '--disable-gpu', '--dump-dom']
    done = subprocess.run(
        [browser, *options, '--virtual-time-budget=20000', address],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert re.search(r'\d+ matching document', done.stdout), done.stderr[-500:]


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
