"""Reading the folder of a run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.reporting import run_plots
from fume_mm.reporting.run_folder import RunFolder, name_runs, note_of
from fume_mm.reporting.test_results import write_results
from tests.runs import MISSED, make_run, write_scalars


@pytest.fixture(scope='module')
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp('folder'))


def copied(run: Path, to: Path) -> Path:
    return Path(shutil.copytree(run, to / 'copy'))


def test_what_a_resumed_training_repeats_counts_once(tmp_path):
    write_scalars(tmp_path / '20260101_000000', steps=(20, 40, 60))
    write_scalars(tmp_path / '20260102_000000', steps=(50, 70))
    steps = [row['step'] for row in RunFolder(tmp_path).scalars if 'loss' in row]
    assert steps == [20, 40, 50, 70]


def test_a_line_that_was_cut_short_is_left_out(tmp_path):
    write_scalars(tmp_path / 'part', steps=(20,))
    path = tmp_path / 'part/vis_data/scalars.json'
    path.write_text(path.read_text() + '{"loss": 1.0, "st')
    assert [row['step'] for row in RunFolder(tmp_path).scalars] == [20, 20]
    path.write_text('{"loss": 1.0\n' + path.read_text())
    with pytest.raises(UserError, match=r'scalars.json, line 1: is no entry'):
        _ = RunFolder(tmp_path).scalars


@pytest.mark.parametrize(
    ('part', 'command'),
    [
        ('results', 'tools/test.py CONFIG CHECKPOINT --work-dir'),
        ('predictions', 'tools/test.py CONFIG CHECKPOINT --work-dir'),
        ('scalars', 'tools/train.py CONFIG --work-dir'),
        ('config', 'tools/train.py CONFIG --work-dir'),
    ],
)
def test_what_is_missing_is_named_with_its_command(tmp_path, part, command):
    with pytest.raises(UserError) as caught:
        getattr(RunFolder(tmp_path), part)
    assert f'`python {command} {tmp_path}` writes it' in str(caught.value)


def test_examples_are_frame_truth_and_what_was_said(run):
    folder = RunFolder(run)
    name = folder.predictions['sample_id'][MISSED[0]]
    frame, truth, said = folder.read_example(name, MISSED[1])
    assert frame.shape == truth.shape == said.shape
    assert 2 in truth
    assert 2 not in said
    assert np.array_equal(truth == 1, said == 1)


def test_another_campaign_is_refused(run, tmp_path):
    other = make_run(tmp_path, name='other').parent / 'campaign'
    csv = other / 'paired_test_annotations.csv'
    table = pd.read_csv(csv)
    table.assign(sample_id='x' + table['sample_id']).to_csv(csv, index=False)
    with pytest.raises(UserError, match='--data-root'):
        _ = RunFolder(run, data_root=str(other)).samples


def test_a_fold_moves_with_its_campaign(run, tmp_path):
    copy = copied(run, tmp_path)
    names = list(RunFolder(run).samples)
    campaign = RunFolder(run).data_root
    (config,) = copy.glob('*.py')
    options = {'ann_root': f'{campaign}/cv_fold0'}
    load_config(str(config), options).dump(config)
    with pytest.raises(UserError, match='cv_fold0 does not exist'):
        _ = RunFolder(copy).samples
    moved = tmp_path / 'moved'
    shutil.copytree(campaign, moved)
    (moved / 'cv_fold0').mkdir()
    for path in moved.glob('*.csv'):
        path.rename(moved / 'cv_fold0' / path.name)
    found = RunFolder(copy, data_root=moved).samples
    assert list(found) == names
    paths = [path for x in found.values() for path in x['frame_paths'].values()]
    assert all(Path(path).is_relative_to(moved) for path in paths)


def test_marks_are_those_of_results_and_predictions(run, tmp_path):
    assert note_of([RunFolder(run)]) == 'simulated'
    copy = copied(run, tmp_path)
    results = json.loads((copy / 'test_results.json').read_text())
    results['simulated'], results['leakage'] = False, True
    write_results(results, copy / 'test_results.json')
    assert note_of([RunFolder(copy)]) == 'simulated, LEAKED SPLIT'


def test_an_untested_run_whose_data_nobody_knows_says_so(run, tmp_path):
    copy = copied(run, tmp_path)
    (copy / 'test_results.json').unlink()
    folder = RunFolder(copy, data_root='nowhere')
    assert note_of([folder]) == 'origin of the data unknown'
    campaign = tmp_path / 'campaign'
    campaign.mkdir()
    (campaign / 'campaign.json').write_text('{"simulated": true}')
    folder = RunFolder(copy, data_root=str(campaign))
    assert note_of([folder]) == 'simulated'


def test_runs_of_different_data_are_marked(run, tmp_path):
    copy = copied(run, tmp_path)
    for path, value in ((run, 'aa'), (copy, 'bb')):
        results = json.loads((path / 'test_results.json').read_text())
        results['dataset'] = {'ann_file_sha256': value}
        write_results(results, path / 'test_results.json')
    runs = [RunFolder(run), RunFolder(copy)]
    assert note_of(runs) == 'simulated, DIFFERENT TEST DATA'


def test_names_are_the_shortest_that_differ(tmp_path):
    paths = ['a/seed_0', 'a/seed_1', 'b/x', 'c/x', 'y']
    for path in paths:
        (tmp_path / path).mkdir(parents=True)
    runs = [RunFolder(tmp_path / path) for path in paths]
    name_runs(runs)
    assert [run.name for run in runs] == paths
    with pytest.raises(UserError, match='is given twice'):
        name_runs([RunFolder(tmp_path / 'y'), RunFolder(tmp_path / 'b/../y')])


def test_curves_are_sorted_by_task_and_gas(run):
    panels = {
        axes.get_title(loc='left'): axes
        for axes in run_plots.curves(RunFolder(run)).axes
    }
    assert list(panels) == [
        *('loss: total', 'loss: CO2', 'loss: CH4', 'loss: health'),
        *('learning rate', 'validation'),
    ]
    assert panels['loss: CO2'].lines[0].get_ydata().tolist() == [0.5, 0.25]
    assert panels['validation'].lines[0].get_xdata() == [40]


def test_scores_that_count_epochs_are_placed_at_their_ends(run, tmp_path):
    copy = copied(run, tmp_path)
    config = copy / 'fume_fastscnn.py'
    text = config.read_text()
    assert 'log_metric_by_epoch=False' in text
    config.write_text(
        text.replace('log_metric_by_epoch=False', 'log_metric_by_epoch=True')
    )
    path = next(copy.glob('*/vis_data/scalars.json'))
    path.write_text(path.read_text() + '{"seg/mIoU": 0.6, "step": 1}\n')
    folder = RunFolder(copy)
    lines = run_plots.curves(folder).axes[-1].lines
    assert lines[0].get_xdata()[-1] == 40


def test_figures_that_a_run_has_nothing_for_say_why(run, tmp_path):
    copy = copied(run, tmp_path)
    results = json.loads((copy / 'test_results.json').read_text())
    del results['details']['cls']['reliability']
    write_results(results, copy / 'test_results.json')
    with pytest.raises(UserError, match='no class probabilities'):
        run_plots.reliability(RunFolder(copy))
    del results['details']['cls']
    write_results(results, copy / 'test_results.json')
    with pytest.raises(UserError, match='scored no health class'):
        run_plots.confusion(RunFolder(copy))
