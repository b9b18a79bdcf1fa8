"""The command line that scores folders of outlined frames."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.apis import inference_model, init_model
from projects.simulator_study.threshold import gas_iou
from tests.checkpoints import CONFIG, make_checkpoint

TOOL = Path(__file__).parents[2] / 'projects/simulator_study/score_gas_frames.py'
Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Run the tool in this process; returns exit status, output and errors."""

    def run(*options: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, 'argv', [str(TOOL), str(CONFIG), *map(str, options)])
        with pytest.raises(SystemExit) as exited:
            runpy.run_path(str(TOOL), run_name='__main__')
        return int(exited.value.code or 0), *capsys.readouterr()

    return run


def write_folder(folder: Path, gas: int = 2) -> Path:
    """Two frames: a bright disc that one gray level finds, and none of it in noise."""
    folder.mkdir(parents=True)
    y, x = np.mgrid[0:96, 0:128]
    disc = (x - 60) ** 2 + (y - 50) ** 2 < 20**2
    noise = np.random.default_rng(0).integers(0, 50, disc.shape)
    for name, frame in (('a', np.where(disc, 200, noise)), ('b', noise)):
        cv2.imwrite(str(folder / f'frame_{name}.png'), frame.astype(np.uint8))
        mask = np.where(disc, gas, 0).astype(np.uint8)
        cv2.imwrite(str(folder / f'mask_{name}.png'), mask)
    return folder


@pytest.mark.parametrize('gas', [2, 255])
def test_scores_are_those_of_the_model_and_of_the_best_gray_level(
    score: Tool, tmp_path: Path, gas: int
) -> None:
    checkpoint = make_checkpoint(tmp_path / 'model.pth')
    folder = write_folder(tmp_path / 'vent', gas)
    status, output, errors = score(checkpoint, folder, '--out', tmp_path / 'out')
    assert status == 0, errors
    scores = json.loads((tmp_path / 'out/scores.json').read_text())['vent']
    rows = scores['frames']
    assert rows['a']['threshold'] == 1
    assert rows['b']['threshold'] < 0.5
    # A disc of 200 in noise of 0 to 49.
    assert rows['a']['edge_gray'] == pytest.approx(175, abs=5)
    # Gas from level 50 up finds all of the one disc and none of the other.
    assert scores['one_threshold_for_all'] == pytest.approx(0.5, abs=0.1)
    model = init_model(CONFIG, checkpoint)
    mask = cv2.imread(str(folder / 'mask_a.png'), cv2.IMREAD_GRAYSCALE)
    frame = cv2.imread(str(folder / 'frame_a.png'), cv2.IMREAD_GRAYSCALE)
    for key, shown in (('IoU', frame), ('inverted', 255 - frame)):
        said = inference_model(model, shown).co2.pred_sem_seg.data[0].numpy()
        assert rows['a'][key] == pytest.approx(gas_iou(said, np.where(mask, 2, 0)))
        mean = (rows['a'][key] + rows['b'][key]) / 2
        assert scores['mean'][key] == pytest.approx(mean)
    assert f'{rows["a"]["IoU"]:.3f}' in output
    looks = scores['looks']
    assert looks['as recorded'] == pytest.approx(scores['mean']['IoU'])
    assert looks['255 - f'] == pytest.approx(scores['mean']['inverted'])
    ious = []
    for name in 'ab':
        frame = cv2.imread(str(folder / f'frame_{name}.png'), cv2.IMREAD_GRAYSCALE)
        dimmer = np.rint(40 + frame / 2).astype(np.uint8)
        said = inference_model(model, dimmer).co2.pred_sem_seg.data[0].numpy()
        ious.append(gas_iou(said, np.where(mask, 2, 0)))
    assert looks['40 + f / 2'] == pytest.approx(np.mean(ious))
    picture = cv2.imread(str(tmp_path / 'out/vent.png'))
    # two frames, each with truth and two predictions, under a line of text
    assert picture.shape == (2 * (240 + 18), 4 * 320, 3)


def test_what_is_missing_is_named(score: Tool, tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path / 'model.pth')
    assert score(checkpoint, tmp_path / 'nowhere')[::2] == (
        2,
        f'error: {tmp_path}/nowhere is not a folder; name one with frames.\n',
    )
    folder = write_folder(tmp_path / 'vent')
    (folder / 'mask_b.png').unlink()
    status, _, errors = score(checkpoint, folder)
    assert status == 2
    assert 'frame_b.png: has no mask_b.png' in errors
    cv2.imwrite(str(folder / 'mask_b.png'), np.full((96, 128), 7, np.uint8))
    assert 'mask_b.png: has the values [7]; 0 is no gas' in score(checkpoint, folder)[2]
