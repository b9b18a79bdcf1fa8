"""Runs over folds: pooled, mean and spread, and beside a published split."""

import json
import shutil
import statistics
from pathlib import Path

import pytest

from fume_mm.errors import UserError
from fume_mm.evaluation import BoundaryMetric
from fume_mm.evaluation.difference import differences
from fume_mm.evaluation.predictions import read_predictions, write_predictions
from fume_mm.evaluation.scores import Scores
from fume_mm.reporting.comparison import beside, columns_of, comparison, read_runs
from fume_mm.reporting.cross_validation import CrossValidation, folds_table, open_run
from fume_mm.reporting.page import report_html
from fume_mm.reporting.rendering import render
from fume_mm.reporting.test_results import write_results
from tests.commands import run_tool
from tests.runs import make_run

ROOT = Path(__file__).parents[2]
#: Samples of the six (a vessel each) that each fold tests; two are right in fold 0, one
#: of two in fold 1, all of fold 2.
PARTS = {'cv_fold0': (0, 2), 'cv_fold1': (1, 3), 'cv_fold2': (4, 5)}


def write_fold(run: Path, to: Path, fold: str | None, rows: tuple[int, ...]) -> None:
    """The run's test of these samples alone, as a run of its own."""
    to.mkdir(parents=True)
    for config in run.glob('*.py'):
        shutil.copy(config, to)
    table = read_predictions(run / 'predictions.csv').iloc[list(rows)]
    table = table.reset_index(drop=True)
    content = json.loads((run / 'test_results.json').read_text())
    content |= Scores.of_table(table).with_intervals(50).to_json()
    content |= {'seed': 3, 'dataset': {'fold': fold, 'ann_file_sha256': str(fold)}}
    write_results(content, to / 'test_results.json')
    write_predictions(table, to / 'predictions.csv')


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp('run'))


@pytest.fixture(scope='module')
def suite(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp('suite')
    for fold, rows in PARTS.items():
        write_fold(run, out / f'fume_fastscnn/{fold}/seed_3', fold, rows)
    return out


@pytest.fixture
def published(run: Path, tmp_path: Path) -> Path:
    """The first four samples, all but the second right, on a leaked split."""
    out = tmp_path / 'published'
    write_fold(run, out, None, (0, 1, 2, 3))
    content = json.loads((out / 'test_results.json').read_text())
    write_results(content | {'leakage': True}, out / 'test_results.json')
    return out


def test_pooled_is_the_test_of_all_predictions(run: Path, suite: Path) -> None:
    whole = Scores.of_table(read_predictions(run / 'predictions.csv'))
    folder = open_run(suite)
    assert isinstance(folder, CrossValidation)
    assert folder.scores.values == pytest.approx(whole.values, nan_ok=True)
    assert folder.scores.values['cls/accuracy'] == 5 / 6
    assert folder.results['details']['vessels']['number'] == 6
    intervals = whole.with_intervals().intervals
    # drawn over the vessels of all folds, whatever their order
    assert folder.scores.intervals.keys() == intervals.keys()
    low, high = folder.scores.intervals['seg/mIoU']
    assert low < folder.scores.values['seg/mIoU'] < high
    assert folder.marks == {'simulated': True, 'leakage': False, 'by_frame': False}


def test_mean_and_spread_are_over_folds(suite: Path) -> None:
    table = folds_table(open_run(suite))
    assert table.title == 'Over 3 folds'
    assert table.head == ['', 'pooled', 'mean', *PARTS]
    values = [
        json.loads(
            (suite / f'fume_fastscnn/{fold}/seed_3/test_results.json').read_text()
        )['metrics']['seg/mIoU']
        for fold in PARTS
    ]
    (row,) = (row for row in table.rows if row[0] == 'mIoU')
    mean, spread = statistics.mean(values), statistics.stdev(values)
    assert row[2] == f'{100 * mean:.1f} ± {100 * spread:.1f}'
    assert row[3:] == [f'{100 * value:.1f}' for value in values]


def test_the_comparison_has_a_row_for_either(suite: Path) -> None:
    models = read_runs([suite])
    columns = columns_of(['cls/accuracy', 'seg/mIoU'])
    table = comparison(models, columns, costs={})
    pooled, mean = table.rows
    assert pooled[:2] == ['fume_fastscnn, pooled', '1']
    assert mean[:2] == ['fume_fastscnn, mean of folds', '3']
    assert pooled[2].startswith('83.3 [')
    # 2 of 2, 1 of 2 and 2 of 2: their deviation is the root of 1/12
    assert mean[2] == '83.3 ± 28.9'
    assert any('Pooled: the test predictions' in note for note in table.notes)


def test_a_missing_fold_is_said(suite: Path, run: Path, tmp_path: Path) -> None:
    few = tmp_path / 'few'
    shutil.copytree(suite, few)
    for path in few.rglob('test_results.json'):
        text = path.read_text().replace('fume_fastscnn.py', 'fume_fastscnn_concat.py')
        write_results(json.loads(text), path)
    shutil.rmtree(few / 'fume_fastscnn/cv_fold1')
    lost = few / 'fume_fastscnn/cv_fold1/seed_3'
    lost.mkdir(parents=True)
    note = {'config': 'x/fume_fastscnn_concat.py', 'seed': 3, 'state': 'failed'}
    (lost / 'run.json').write_text(json.dumps(note | {'fold': 'd/cv_fold1'}))
    models = read_runs([suite, few])
    text = render(comparison(models, columns_of(['seg/mIoU']), costs={}), 'md')
    assert 'fume_fastscnn_concat: 2 of 3 folds are there' in text
    assert 'fume_fastscnn_concat: left out cv_fold1, seed 3 failed.' in text


def test_a_fold_and_a_split_do_not_compare(suite: Path, published: Path) -> None:
    for order in ([suite, published], [published, suite]):
        with pytest.raises(UserError, match='tested on different data'):
            read_runs(order)


def test_a_sample_of_two_folds_is_refused(
    suite: Path, run: Path, tmp_path: Path
) -> None:
    shutil.copytree(suite, tmp_path / 'twice')
    write_fold(
        run, tmp_path / 'twice/fume_fastscnn/cv_fold3/seed_3', 'cv_fold3', (0, 1)
    )
    with pytest.raises(UserError, match='is tested in cv_fold0 and cv_fold3'):
        _ = open_run(tmp_path / 'twice').predictions
    write_fold(
        run, tmp_path / 'twice/fume_fastscnn/cv_foldx/seed_3', 'cv_fold2', (4, 5)
    )
    with pytest.raises(UserError, match='are both of cv_fold2 with seed 3'):
        open_run(tmp_path / 'twice')


def test_a_published_split_beside_recordings_apart(
    suite: Path, published: Path
) -> None:
    table = beside(read_runs([published]), read_runs([suite]))
    assert table.head[2:] == ['published split', 'recordings apart', 'difference']
    (row,) = (row for row in table.rows if row[1] == 'accuracy')
    # 3 of 4 against 5 of 6
    assert [cell.partition(' ')[0] for cell in row] == [
        'fume_fastscnn',
        'accuracy',
        '75.0',
        '83.3',
        '8.3',
    ]
    assert '[' in row[4]
    assert not any('shares no recordings either' in note for note in table.notes)
    with pytest.raises(UserError, match='is no test with recordings apart'):
        beside(read_runs([suite]), read_runs([published]))


def test_a_vessel_counts_as_often_in_both_tests(run: Path) -> None:
    table = read_predictions(run / 'predictions.csv')
    same = differences([table], [table], resamples=100)
    assert same['cls/accuracy'].difference[:3] == (0, 0, 0)
    assert same['cls/accuracy'].first[:3] == same['cls/accuracy'].second[:3]
    first, second = table.iloc[:3], table.iloc[3:]
    apart = differences(
        [x.reset_index(drop=True) for x in (first,)],
        [x.reset_index(drop=True) for x in (second,)],
        resamples=100,
    )
    found = apart['cls/accuracy']
    assert (found.first.value, found.second.value) == (pytest.approx(2 / 3), 1)
    assert found.difference.value == pytest.approx(1 / 3)
    assert found.difference.low < 1 / 3 <= found.difference.high
    nameless = table.assign(vessel='')
    assert not differences([nameless], [table])['cls/accuracy'].difference.bounded


def test_seeds_are_averaged_first(run: Path) -> None:
    table = read_predictions(run / 'predictions.csv')
    right = table[table['true_class'] == table['predicted_class']].reset_index(
        drop=True
    )
    found = differences([table, right], [right], resamples=100)['cls/accuracy']
    assert found.first.value == pytest.approx((5 / 6 + 1) / 2)
    assert found.difference.value == pytest.approx(1 / 12)


def test_the_page_is_of_all_folds(suite: Path, published: Path) -> None:
    page = report_html(open_run(suite), published=open_run(published))
    assert 'Over 3 folds' in page and 'cv_fold2' in page
    assert 'Published split beside recordings apart' in page
    assert 'each fold has a training log of its own' in page


def test_the_command_sets_them_beside_each_other(suite: Path, published: Path) -> None:
    done = run_tool(
        'tools/analysis_tools/compare.py',
        str(published),
        *('--apart', str(suite), '--format', 'csv', '--metrics', 'cls/accuracy'),
    )
    assert done.returncode == 0, done.stderr
    assert 'fume_fastscnn,accuracy,"75.0 [' in done.stdout


def test_pooling_needs_the_same_columns(suite: Path, tmp_path: Path) -> None:
    shutil.copytree(suite, tmp_path / 'odd')
    path = tmp_path / 'odd/fume_fastscnn/cv_fold1/seed_3/predictions.csv'
    table = read_predictions(path)
    outlines = [name for name in table if name in BoundaryMetric.columns]
    write_predictions(table.drop(columns=outlines), path)
    with pytest.raises(UserError, match='cv_fold0 and cv_fold1 have not the same'):
        _ = open_run(tmp_path / 'odd').predictions
