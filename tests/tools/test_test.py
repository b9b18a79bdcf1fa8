"""The test command line, end to end on a tiny campaign."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases, read_paired, write_paired
from fume_mm.structures import GASES
from tests.campaigns import make_campaign
from tests.checkpoints import CONFIG, make_checkpoint

ROOT = Path(__file__).parents[2]
SIZE = (64, 48)
pytestmark = pytest.mark.slow


def run(folder: Path, work_dir: str, *command: str) -> subprocess.CompletedProcess[str]:
    # the scripts call python by its name
    path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    return subprocess.run(
        [
            *command,
            f'--work-dir={folder}/{work_dir}',
            f'--out={folder}/{work_dir}/masks',
            f'--show-dir={folder}/{work_dir}/panels',
            '--cfg-options',
            f'data_root={folder}/campaign',
            'test_dataloader.batch_size=2',
            'test_dataloader.num_workers=0',
            'test_dataloader.dataset.pipeline.1.scale=(64,64)',
        ],
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
    write_paired(pair_gases(annotations), root / 'paired_test_annotations.csv')
    checkpoint = make_checkpoint(folder / 'model.pth')
    done = run(
        folder, 'one', sys.executable, 'tools/test.py', str(CONFIG), str(checkpoint)
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (folder / 'stdout.txt').write_text(done.stdout)
    return folder


def masks(folder: Path) -> dict[str, np.ndarray]:
    return {
        path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        for path in sorted(folder.iterdir())
    }


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
            truth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
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
    assert (content['simulated'], content['leakage']) == (False, False)
    assert content['details']['num_samples'] == 5
    assert content['details']['availability'] == {
        'both': 3,
        'co2_only': 1,
        'ch4_only': 1,
    }
    assert 0 <= content['metrics']['joint/score'] <= 1


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
    assert second['metrics'] == pytest.approx(first['metrics'], abs=0.01, nan_ok=True)


def test_missing_checkpoint_is_one_line(folder: Path) -> None:
    command = [sys.executable, 'tools/test.py', str(CONFIG), 'nowhere.pth']
    done = run(folder, 'none', *command)
    assert done.returncode == 2
    assert 'error: nowhere.pth: there is no such checkpoint' in done.stderr
    assert 'Traceback' not in done.stderr
