"""The video demo's command line on tiny clips."""

import csv
import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.inference.inferencer import load_predictor
from tests.campaigns import draw
from tests.checkpoints import CONFIG, make_checkpoint
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
FRAMES = {'co2': 6, 'ch4': 4}
pytestmark = pytest.mark.slow


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return run_tool('demo/video_demo.py', *words)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of both gases at 5 frames a second and a checkpoint."""
    folder = tmp_path_factory.mktemp('video')
    make_checkpoint(folder / 'model.pth')
    for gas, count in FRAMES.items():
        fourcc = cv2.VideoWriter.fourcc(*'mp4v')
        video = cv2.VideoWriter(str(folder / f'{gas}.mp4'), fourcc, 5, (64, 48))
        for number in range(count):
            frame, _ = draw(np.random.default_rng(number), 5.6, (64, 48))
            video.write(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR))
        video.release()
    return folder


def test_a_pair_of_clips(folder: Path) -> None:
    out = folder / 'out'
    clips = [f'--{gas}={folder / gas}.mp4' for gas in FRAMES]
    model = str(CONFIG), f'{folder}/model.pth'
    done = run(*model, *clips, '--offset=0.2', f'--out-dir={out}')
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path.name for path in out.iterdir()} == {
        'annotated.mp4',
        'frames.csv',
        'timeline.png',
        'timeline.svg',
        'verdict.json',
    }
    told = json.loads((out / 'verdict.json').read_text(encoding='utf-8'))
    assert told['model'], told['weights'] == model
    assert told['training_data'] == 'simulated'
    assert told['gases']['ch4']['ends_at'] == pytest.approx(1.0)
    assert 'CH4 ends at 1.00 s' in done.stderr
    verdict = told['verdict']
    assert f'verdict: uncalibrated: {verdict["class"]} (' in done.stdout
    with (out / 'frames.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    columns = [[float(row[key]) for row in rows] for key in list(rows[0])[-3:]]
    assert list(verdict['probabilities'].values()) == pytest.approx(
        np.mean(columns, axis=1)
    )
    # the second instant is the CO2 clip's second frame with the CH4 clip's first
    shots = {}
    for gas, number in (('co2', 1), ('ch4', 0)):
        capture = cv2.VideoCapture(str(folder / f'{gas}.mp4'))
        for _ in range(number + 1):
            frame = capture.read()[1]
        shots[gas] = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    (result,) = load_predictor(*model).predict([{'name': 'x', **shots}])
    areas = result.areas()
    for gas in FRAMES:
        assert int(rows[1][f'{gas}_gas_px']) == areas[gas]['gas']
    assert float(rows[1]['p_healthy']) == pytest.approx(
        result.health_scores[0], abs=1e-5
    )


def test_an_exported_file(folder: Path) -> None:
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnxscript')
    from fume_mm.apis import init_model
    from fume_mm.inference.export import export_model

    path = folder / 'model.onnx'
    model = init_model(CONFIG, folder / 'model.pth')
    export_model(model, path, form='onnx', scale=(64, 64))
    out = folder / 'exported'
    done = run(str(path), f'--ch4={folder}/ch4.mp4', f'--out-dir={out}')
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads((out / 'verdict.json').read_text(encoding='utf-8'))
    assert told['model'] == str(path)
    assert told['weights'] is None
    assert told['instants'] == FRAMES['ch4']
    assert sum(told['verdict']['probabilities'].values()) == pytest.approx(1, abs=1e-4)
    frame, _ = draw(np.random.default_rng(0), 5.6, (64, 48))
    cv2.imwrite(str(folder / 'a.png'), frame)
    done = run_tool(
        *('demo/image_demo.py', path, f'--co2={folder}/a.png'), f'--out-dir={out}/image'
    )
    assert done.returncode == 0, done.stderr[-2000:]
    content = json.loads((out / 'image/results.json').read_text(encoding='utf-8'))
    assert content['model'] == str(path)
    assert content['weights'] is None
    assert content['training_data'] == 'simulated'
    assert content['samples'][0]['masks']['co2']['width'] == 64


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        ([], 'no video was given'),
        (['--co2={0}/nowhere.mp4'], 'nowhere.mp4: there is no such video'),
        (['--co2={0}/model.pth'], 'model.pth: cannot be opened as a video'),
        (['--co2={0}/co2.mp4', '--ch4=0'], 'one source is a file'),
        (['--co2={0}/co2.mp4', '--max-latency=2'], 'max_latency is for cameras'),
        (['--co2={0}/co2.mp4', '--fps=0'], 'fps is 0'),
    ],
)
def test_mistakes_are_one_line(
    folder: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    model = str(CONFIG), f'{folder}/model.pth'
    words = [word.format(folder) for word in words]
    done = run(*model, *words, f'--out-dir={tmp_path}/out')
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith('error: ')
    assert message in line
    assert not (tmp_path / 'out').exists()
