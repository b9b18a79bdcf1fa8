"""The metric of docs/add_a_metric.md is everywhere, and no other file knows of it."""

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from fume_mm.evaluation.predictions import read_predictions
from fume_mm.registry import METRICS
from fume_mm.reporting.comparison import columns_of, comparison, read_runs
from fume_mm.reporting.page import report_html
from fume_mm.reporting.run_folder import RunFolder
from fume_mm.reporting.test_results import content_text
from tests.runs import make_run

ROOT = Path(__file__).parents[2]
NAMES = ('SegmentationMetric', 'BoundaryMetric', 'HealthMetric', 'GasAreaMetric')


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The metric's file, and a run that was tested with it."""
    folder = tmp_path_factory.mktemp('added')
    page = (ROOT / 'docs/add_a_metric.md').read_text(encoding='utf-8')
    code = re.findall(r'```python[^\n]*\n(.*?)```', page, re.DOTALL)[0]
    (folder / 'gas_area.py').write_text(code, encoding='utf-8')
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        importlib.import_module('gas_area')
        make_run(folder, metrics=[{'type': name} for name in NAMES])
        yield folder
        del METRICS.module_dict['GasAreaMetric'], sys.modules['gas_area']


def test_it_has_figures_intervals_and_a_column(folder: Path) -> None:
    results = RunFolder(folder / 'run').results
    table = pd.read_csv(folder / 'run/predictions.csv')
    errors = table[['co2_area_error', 'ch4_area_error']]
    expected = {'co2': errors['co2_area_error'], 'ch4': errors['ch4_area_error']}
    for gas, column in expected.items():
        assert results['metrics'][f'area/{gas}/error'] == pytest.approx(column.mean())
    assert results['metrics']['area/error'] == pytest.approx(errors.stack().mean())
    low, high = results['intervals']['area/error']
    assert low < results['metrics']['area/error'] < high


def test_it_stands_in_terminal_report_and_comparison(folder: Path) -> None:
    run = RunFolder(folder / 'run')
    value = f'{run.results["metrics"]["area/error"]:.1f}'
    low, high = run.results['intervals']['area/error']
    cell = f'{value} [{low:.1f}, {high:.1f}]'
    assert re.search(rf'error \(px\) +{re.escape(cell)}', content_text(run.results))
    page = report_html(run)
    assert '<h3>Gas area</h3>' in page
    assert f'<td>{cell}</td>' in page
    (column,) = columns_of(['area/error'])
    assert column.lower
    assert comparison(read_runs([run.path]), [column], costs={}).rows[0][2] == cell


def test_it_is_computed_again_from_the_file(folder: Path) -> None:
    assert 'ch4_area_error' in read_predictions(folder / 'run/predictions.csv')
    again = folder / 'again.json'
    done = subprocess.run(
        [
            *(sys.executable, 'tools/analysis_tools/eval_predictions.py'),
            *(folder / 'run/predictions.csv', '--imports', 'gas_area'),
            *('--resamples', '200', '--json', again),
        ],
        cwd=ROOT,
        env=os.environ | {'PYTHONPATH': f'{ROOT}{os.pathsep}{folder}'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((folder / 'run/test_results.json').read_text())
    assert json.loads(again.read_text())['metrics'] == results['metrics']
    assert json.loads(again.read_text())['intervals'] == results['intervals']
    assert 'Gas area' in done.stdout


def test_two_metrics_of_one_prefix_are_refused(folder: Path) -> None:
    from fume_mm.errors import UserError
    from fume_mm.evaluation import SegmentationMetric, compute_figures

    table = read_predictions(folder / 'run/predictions.csv')
    with pytest.raises(UserError, match=r'its figure seg/mIoU is another metric'):
        compute_figures(table, metrics=[SegmentationMetric, SegmentationMetric])
