"""A suite of runs is taken up where it was left, and one bad run does not end it."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.campaigns import make_campaign, pair_campaign
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
FUME = 'configs/fume/fume_fastscnn.py'
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_campaign(tmp_path_factory.mktemp('campaign'), size=(64, 64))
    return pair_campaign(root)


def suite(campaign: Path, out: Path, *words: object) -> subprocess.CompletedProcess:
    options = [
        f'data_root={campaign}',
        'train_cfg.max_epochs=1',
        'train_dataloader.batch_size=4',
        *(f'{split}_dataloader.num_workers=0' for split in ('train', 'val', 'test')),
        'train_dataloader.dataset.pipeline.3.scale=(64,64)',
        *(
            f'{split}_dataloader.dataset.pipeline.1.scale=(64,64)'
            for split in ('val', 'test')
        ),
    ]
    return run_tool(
        'tools/analysis_tools/run_suite.py',
        *words,
        *('--work-dir', str(out), '--cfg-options', *options),
    )


def test_runs_are_noted_and_not_repeated(campaign: Path, tmp_path: Path) -> None:
    wild = tmp_path / 'wild.py'
    wild.write_text(
        f"_base_ = '{ROOT / FUME}'\noptim_wrapper = dict(optimizer=dict(lr=1e4))\n"
    )
    out = tmp_path / 'suite'
    done = suite(campaign, out, FUME, wild, '--seeds', 3)
    assert done.returncode == 1, done.stderr
    assert '2 of 2 runs to do' in done.stdout
    runs = json.loads((out / 'suite.json').read_text())
    assert [run['state'] for run in runs] == ['done', 'diverged']
    assert 'training has diverged' in runs[1]['error']
    results = json.loads((out / 'fume_fastscnn/seed_3/test_results.json').read_text())
    shown = f'{100 * results["metrics"]["seg/mIoU"]:.1f}'
    minutes = f'{runs[0]["seconds"] / 60:.1f}'
    rows = [line.split()[:4] for line in done.stdout.splitlines()]
    assert ['fume_fastscnn', '3', 'done', minutes] in rows
    assert shown in done.stdout
    assert not (out / 'wild/seed_3/test_results.json').exists()

    note = out / 'fume_fastscnn/seed_3/run.json'
    before = note.read_text()
    again = suite(campaign, out, FUME, wild, '--seeds', 3)
    assert '0 of 2 runs to do' in again.stdout
    assert note.read_text() == before


def test_what_cannot_be_one_suite_is_refused(campaign: Path, tmp_path: Path) -> None:
    twin = tmp_path / 'fume_fastscnn.py'
    twin.write_text('')
    done = suite(campaign, tmp_path, FUME, twin)
    assert done.returncode == 2 and 'have one name' in done.stderr
    done = suite(campaign, tmp_path, 'configs/fume/no.py')
    assert done.returncode == 2 and 'configs/fume/no.py: there is no' in done.stderr
    folder = tmp_path / 'fume_fastscnn/seed_42'
    folder.mkdir(parents=True)
    note = {'options': ['train_cfg.max_epochs=2'], 'seconds': 0.0, 'state': 'done'}
    (folder / 'run.json').write_text(json.dumps(note))
    done = suite(campaign, tmp_path, FUME)
    assert done.returncode == 2
    assert 'was run with --cfg-options train_cfg.max_epochs=2; give' in done.stderr


@pytest.fixture
def folds(campaign: Path, tmp_path: Path) -> Path:
    """Two folds of the campaign's CSVs: train and test changed places in the second."""
    for fold, swap in (
        ('cv_fold0', {}),
        ('cv_fold1', {'train': 'test', 'test': 'train'}),
    ):
        place = tmp_path / 'lists' / fold
        place.mkdir(parents=True)
        for split in ('train', 'val', 'test'):
            name = f'paired_{swap.get(split, split)}_annotations.csv'
            shutil.copy(campaign / name, place / f'paired_{split}_annotations.csv')
    return tmp_path / 'lists'


@pytest.mark.long
def test_folds_are_run_as_seeds_are(
    campaign: Path, folds: Path, tmp_path: Path
) -> None:
    out = tmp_path / 'suite'
    words = (FUME, '--seeds', 3, '--folds', *sorted(folds.iterdir()))
    done = suite(campaign, out, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '2 of 2 runs to do' in done.stdout
    vessels = []
    for k, split in enumerate(('test', 'train')):
        run = out / f'fume_fastscnn/cv_fold{k}/seed_3'
        results = json.loads((run / 'test_results.json').read_text())
        assert results['dataset']['fold'] == f'cv_fold{k}'
        assert results['seed'] == 3
        with (run / 'predictions.csv').open() as file:
            vessels.append({row['vessel'] for row in csv.DictReader(file)})
        assert all(name.startswith(split) for name in vessels[-1])
        assert json.loads((run / 'run.json').read_text())['fold'].endswith(f'fold{k}')
    assert not vessels[0] & vessels[1]
    rows = [line.split()[:4] for line in done.stdout.splitlines()]
    assert ['fume_fastscnn', 'cv_fold1', '3', 'done'] in rows
    again = suite(campaign, out, *words)
    assert '0 of 2 runs to do' in again.stdout

    done = suite(campaign, out, FUME, '--folds', folds)
    assert done.returncode == 2
    assert 'paired_train_annotations.csv: there is no such file; pair' in done.stderr
    twin = tmp_path / 'other/cv_fold0'
    shutil.copytree(folds / 'cv_fold0', twin)
    done = suite(campaign, out, FUME, '--seeds', 3, '--folds', twin)
    assert done.returncode == 2 and 'was run on the fold' in done.stderr
    done = suite(campaign, out, FUME, '--folds', twin, folds / 'cv_fold0')
    assert done.returncode == 2 and 'have one name' in done.stderr
