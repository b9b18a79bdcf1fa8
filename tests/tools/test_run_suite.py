"""A suite of runs is taken up where it was left, and one bad run does not end it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns import make_campaign, pair_campaign

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
    return subprocess.run(
        [
            *(sys.executable, 'tools/analysis_tools/run_suite.py', *map(str, words)),
            *('--work-dir', str(out), '--cfg-options', *options),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
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
