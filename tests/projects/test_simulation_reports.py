"""The tools that hold a simulated campaign against real frames, and its classes."""

import json
import math
import runpy
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from tests.checkpoints import as_if_trained

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
STATISTICS = ROOT / 'projects/simulator_study/simulation_statistics.py'
INFORMATION = ROOT / 'projects/simulator_study/health_information.py'
SIMULATE = ROOT / 'tools/dataset_converters/simulate_ogi.py'
PAIR = ROOT / 'tools/dataset_converters/pair_gases.py'


def run(monkeypatch: pytest.MonkeyPatch, tool: Path, *options: object) -> int:
    monkeypatch.setattr(sys, 'argv', [str(tool), *map(str, options)])
    with pytest.raises(SystemExit) as exited:
        runpy.run_path(str(tool), run_name='__main__')
    return int(exited.value.code or 0)


@pytest.fixture(scope='module')
def statistics() -> dict[str, Any]:
    return runpy.run_path(str(STATISTICS))


def plume() -> tuple[np.ndarray, np.ndarray]:
    """A dark cone of half angle atan(0.2) that leaves a tube, and its mask."""
    y, x = np.mgrid[0:480, 0:640]
    cone = (x >= 60) & (x < 400) & (abs(y - 240) <= 6 + 0.2 * (x - 60))
    tube = (x < 60) & (abs(y - 240) < 10)
    noise = np.random.default_rng(0).normal(0, 2, x.shape)
    frame = 180 + 30 * x / 640 - 20 * y / 480 + noise - 25 * cone - 60 * tube
    mask = np.where(tube, 1, np.where(cone, 2, 0)).astype(np.uint8)
    return np.round(frame).astype(np.uint8), mask


def test_measures_of_a_drawn_plume(statistics: dict[str, Any]) -> None:
    frame, mask = plume()
    values = statistics['measure'](frame, mask)
    assert set(values) == set(statistics['UNITS'])
    assert values['area'] == pytest.approx(100 * (mask == 2).mean())
    assert values['contrast'] == pytest.approx(-25, abs=1)
    assert values['contrast_core'] == pytest.approx(-25 - 1.645 * 2, abs=1)
    assert values['tube_contrast'] == pytest.approx(-60, abs=2)
    assert values['gradient_x'] == pytest.approx(30, abs=1)
    assert values['gradient_y'] == pytest.approx(20, abs=1)
    assert values['noise'] == pytest.approx(2, abs=0.2)
    assert abs(values['lag_1']) < 0.1
    assert values['half_angle'] == pytest.approx(math.degrees(math.atan(0.2)), abs=1.5)
    assert values['solidity'] == pytest.approx(1, abs=0.02)
    assert values['edge'] <= 2


def test_measures_of_an_empty_frame(statistics: dict[str, Any]) -> None:
    frame, _ = plume()
    values = statistics['measure'](frame, np.zeros_like(frame))
    assert math.isnan(values['area'])
    assert not math.isnan(values['noise'])


def test_the_table_of_a_preset(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    out = tmp_path / 'table.json'
    options = ('--preset=benchmark', '--frames=16', '--json', out)
    assert run(monkeypatch, STATISTICS, *options) == 0
    kinds = json.loads(out.read_text())['kinds']
    row = kinds['CH4 vent, dark gas']['contrast']
    assert row['published'] == [-24, -14]
    assert row['p5'] <= row['median'] <= row['p95'] < 0
    assert 'CH4 vent, dark gas' in capsys.readouterr().out
    assert run(monkeypatch, STATISTICS, '--frames=1') == 2


def test_a_forest_finds_a_class_that_is_there_and_none_that_is_not() -> None:
    score = runpy.run_path(str(INFORMATION))['forest_score']
    rng = np.random.default_rng(0)
    classes = np.arange(300) % 3
    splits = np.repeat(['train', 'val', 'test'], 100)
    samples = pd.DataFrame({'split': splits, 'class_id': classes})
    noise = rng.normal(size=(300, 3))
    assert score(samples, noise + 10 * classes[:, None]) == 1
    assert score(samples, noise) == pytest.approx(1 / 3, abs=0.15)
    # What is only true of the test split cannot be learnt.
    shifted = np.where(
        splits[:, None] == 'test', (classes + 1)[:, None] % 3, classes[:, None]
    )
    assert score(samples, shifted + 0.01 * noise) == 0


def test_mask_features_follow_the_size_and_not_the_place() -> None:
    features = runpy.run_path(str(INFORMATION))['mask_features']

    def mask(top: int, left: int, side: int) -> np.ndarray:
        drawn = np.zeros((120, 160), np.uint8)
        drawn[top : top + side, left : left + side] = 2
        drawn[top + side // 2, left - 8 : left] = 1
        return drawn

    small, moved, large = mask(20, 20, 10), mask(60, 90, 10), mask(20, 20, 30)
    np.testing.assert_allclose(features(small), features(moved), rtol=1e-4)
    assert features(small)[0] == pytest.approx(math.log(100))
    assert features(large)[0] == pytest.approx(math.log(900))
    assert (features(large)[:4] > features(small)[:4]).all()
    assert not features(np.zeros((120, 160), np.uint8)).any()


def test_a_network_predicts_the_same_in_batches_and_one_by_one(tmp_path: Path) -> None:
    from fume_mm.apis import inference_model
    from fume_mm.engine.config import load_config
    from fume_mm.registry import MODELS, register_all_modules

    register_all_modules()
    torch.manual_seed(3)
    config = load_config(str(ROOT / 'configs/fume/fume_fastscnn_demo.py'))
    model = as_if_trained(MODELS.build(config.model), (96, 64))
    # no class has all of them
    linear = [x for x in model.health_head.modules() if type(x) is torch.nn.Linear]
    last = linear[-1]
    torch.nn.init.normal_(last.weight, std=10)
    torch.nn.init.zeros_(last.bias)
    model.cfg, model.dataset_meta = config, {}
    rng = np.random.default_rng(0)
    frames = []
    for number, gases in enumerate([('co2',), ('co2', 'ch4'), ('ch4',)] * 6):
        frames.append({gas: str(tmp_path / f'{number}_{gas}.png') for gas in gases})
        for path in frames[-1].values():
            noise = rng.integers(0, 40 + 10 * number, (60, 80))
            assert cv2.imwrite(path, noise.astype(np.uint8))
    pred = runpy.run_path(str(INFORMATION))['predict_health'](model, frames)
    assert pred == [
        int(inference_model(model, **paths).pred_health) for paths in frames
    ]
    assert len(set(pred)) > 1


def test_information_of_a_campaign_and_its_control(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    shape = ('--vessels=24', '--frames-per-vessel=1', '--size=320x240', '--workers=1')
    for name, extra in (('gas', ()), ('free', ('--gas-free',))):
        root = tmp_path / name
        assert run(monkeypatch, SIMULATE, root, *shape, *extra) == 0
        assert run(monkeypatch, PAIR, root) == 0
    out, columns = tmp_path / 'information.json', {'co2', 'ch4', 'both'}
    options = (tmp_path / 'gas', '--control', tmp_path / 'free', '--json', out)
    capsys.readouterr()
    assert run(monkeypatch, INFORMATION, *options) == 0
    content = json.loads(out.read_text())
    rows = content['balanced_accuracy']
    assert set(rows) == {
        'true release',
        'true masks',
        'frame thumbnails',
        'gas-free thumbnails',
        'presence only',
    }
    for name, scores in rows.items():
        assert set(scores) == ({'both'} if 'presence' in name else columns)
        assert all(0 <= score <= 1 for score in scores.values())
    assert content['test_samples']['both'] <= content['test_samples']['co2'] <= 12
    assert 'simulated association' in capsys.readouterr().out
    # A campaign that releases nothing has no truth to learn from.
    assert run(monkeypatch, INFORMATION, tmp_path / 'free') == 2
    assert 'releases no gas' in capsys.readouterr().err
