"""Test-time augmentation through the test command line."""

import json
from pathlib import Path

import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.io.images import read_mask
from fume_mm.io.tables import write_table
from tests.campaigns import make_campaign
from tests.checkpoints import CONFIG, make_checkpoint
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def run(folder: Path, work_dir: str, config: str, *flags: str) -> str | Path:
    """The work dir, or the error line of a test that fails."""
    out = folder / work_dir
    done = run_tool(
        'tools/test.py',
        config,
        f'{folder}/model.pth',
        f'--work-dir={out}',
        f'--out={out}/masks',
        f'--show-dir={out}/panels',
        *flags,
        '--cfg-options',
        f'data_root={folder}/campaign',
        'test_dataloader.batch_size=2',
        'test_dataloader.num_workers=0',
        'test_dataloader.dataset.pipeline.1.scale=(64,64)',
        'tta_pipeline.1.scale=(64,64)',
    )
    if done.returncode == 2:
        return done.stderr.splitlines()[-1]
    assert done.returncode == 0, done.stderr[-2000:]
    return out


def results(work_dir: str | Path) -> dict:
    return json.loads((Path(work_dir) / 'test_results.json').read_text('utf-8'))


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('tta')
    root = make_campaign(
        folder / 'campaign', vessels=5, frames=1, size=(64, 48), splits=('test',)
    )
    annotations = read_annotations(root / 'test_annotations.csv')
    write_table(pair_gases(annotations), root / 'paired_test_annotations.csv')
    make_checkpoint(folder / 'model.pth')
    return folder


def test_the_flag_and_the_ablation_do_the_same_and_say_so(folder: Path) -> None:
    plain = run(folder, 'plain', str(CONFIG))
    flag = run(folder, 'flag', str(CONFIG), '--tta')
    ablation = run(folder, 'ablation', 'configs/ablations/tta.py')
    assert [results(each)['tta'] for each in (plain, flag, ablation)] == [
        False,
        True,
        True,
    ]
    assert results(flag)['metrics'] == results(ablation)['metrics']
    assert results(flag)['metrics'] != results(plain)['metrics']
    for key in ('num_samples', 'availability'):
        assert results(flag)['details'][key] == results(plain)['details'][key]
    for kind in ('masks', 'panels'):
        names = {path.name for path in (Path(flag) / kind).iterdir()}
        assert names == {path.name for path in (Path(plain) / kind).iterdir()}
    for path in (Path(flag) / 'masks').iterdir():
        assert read_mask(path).shape == (48, 64)


def test_a_config_without_views_is_one_line(folder: Path) -> None:
    error = run(folder, 'none', 'configs/baselines/random_forest.py', '--tta')
    assert isinstance(error, str)
    assert 'random_forest.py: has no tta_model' in error
