"""The test command line, end to end on a tiny campaign."""

import csv
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fume_mm.apis import init_model
from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.paired_csv import read_paired
from fume_mm.datasets.pairing import pair_gases
from fume_mm.io.images import read_mask
from fume_mm.io.tables import write_table
from fume_mm.structures import GASES
from tests.campaigns import make_campaign
from tests.checkpoints import CONFIG, make_checkpoint
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
SIZE = (64, 48)
CLASSES = ('healthy', 'transitional', 'acidotic')
pytestmark = pytest.mark.slow


def run(
    folder: Path, work_dir: str, *command: str, campaign: str = 'campaign'
) -> subprocess.CompletedProcess[str]:
    words = [
        *command,
        f'--work-dir={folder}/{work_dir}',
        f'--out={folder}/{work_dir}/masks',
        f'--show-dir={folder}/{work_dir}/panels',
        '--cfg-options',
        f'data_root={folder}/{campaign}',
        'test_dataloader.batch_size=2',
        'test_dataloader.num_workers=0',
        'test_dataloader.dataset.pipeline.1.scale=(64,64)',
    ]
    if command[0].endswith('.py'):
        return run_tool(*words)
    # the scripts call python by its name
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    return subprocess.run(
        words,
        cwd=ROOT,
        env=os.environ | {'PATH': path, 'PORT': port},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five samples, a checkpoint, and in ``one`` what the test wrote."""
    folder = tmp_path_factory.mktemp('test')
    root = make_campaign(
        folder / 'campaign', vessels=5, frames=1, size=SIZE, splits=('test',)
    )
    annotations = read_annotations(root / 'test_annotations.csv')
    write_table(pair_gases(annotations), root / 'paired_test_annotations.csv')
    checkpoint = make_checkpoint(folder / 'model.pth')
    done = run(folder, 'one', 'tools/test.py', str(CONFIG), str(checkpoint))
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / 'stdout.txt').write_text(done.stdout)
    return folder


def masks(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: read_mask(path) for path in sorted(folder.iterdir())}


def results(work_dir: Path) -> dict:
    return json.loads((work_dir / 'test_results.json').read_text(encoding='utf-8'))


def samples(folder: Path) -> list[dict]:
    root = folder / 'campaign'
    paired = read_paired(root / 'paired_test_annotations.csv', root=root)
    return paired.to_dict('records')


def test_each_frame_has_its_mask(folder: Path) -> None:
    expected = {
        f'{sample["sample_id"]}_{gas}.png'
        for sample in samples(folder)
        for gas in GASES
        if sample[f'{gas}_frame']
    }
    assert len(expected) == 8
    assert set(masks(folder / 'one/masks')) == expected


def test_masks_are_those_that_were_scored(folder: Path) -> None:
    confusion = np.zeros((3, 3), int)
    written = masks(folder / 'one/masks')
    for sample in samples(folder):
        for gas in (gas for gas in GASES if sample[f'{gas}_mask']):
            path = folder / 'campaign' / sample[f'{gas}_mask']
            truth = read_mask(path)
            mask = written[f'{sample["sample_id"]}_{gas}.png']
            assert mask.shape == truth.shape == SIZE[::-1]
            np.add.at(confusion, (truth, mask), 1)
    assert np.count_nonzero(confusion.sum(axis=0)) > 1
    scored = results(folder / 'one')['details']['seg']['confusion']['all']
    assert confusion.tolist() == scored


def test_each_sample_has_its_panel(folder: Path) -> None:
    names = {f'{sample["sample_id"]}.png' for sample in samples(folder)}
    assert {path.name for path in (folder / 'one/panels').iterdir()} == names


def test_results_say_what_was_tested(folder: Path) -> None:
    content = results(folder / 'one')
    assert content['config'] == str(CONFIG)
    assert content['checkpoint'] == f'{folder}/model.pth'
    assert content['checkpoint_sha256'] == sha256(folder / 'model.pth')
    assert len(content['config_sha256']) == 64
    assert content['date'].endswith('+00:00')
    assert {'python', 'torch', 'mmengine', 'mmcv', 'mmseg', 'numpy', 'fume_mm'} == set(
        content['versions']
    )
    assert None not in content['versions'].values()
    annotations = folder / 'campaign/paired_test_annotations.csv'
    assert content['dataset'] == {
        'name': 'campaign',
        'ann_file': annotations.name,
        'ann_file_sha256': sha256(annotations),
        'samples': 5,
        'vessels': 5,
        'gases': ['co2', 'ch4'],
        'left_out': 0,
        'bad_samples': [],
        'pairing': {'same original': 3},
        'fold': None,
    }
    assert (content['simulated'], content['leakage']) == (False, False)
    assert content['by_frame'] is True  # the campaign names no vessel
    assert content['details']['num_samples'] == 5
    assert content['details']['availability'] == {
        'both': 3,
        'co2_only': 1,
        'ch4_only': 1,
    }
    assert 0 <= content['metrics']['joint/score'] <= 1


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def test_figures_have_intervals_and_undefined_ones_a_reason(folder: Path) -> None:
    content = results(folder / 'one')
    metrics, intervals = content['metrics'], content['intervals']
    assert content['bootstrap']['vessels'] == 5
    assert content['bootstrap']['resamples'] == 1000
    low, high = intervals['seg/mIoU']
    assert low <= metrics['seg/mIoU'] <= high
    undefined = {key for key, value in metrics.items() if value is None}
    assert undefined
    assert undefined <= set(content['reasons'])
    assert all(intervals[key] is None for key in undefined if '/support/' not in key)
    assert 'boundary/HD95' in metrics
    stdout = (folder / 'stdout.txt').read_text()
    assert 'In brackets: 95 % intervals, bootstrap over 5 vessels.' in stdout
    assert 'n/a: ' in stdout


def test_predictions_are_a_row_per_sample(folder: Path) -> None:
    found = rows(folder / 'one/predictions.csv')
    expected = samples(folder)
    assert [row['sample_id'] for row in found] == [s['sample_id'] for s in expected]
    assert [(row['vessel'],) for row in found] == [s['groups'] for s in expected]
    for row in found:
        assert (row['simulated'], row['leakage']) == ('False', 'False')
        assert sum(float(row[f'p_{name}']) for name in CLASSES) == pytest.approx(1)
    assert results(folder / 'one')['predictions'] == f'{folder}/one/predictions.csv'


def evaluated_again(folder: Path, name: str, *arguments: str) -> dict:
    done = run_tool(
        'tools/analysis_tools/eval_predictions.py',
        *arguments,
        f'--json={folder}/{name}.json',
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / f'{name}.txt').write_text(done.stdout)
    return json.loads((folder / f'{name}.json').read_text(encoding='utf-8'))


def test_figures_follow_from_the_predictions_alone(folder: Path) -> None:
    again = evaluated_again(folder, 'again', f'{folder}/one/predictions.csv')
    content = results(folder / 'one')
    for key in ('metrics', 'intervals', 'reasons', 'bootstrap', 'details'):
        assert again[key] == content[key], key
    table = (folder / 'stdout.txt').read_text().split('\nwritten:')[0]
    lines = [line for line in table.splitlines() if line]
    printed = (folder / 'again.txt').read_text()
    title = lines.index('Test split (SPLIT BY FRAME)')
    assert all(line in printed for line in lines[title:])


def test_the_table_can_be_printed_again(folder: Path) -> None:
    done = run_tool(
        'tools/analysis_tools/print_results.py', f'{folder}/one/test_results.json'
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout in (folder / 'stdout.txt').read_text()


def test_figures_of_masks_follow_from_the_masks(folder: Path) -> None:
    again = evaluated_again(
        folder,
        'masks',
        f'--masks={folder}/one/masks',
        '--ann=paired_test_annotations.csv',
        f'--data-root={folder}/campaign',
        f'--table={folder}/masks.csv',
    )
    content = results(folder / 'one')
    parts = ('seg/', 'boundary/')
    for kind in ('metrics', 'intervals'):
        wanted = {k: v for k, v in content[kind].items() if k.startswith(parts)}
        assert again[kind] == wanted
    columns = rows(folder / 'masks.csv')
    assert all('p_healthy' not in row for row in columns)
    one = rows(folder / 'one/predictions.csv')
    assert [row['co2_gas_hd95'] for row in columns] == [r['co2_gas_hd95'] for r in one]


def test_copies_of_training_frames_are_flagged(folder: Path) -> None:
    leaked = folder / 'leaked'
    shutil.copytree(folder / 'campaign', leaked)
    shutil.copy(
        leaked / 'paired_test_annotations.csv', leaked / 'paired_train_annotations.csv'
    )
    (leaked / 'campaign.json').write_text('{"simulated": true}')
    command = ['tools/test.py', str(CONFIG), f'{folder}/model.pth']
    done = run(folder, 'leak', *command, campaign='leaked')
    assert done.returncode == 2
    assert 'allow_leakage' in done.stderr
    # run() ends with --cfg-options
    allowed = 'test_dataloader.dataset.allow_leakage=True'
    done = run_tool(*done.args, allowed)
    assert done.returncode == 0, done.stderr[-2000:]
    title = 'Test split (simulated, LEAKED SPLIT, SPLIT BY FRAME)'
    assert title in done.stdout
    content = results(folder / 'leak')
    assert content['simulated'] is content['leakage'] is True
    evaluated_again(folder, 'leaked_again', f'{folder}/leak/predictions.csv')
    assert (folder / 'leaked_again.txt').read_text().startswith(title)


def test_a_model_is_scored_for_what_it_predicts(folder: Path) -> None:
    """A model without a health head, tested by an evaluator that scores both."""
    config = folder / 'masks_only.py'
    config.write_text(
        f"_base_ = '{CONFIG}'\nmodel = dict(neck=None, health_head=None)\n"
    )
    model = init_model(config)
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, folder / 'masks.pth')
    command = ['tools/test.py', str(config), f'{folder}/masks.pth']
    done = run(folder, 'masks_only', *command, '--resamples=0')
    assert done.returncode == 0, done.stderr[-2000:]
    content = results(folder / 'masks_only')
    assert {key.split('/')[0] for key in content['metrics']} == {'seg', 'boundary'}
    assert content['intervals'] == {}
    assert 'Not scored: cls (the model predicts no health class).' in done.stdout


def test_mistakes_are_named_before_the_work(folder: Path) -> None:
    command = ['tools/test.py', str(CONFIG), f'{folder}/model.pth']
    done = run(folder, 'none', *command, '--predictions=table.xlsx')
    assert done.returncode == 2
    assert 'table.xlsx: name a .csv or a .parquet file' in done.stderr


def test_two_processes_write_and_score_the_same(folder: Path) -> None:
    command = ['tools/dist_test.sh', str(CONFIG), f'{folder}/model.pth', '2']
    done = run(folder, 'two', *command)
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = (masks(folder / name / 'masks') for name in ('one', 'two'))
    assert one.keys() == two.keys()
    # another batch may round another way, at the border between two classes
    assert all(np.mean(one[name] != two[name]) < 0.01 for name in one)
    first, second = (results(folder / name) for name in ('one', 'two'))
    assert second['details']['num_samples'] == 5
    assert [row['sample_id'] for row in rows(folder / 'two/predictions.csv')] == [
        row['sample_id'] for row in rows(folder / 'one/predictions.csv')
    ]
    again = evaluated_again(folder, 'two_again', f'{folder}/two/predictions.csv')
    assert again['metrics'] == second['metrics']
    probabilities = [
        [[float(row[key]) for key in row if key.startswith('p_')] for row in table]
        for table in (
            rows(folder / f'{name}/predictions.csv') for name in ('one', 'two')
        )
    ]
    assert np.allclose(*probabilities, atol=1e-3)
    for key, value in first['metrics'].items():
        if 'roc_auc' in key or 'average_precision' in key:
            continue  # made of ranks, which five all but equal scores may swap
        # distances are in pixels
        most = 1.0 if '/HD95' in key or '/ASD' in key else 0.01
        assert second['metrics'][key] == (
            None if value is None else pytest.approx(value, abs=most)
        ), key


def test_missing_checkpoint_is_one_line(folder: Path) -> None:
    command = ['tools/test.py', str(CONFIG), 'nowhere.pth']
    done = run(folder, 'none', *command)
    assert done.returncode == 2
    assert 'error: nowhere.pth: there is no such checkpoint' in done.stderr
    assert 'Traceback' not in done.stderr
