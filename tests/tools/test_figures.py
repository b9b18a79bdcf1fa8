"""The command line of the figures, on runs that were made without training."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fume_mm.drawing.sheet import FORMATS
from fume_mm.reporting import run_plots
from fume_mm.reporting.plots import FIGURES
from tests.commands import run_tool
from tests.runs import make_run

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def draw(*words: object) -> subprocess.CompletedProcess[str]:
    return run_tool('tools/analysis_tools/figures.py', *words)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('figures')
    make_run(folder)
    make_run(folder, name='bare', masks=False)
    return folder


def test_all_figures_of_a_run_in_every_format(folder: Path) -> None:
    out = folder / 'out'
    done = draw(folder / 'run', '--out', out, '--format', *FORMATS)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'left out' not in done.stdout
    names = {f'{kind}.{form}' for kind in FIGURES for form in FORMATS}
    assert {path.name for path in out.iterdir()} == names
    starts = {'svg': b'<?xml', 'pdf': b'%PDF', 'png': b'\x89PNG'}
    for path in out.iterdir():
        assert path.read_bytes().startswith(starts[path.suffix[1:]])


def test_several_runs_share_the_figures_that_compare_them(folder: Path) -> None:
    out = folder / 'two'
    which = ['bars', 'radar', 'confusion']
    words = ['--which', *which, '--out', out, '--format', 'svg']
    done = draw(folder / 'run', folder / 'bare', *words)
    assert done.returncode == 0, done.stderr[-2000:]
    wanted = {'bars.svg', 'radar.svg', 'confusion-run.svg', 'confusion-bare.svg'}
    assert {path.name for path in out.iterdir()} == wanted


def test_missing_masks_are_one_line_with_the_command(folder: Path) -> None:
    run = folder / 'bare'
    done = draw(run, '--which', 'grid', '--out', folder / 'none')
    assert done.returncode == 2
    assert f'error: {run}/masks/' in done.stderr
    assert f'--work-dir {run} --out {run}/masks` writes it' in done.stderr
    assert 'Traceback' not in done.stderr


def test_one_run_has_its_figures_beside_it_and_several_need_a_place(
    folder: Path,
) -> None:
    run = folder / 'run'
    done = draw(run, '--which', 'bars', '--format', 'svg')
    assert done.returncode == 0, done.stderr[-2000:]
    assert (run / 'figures/bars.svg').is_file()
    done = draw(run, folder / 'bare', '--which', 'bars')
    assert done.returncode == 2 and 'of several runs, give --out' in done.stderr


def test_all_leaves_out_what_has_no_files(folder: Path) -> None:
    run = folder / 'untested'
    shutil.copytree(folder / 'run', run)
    (run / 'test_results.json').unlink()
    (run / 'predictions.csv').unlink()
    done = draw(run, '--out', folder / 'some', '--format', 'svg')
    assert done.returncode == 0, done.stderr[-2000:]
    assert [path.name for path in (folder / 'some').iterdir()] == ['curves.svg']
    assert f'{run}/test_results.json: there is no such file; `python' in done.stdout


@pytest.mark.parametrize(
    ('words', 'error'),
    [
        (['nowhere'], 'nowhere: there is no such folder'),
        ([ROOT / 'docs', '--which', 'curves'], 'scalars.json: there is no such file'),
    ],
)
def test_what_is_no_run_is_one_line(words, error, tmp_path: Path) -> None:
    done = draw(*words, '--out', tmp_path)
    assert done.returncode == 2
    assert error in done.stderr
    assert 'Traceback' not in done.stderr


def test_every_figure_has_its_name() -> None:
    assert set(FIGURES) == {*run_plots.OF_ONE, *run_plots.OF_ALL}


def test_the_command_line_is_quick_to_help() -> None:
    code = (
        'import sys; sys.argv = ["figures.py", "--help"]; import runpy\n'
        'try: runpy.run_path("tools/analysis_tools/figures.py", run_name="__main__")\n'
        'except SystemExit: pass\n'
        'print([m for m in ("torch", "matplotlib", "pandas") if m in sys.modules])'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == '[]', done.stderr
    assert all(kind in done.stdout for kind in FIGURES)
