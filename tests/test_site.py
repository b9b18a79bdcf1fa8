"""The site builds without a warning; what is made of other files is up to date."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def tool(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_site_builds_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    done = tool('-m', 'mkdocs', 'build', '--strict', '-q', '-d', tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    pages = {x: x.read_text(encoding='utf-8') for x in tmp_path.rglob('*.html')}
    assert len(pages) > 20
    for name in ('DualGasModel', 'DualGasInferencer', 'simulate'):
        assert any(name in text for text in pages.values()), name
    broken = []
    for path, text in pages.items():
        for link in re.findall(r'<(?:a|img)[^>]+(?:href|src)="([^"#?]+)', text):
            if not link.startswith(('http', 'mailto:', 'data:', '/')):
                target = (path.parent / link).resolve()
                if not target.exists():
                    broken.append(f'{path.relative_to(tmp_path)}: {link}')
    assert broken == []


@pytest.mark.parametrize(
    'script', ['make_requirements', 'make_model_zoo', 'make_benchmark']
)
def test_made_files_are_up_to_date(script: str) -> None:
    done = tool(f'tools/misc/{script}.py', '--check')
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
