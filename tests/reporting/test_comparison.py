"""Tables from runs: what is in them, what is marked, what is left out."""

import csv
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from fume_mm.engine.complexity import complexity
from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.reporting.comparison import comparison, read_runs
from fume_mm.reporting.page import cost_table
from fume_mm.reporting.paper_tables import PUBLISHED, TABLES
from fume_mm.reporting.rendering import render
from fume_mm.reporting.run_folder import RunFolder
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
FOLDERS = ('configs', 'projects/table1')


def config_of(name: str) -> Path:
    (path,) = (x for folder in FOLDERS for x in ROOT.glob(f'{folder}/*/{name}.py'))
    return path


def make_run(
    folder: Path,
    name: str,
    miou: float,
    interval: tuple[float, float] | None,
    **more: Any,
) -> None:
    folder.mkdir(parents=True)
    content = {
        'config': config_of(name).relative_to(ROOT).as_posix(),
        'simulated': True,
        'leakage': False,
        'dataset': {'ann_file_sha256': 'a' * 64},
        'metrics': {
            'seg/mIoU': miou,
            'boundary/HD95': 20 - 10 * miou,
            'cls/accuracy': None,
        },
        'intervals': {
            'seg/mIoU': interval,
            'boundary/HD95': interval
            and (20 - 10 * interval[1], 20 - 10 * interval[0]),
        },
    }
    (folder / 'test_results.json').write_text(json.dumps(content | more))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_run(tmp_path / 'a', 'fume_fastscnn', 0.8, (0.78, 0.82))
    make_run(tmp_path / 'b', 'fume_fastscnn_concat', 0.7, (0.68, 0.72))
    make_run(tmp_path / 'c/seed_0', 'enet_t1', 0.4, (0.38, 0.42))
    make_run(tmp_path / 'c/seed_1', 'enet_t1', 0.5, (0.48, 0.52))
    (tmp_path / 'c/seed_2').mkdir()
    note = {'config': 'configs/peers/enet_t1.py', 'seed': 2, 'state': 'diverged'}
    (tmp_path / 'c/seed_2/run.json').write_text(json.dumps(note))
    return tmp_path


def rows(text: str) -> list[dict[str, str]]:
    lines = [line for line in text.splitlines() if not line.startswith('#')]
    return list(csv.DictReader(lines))


def test_figures_intervals_spreads_and_gaps(runs: Path) -> None:
    models = read_runs([runs])
    costs = {'enet_t1': {'parameters': 257_530, 'latency': 4.0, 'fps': 250.0}}
    text = render(comparison(models, 1, costs=costs), 'csv')
    table = {row['model']: row for row in rows(text)}
    assert table['fume_fastscnn']['mIoU'] == '80.00 [78.00, 82.00]'
    assert table['fume_fastscnn']['HD95 (px)'] == '12.00 [11.80, 12.20]'
    # mean and standard deviation of 40 and 50
    assert table['enet_t1']['mIoU'] == '45.00 ± 7.07'
    assert table['enet_t1']['runs'] == '2'
    assert table['enet_t1']['parameters (M)'] == '0.26'
    assert table['enet_t1']['FPS'] == '250.0'
    assert {row['accuracy'] for row in table.values()} == {'-'}
    assert table['fume_fastscnn']['latency (ms)'] == '-'
    assert '# Simulated data.' in text
    assert '# enet_t1: left out seed 2 diverged.' in text


def test_the_best_is_marked_where_intervals_are_apart(runs: Path) -> None:
    text = render(comparison(read_runs([runs]), 1, costs={}), 'md')
    assert '**80.00 [78.00, 82.00]**' in text
    assert '**12.00 [11.80, 12.20]**' in text  # less is better
    assert text.count('**') == 4
    make_run(runs / 'd', 'cmx_t1', 0.79, (0.77, 0.81))
    text = render(comparison(read_runs([runs]), 1, costs={}), 'md')
    assert text.count('**') == 0


def test_published_figures_are_said_to_be_of_other_data(runs: Path) -> None:
    text = render(comparison(read_runs([runs]), 1, costs={}, paper=True), 'csv')
    table = {row['model']: row for row in rows(text)}
    assert table['fume_fastscnn_concat']['paper: mIoU'] == '80.99'
    assert table['enet_t1']['paper: MACs (G)'] == '3.18'
    assert table['fume_fastscnn']['paper: mIoU'] == '-'
    assert 'of other, real data' in text
    for number, named in PUBLISHED.items():
        for name, (_, figures) in named.items():
            assert len(figures) == len(TABLES[number])
            assert config_of(name)


def test_latex_escapes_and_has_as_many_cells_as_its_head(runs: Path) -> None:
    text = render(comparison(read_runs([runs]), 1, costs={}), 'latex')
    body = [line for line in text.splitlines() if '&' in line]
    assert len(body) == 4
    assert {line.count(' & ') for line in body} == {len(TABLES[1]) + 1}
    assert r'fume\_fastscnn\_concat' in text and r'45.00 $\pm$ 7.07' in text


def test_other_data_and_no_runs_are_refused(runs: Path, tmp_path: Path) -> None:
    other = {'dataset': {'ann_file_sha256': 'b' * 64}}
    make_run(runs / 'e', 'cmx_t1', 0.79, None, **other)
    with pytest.raises(UserError, match='were tested on different data'):
        read_runs([runs])
    empty = tmp_path / 'empty'
    empty.mkdir()
    with pytest.raises(UserError, match='empty: holds no finished run'):
        read_runs([empty])
    (empty / 'test_results.json').write_text('{')
    with pytest.raises(UserError, match=r'test_results\.json: is no readable'):
        read_runs([empty])


@pytest.mark.slow
def test_the_command_counts_the_models(runs: Path) -> None:
    timed = runs / 'latency.json'
    row = {'case': 'model', 'key': 'wall', 'config': 'x/enet_t1.py'}
    row['ours'] = {'median': 5.0}
    timed.write_text(json.dumps({'rows': [row]}))
    out = runs / 'new/table.csv'
    words = [
        runs / 'a',
        runs / 'c',
        '--format=csv',
        f'--out={out}',
        f'--latency={timed}',
    ]
    done = run_tool('tools/analysis_tools/compare.py', *words)
    assert done.returncode == 0, done.stderr
    assert out.read_text() == done.stdout
    table = {row['model']: row for row in rows(done.stdout)}
    assert table['fume_fastscnn']['parameters (M)'] == '1.66'
    assert table['fume_fastscnn']['MACs (G)'] == '1.89'
    assert table['enet_t1']['latency (ms)'] == '5.00'


@pytest.mark.slow
def test_a_table_and_a_report_count_a_run_alike(tmp_path: Path) -> None:
    folder = tmp_path / 'a'
    make_run(folder, 'fume_fastscnn', 0.8, (0.78, 0.82))
    options = {'scale': (256, 192), 'model.neck.cross_attention': False}
    cfg = load_config(str(config_of('fume_fastscnn')), options)
    cfg.dump(str(folder / 'fume_fastscnn.py'))
    tool = runpy.run_path(str(ROOT / 'tools/analysis_tools/compare.py'))
    (model,) = read_runs([folder])
    found = tool['costs'](model, {})
    cost = complexity(cfg, size=(192, 256))
    assert (found['parameters'], found['macs']) == (cost.parameters, cost.macs)
    (table,) = cost_table(RunFolder(folder))
    assert table.rows[-1] == ['model', f'{cost.parameters:,}', f'{cost.macs / 1e9:.3f}']
    assert 'at 256x192' in table.notes[0]
