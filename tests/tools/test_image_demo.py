"""The demo's command line on two frames of a tiny campaign's kind."""

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from fume_mm.apis import inference_model, init_model
from fume_mm.drawing import draw_result
from fume_mm.engine.hooks.sample_hooks import read_frames
from fume_mm.io.images import read_mask
from fume_mm.structures import DualGasDataSample
from tests.campaigns import draw, make_campaign, pair_campaign
from tests.checkpoints import CONFIG, make_checkpoint
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
SIZES = {'co2': (64, 48), 'ch4': (100, 70)}
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames, a checkpoint, and in ``both`` and ``co2`` what the demo made of them."""
    folder = tmp_path_factory.mktemp('demo')
    make_checkpoint(folder / 'model.pth')
    for seed, (gas, size) in enumerate(SIZES.items()):
        frame, _ = draw(np.random.default_rng(seed), 5.6, size)
        cv2.imwrite(str(folder / f'{gas}.png'), frame)
    frames = [f'--{gas}={folder / gas}.png' for gas in SIZES]
    for name, options in (('both', frames), ('co2', frames[:1])):
        done = demo(folder, *options, f'--out-dir={folder}/{name}')
        assert done.returncode == 0, done.stderr[-2000:]
        (folder / name / 'stdout.txt').write_text(done.stdout)
    return folder


@pytest.fixture(scope='module')
def sample(folder: Path) -> DualGasDataSample:
    model = init_model(CONFIG, folder / 'model.pth')
    return inference_model(model, folder / 'co2.png', folder / 'ch4.png')


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run(str(CONFIG), f'{folder}/model.pth', *options)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return run_tool('demo/image_demo.py', *words)


def results(folder: Path) -> dict:
    return json.loads((folder / 'results.json').read_text(encoding='utf-8'))


def prediction(folder: Path) -> dict:
    (sample,) = results(folder)['samples']
    return sample


def written_mask(folder: Path, gas: str) -> np.ndarray:
    path = folder / prediction(folder)['files']['masks'][gas]
    return read_mask(path)


@pytest.mark.parametrize('gas', SIZES)
def test_masks_are_the_models(
    folder: Path, sample: DualGasDataSample, gas: str
) -> None:
    mask = written_mask(folder / 'both', gas)
    assert mask.shape[::-1] == SIZES[gas]
    assert len(np.unique(mask)) > 1
    assert (mask == sample.get(gas).pred_sem_seg.data[0].numpy()).all()


@pytest.mark.parametrize('gas', SIZES)
def test_pixels_of_each_class_are_counted(folder: Path, gas: str) -> None:
    mask = written_mask(folder / 'both', gas)
    found = prediction(folder / 'both')['masks'][gas]
    assert (found['width'], found['height']) == SIZES[gas]
    for value, name in enumerate(('background', 'tube', 'gas')):
        assert found['pixels'][name] == (mask == value).sum()
        assert found['share'][name] == pytest.approx((mask == value).mean())


def test_health_is_the_models(folder: Path, sample: DualGasDataSample) -> None:
    health = prediction(folder / 'both')['health']
    scores = dict(
        zip(
            ('Healthy', 'Transitional', 'Acidotic'),
            sample.health_scores.tolist(),
            strict=True,
        )
    )
    assert health['probabilities'] == pytest.approx(scores)
    assert health['class'] == max(scores, key=scores.get)


def test_panel_shows_the_sample_and_says_simulated(
    folder: Path, sample: DualGasDataSample
) -> None:
    panel = cv2.imread(str(folder / 'both/panels/frame.png'))
    verdict = prediction(folder / 'both')['health']['verdict']
    expected = draw_result(
        read_frames(sample),
        {gas: written_mask(folder / 'both', gas) for gas in SIZES},
        sample.health_scores.numpy(),
        title='frame',
        note='training data: simulated',
        verdict=(verdict['text'], *verdict['notes']),
    )
    assert (panel == cv2.cvtColor(expected, cv2.COLOR_RGB2BGR)).all()


def test_results_say_what_they_are_of(folder: Path) -> None:
    content = results(folder / 'both')
    assert content['model'] == str(CONFIG)
    assert content['weights'] == f'{folder}/model.pth'
    assert content['training_data'] == 'simulated'
    assert prediction(folder / 'both')['frames'] == {
        gas: f'{folder / gas}.png' for gas in SIZES
    }


def test_a_gas_that_is_not_given_has_no_mask(folder: Path) -> None:
    paths = (folder / 'co2').rglob('*.*')
    assert {str(path.relative_to(folder / 'co2')) for path in paths} == {
        'masks/frame_co2.png',
        'panels/frame.png',
        'results.json',
        'results.csv',
        'stdout.txt',
    }
    content = prediction(folder / 'co2')
    assert content['frames']['ch4'] is None
    assert list(content['masks']) == ['co2']
    assert 'CH4: not given' in (folder / 'co2/stdout.txt').read_text()


def test_printed_figures_are_those_of_the_prediction(folder: Path) -> None:
    content = prediction(folder / 'both')
    text = (folder / 'both/stdout.txt').read_text()
    assert f'gas {content["masks"]["ch4"]["share"]["gas"]:.2%} of 100x70' in text
    health = content['health']
    assert f'health: uncalibrated: {health["class"]} (' in text
    assert all(note in text for note in health['verdict']['notes'])
    assert '1 sample; written:' in text


def test_mistake_is_one_line(folder: Path) -> None:
    done = demo(folder, '--co2=nowhere.png', f'--out-dir={folder}/mistake')
    assert done.returncode == 2
    assert 'error: nowhere.png: there is no such co2 frame' in done.stderr
    assert 'Traceback' not in done.stderr
    assert not (folder / 'mistake').exists()


def test_folders(folder: Path, tmp_path: Path) -> None:
    for gas in SIZES:
        (tmp_path / gas).mkdir()
        for name in ('a', 'b') if gas == 'co2' else ('a',):
            frame = (folder / f'{gas}.png').read_bytes()
            (tmp_path / gas / f'{name}.png').write_bytes(frame)
    out = tmp_path / 'out'
    frames = [f'--{gas}={tmp_path / gas}' for gas in SIZES]
    done = demo(folder, *frames, f'--out-dir={out}', '--batch-size=2')
    assert done.returncode == 0, done.stderr[-2000:]
    assert '1 with CO2 alone (b)' in done.stderr
    assert '2 samples; written:' in done.stdout
    for gas in SIZES:
        mask = (out / f'masks/a_{gas}.png').read_bytes()
        assert mask == (folder / f'both/masks/frame_{gas}.png').read_bytes()
    mask = (out / 'masks/b_co2.png').read_bytes()
    assert mask == (folder / 'co2/masks/frame_co2.png').read_bytes()
    assert {path.name for path in (out / 'panels').iterdir()} == {'a.png', 'b.png'}
    assert results(out)['weights'] == f'{folder}/model.pth'
    assert results(out)['samples'][0]['masks'] == prediction(folder / 'both')['masks']


def test_csv(folder: Path, tmp_path: Path) -> None:
    table = tmp_path / 'list.csv'
    table.write_text(f'name,co2,ch4\nx,{folder}/co2.png,{folder}/ch4.png\n')
    done = demo(folder, f'--inputs={table}', f'--out-dir={tmp_path}/o', '--no-panels')
    assert done.returncode == 0, done.stderr[-2000:]
    names = {path.name for path in (tmp_path / 'o').iterdir()}
    assert names == {'masks', 'results.csv', 'results.json'}
    found, expected = prediction(tmp_path / 'o'), prediction(folder / 'both')
    assert found['name'] == 'x'
    assert found['health']['probabilities'] == pytest.approx(
        expected['health']['probabilities'], abs=1e-5
    )


@pytest.mark.parametrize('named', [True, False])
def test_masks_of_a_csv_are_scored_by_the_same_csv(
    folder: Path, tmp_path: Path, named: bool
) -> None:
    root = make_campaign(
        tmp_path / 'data', vessels=2, frames=1, splits=('test',), size=(64, 48)
    )
    table = pair_campaign(root, splits=('test',)) / 'paired_test_annotations.csv'
    if not named:
        pd.read_csv(table).drop(columns='sample_id').to_csv(table, index=False)
    done = demo(folder, f'--inputs={table}', f'--out-dir={tmp_path}/o', '--no-panels')
    assert done.returncode == 0, done.stderr[-2000:]
    scored = run_tool(
        'tools/analysis_tools/eval_predictions.py',
        *('--masks', f'{tmp_path}/o/masks', '--ann', table.name),
        f'--data-root={root}',
    )
    assert scored.returncode == 0, scored.stderr[-2000:]


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['nowhere.onnx', '--co2={0}/co2.png'], 'nowhere.onnx: there is no such file'),
        ([str(CONFIG), '--co2={0}/co2.png'], 'fume_fastscnn.py: has no weights'),
        (['{0}/model.pth', '--co2={0}/a.mp4'], 'a.mp4: is a video'),
        (['m.py', 'c.pth'], 'no frame was given'),
        (['m.py', 'c.pth', '--co2={0}', '--ch4={0}/ch4.png'], 'the other gas is not'),
        (['m.py', 'c.pth', '--co2={0}/co2.png', '--split=test'], '--split is for'),
    ],
)
def test_mistakes_are_one_line(
    folder: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    (folder / 'a.mp4').touch()
    done = run(*[word.format(folder) for word in words], f'--out-dir={tmp_path}/out')
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert f'{message}' in done.stderr
    assert not (tmp_path / 'out').exists()
