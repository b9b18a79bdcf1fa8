"""The random forest through the command lines: train, test, resume, tampering."""

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fume_mm.apis import init_model
from fume_mm.datasets.samplers import collate_samples
from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.io.weights import read_checkpoint, require_match
from fume_mm.registry import DATASETS, EVALUATOR, LOOPS, MODELS, register_all_modules
from fume_mm.structures import SPLITS
from tests.campaigns import annotations, make_campaign, pair_campaign, read_rows
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/baselines/random_forest.py'
BEST = 'best_cls_balanced_accuracy_epoch_1.pth'
pytestmark = pytest.mark.slow


def run(campaign: Path, work_dir: Path, *command: str) -> subprocess.CompletedProcess:
    split = 'test' if 'tools/test.py' in command else 'train'
    loaders = ('test',) if split == 'test' else ('train', 'val')
    return run_tool(
        *command,
        f'--work-dir={work_dir}',
        '--cfg-options',
        f'data_root={campaign}',
        'default_hooks.logger.interval=1',
        *(f'{loader}_dataloader.num_workers=0' for loader in loaders),
    )


@pytest.fixture(scope='module')
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_campaign(tmp_path_factory.mktemp('campaign'), size=(64, 48))
    # a frame of the test split shows no gas at all
    empty = root / read_rows(annotations(root, 'test'))[0]['mask_path']
    cv2.imwrite(str(empty), np.zeros((48, 64), np.uint8))
    return pair_campaign(root)


@pytest.fixture(scope='module')
def trained(campaign: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work dir, with what training said in output.txt."""
    work_dir = tmp_path_factory.mktemp('run')
    done = run(campaign, work_dir, 'tools/train.py', CONFIG)
    assert done.returncode == 0, done.stderr[-2000:]
    (work_dir / 'output.txt').write_text(done.stdout + done.stderr)
    return work_dir


def test_the_config_is_what_its_name_says() -> None:
    register_all_modules()
    cfg = load_config(str(ROOT / CONFIG))
    model = MODELS.build(cfg.model)
    assert (model.trees, model.max_depth, model.class_weight) == (100, 10, 'balanced')
    assert LOOPS.get(cfg.train_cfg.type).__name__ == 'FitLoop'
    steps = ['LoadDualGasFrames', 'LoadDualGasMasks', 'PackDualGasInputs']
    for split in SPLITS:
        loader = cfg[f'{split}_dataloader']
        assert [step.type for step in loader.dataset.pipeline] == steps
        assert loader.dataset.per_frame
        assert loader.sampler == {'type': 'DefaultSampler', 'shuffle': False}
    (metric,) = EVALUATOR.build(cfg.test_evaluator).metrics
    assert type(metric).__name__ == 'HealthMetric'


def test_training_shows_every_frame_once_fits_and_validates(trained: Path) -> None:
    output = (trained / 'output.txt').read_text()
    assert 'Epoch(train) [1][3/3]' in output
    assert 'Fitted to 20 frames.' in output
    assert 'Epoch(val) [1][3/3]' in output
    assert 'cls/balanced_accuracy' in output
    assert 'seg/' not in output
    for name in ('last.pth', 'epoch_1.pth', BEST):
        assert (trained / name).is_file(), name


def test_checkpoints_are_read_without_unpickling(trained: Path) -> None:
    model = init_model(ROOT / CONFIG)
    for name in ('last.pth', BEST):
        state = read_checkpoint(str(trained / name))['state_dict']
        assert list(state) == ['cases', 'seed']
        require_match(model, str(trained / name))
    require_match(model, str(trained / 'last.pth'), resume=True)


@pytest.fixture(scope='module')
def results(campaign: Path, trained: Path) -> dict:
    out = trained / 'test'
    done = run(campaign, out, 'tools/test.py', CONFIG, str(trained / BEST))
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'Health (%)' in done.stdout
    assert 'Segmentation (%)' not in done.stdout
    return json.loads((out / 'test_results.json').read_text(encoding='utf-8'))


def test_it_is_scored_by_health_alone(results: dict) -> None:
    assert results['details']['num_samples'] == 20
    assert results['details']['availability'] == {
        'both': 0,
        'co2_only': 10,
        'ch4_only': 10,
    }
    assert all(key.startswith('cls/') for key in results['metrics'])
    # the plume is the wider the lower the pH, and its mask tells how wide
    assert results['metrics']['cls/accuracy'] >= 18 / 20


def test_reloading_gives_the_predictions_that_were_scored(
    campaign: Path, trained: Path, results: dict
) -> None:
    cfg = load_config(str(ROOT / CONFIG), {'data_root': str(campaign)})
    model = init_model(cfg, trained / BEST)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    samples = model.test_step(collate_samples([dataset[i] for i in range(20)]))
    confusion = np.zeros((3, 3), int)
    for sample in samples:
        confusion[int(sample.gt_health), int(sample.pred_health)] += 1
    assert confusion.tolist() == results['details']['cls']['confusion']['all']
    again = init_model(cfg, trained / 'last.pth')
    for one, other in zip(
        samples,
        again.test_step(collate_samples([dataset[i] for i in range(20)])),
        strict=True,
    ):
        assert torch.equal(one.health_scores, other.health_scores)


def test_a_finished_run_is_resumed_to_nothing(campaign: Path, trained: Path) -> None:
    before = (trained / 'last.pth').read_bytes()
    done = run(campaign, trained, 'tools/train.py', CONFIG, '--resume')
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'resumed epoch: 1' in done.stdout + done.stderr
    assert 'Epoch(train)' not in done.stdout + done.stderr
    assert (trained / 'last.pth').read_bytes() == before


def tamper(source: Path, target: Path, state: dict[str, torch.Tensor]) -> str:
    content = read_checkpoint(str(source))
    content['state_dict'] = state
    torch.save(content, target)
    return str(target)


def test_a_tampered_checkpoint_is_one_line(
    campaign: Path, trained: Path, tmp_path: Path
) -> None:
    state = read_checkpoint(str(trained / BEST))['state_dict']
    cases = state['cases'].clone()
    cases[0, -1] = 7
    path = tamper(trained / BEST, tmp_path / 'tampered.pth', state | {'cases': cases})
    done = run(campaign, tmp_path, 'tools/test.py', CONFIG, path)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith('error:')]
    assert f'{path}: holds nothing that a random forest can be grown from' in line
    assert 'Traceback' not in done.stderr


def test_older_and_other_checkpoints_are_refused(trained: Path, tmp_path: Path) -> None:
    older = {'forest': torch.arange(200, dtype=torch.uint8)}
    path = tamper(trained / BEST, tmp_path / 'older.pth', older)
    with pytest.raises(UserError, match=r'older\.pth: .* earlier versions .*train'):
        init_model(ROOT / CONFIG, path)
    state = read_checkpoint(str(trained / BEST))['state_dict']
    path = tamper(
        trained / BEST, tmp_path / 'floats.pth', state | {'cases': torch.zeros(4)}
    )
    with pytest.raises(UserError, match=r'floats\.pth: holds nothing'):
        init_model(ROOT / CONFIG, path)
    with pytest.raises(UserError, match='another architecture'):
        init_model(ROOT / 'configs/fume/fume_fastscnn.py', trained / BEST)
    broken = tmp_path / 'broken.pth'
    broken.write_bytes((trained / BEST).read_bytes()[:-500])
    with pytest.raises(UserError, match='not a readable checkpoint'):
        init_model(ROOT / CONFIG, broken)
