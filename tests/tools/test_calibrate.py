"""The calibration's command line, and what it leaves in the file."""

import runpy
import sys

import pytest

from fume_mm.apis import init_model
from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.inference.torch_predictor import TorchPredictor
from fume_mm.io.weights import read_checkpoint
from tests.campaigns import make_campaign, pair_campaign
from tests.checkpoints import CONFIG, make_checkpoint

ROOT = CONFIG.parents[2]
VESSELS, FRAMES = 21, 2


def calibrate(monkeypatch, path, root):
    # small frames, and workers that nothing asks for
    options = [
        f'val_dataloader.dataset.{x}' for x in (f'data_root={root}', 'scale=(64,64)')
    ]
    options.append('test_dataloader.dataset.scale=(64,64)')
    words = ['calibrate.py', str(CONFIG), str(path), '--cfg-options', *options]
    monkeypatch.setattr(sys, 'argv', words)
    runpy.run_path(str(ROOT / 'tools/calibrate.py'))['main']()


@pytest.fixture
def checkpoint(tmp_path):
    return make_checkpoint(tmp_path / 'model.pth')


def test_the_checkpoint_knows_its_verdicts(checkpoint, tmp_path, monkeypatch, capsys):
    root = make_campaign(
        tmp_path / 'data',
        vessels=VESSELS,
        frames=FRAMES,
        splits=['val'],
        vessel_id=True,
    )
    before = read_checkpoint(checkpoint)
    calibrate(monkeypatch, checkpoint, pair_campaign(root, splits=['val']))
    content = read_checkpoint(checkpoint)
    trust = content['meta']['trust']
    assert trust['campaign'] == 'data'
    # vessels 3 and 4 have one gas each
    expected = {'both': VESSELS - 2, 'co2_only': VESSELS - 1, 'ch4_only': VESSELS - 1}
    for unit in ('frame', 'vessel'):
        found = {pattern: x['vessels'] for pattern, x in trust[unit].items()}
        assert found == expected
    assert trust['vessel']['both']['frames'] == FRAMES
    # 42 frames say nothing of what frames are like
    assert trust['gate']['gases'] == {}
    said = capsys.readouterr().out
    assert f'frames, both: {VESSELS - 2} vessels' in said
    assert 'too few frames to know' in said
    kept = {**content['meta']}
    del kept['trust']
    assert kept == before['meta']
    cfg = load_config(str(CONFIG), {'test_dataloader.dataset.scale': (64, 64)})
    predictor = TorchPredictor(init_model(cfg, checkpoint))
    frame = next(root.glob('images/val/*_co2.png'))
    (result,) = predictor.predict([{'name': 'a', 'co2': frame}])
    assert result.verdict.level == 0.9
    assert result.verdict.simulated


def test_frames_without_vessels_are_no_evidence(checkpoint, tmp_path, monkeypatch):
    root = make_campaign(tmp_path / 'data', splits=['val'])
    pair_campaign(root, splits=['val'])
    before = checkpoint.read_bytes()
    with pytest.raises(UserError, match=r'which frames are of one vessel is not known'):
        calibrate(monkeypatch, checkpoint, root)
    assert checkpoint.read_bytes() == before
