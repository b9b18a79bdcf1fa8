import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fume_mm.apis import DualGasInferencer, inference_model, init_model
from fume_mm.drawing import canvas, draw_result
from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.inference.inferencer import default_model, load_predictor
from fume_mm.inference.predictor import read_frames
from fume_mm.io.images import read_mask
from fume_mm.structures import GAS, GASES
from fume_mm.structures.dual_gas_result import DualGasResult
from tests.campaigns import draw
from tests.checkpoints import CONFIG, make_checkpoint

ROOT = Path(__file__).parents[2]


def frame(size=(64, 48), seed=0):
    return draw(np.random.default_rng(seed), 5.6, size)[0]


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    options = {'scale': (64, 64)}
    path = make_checkpoint(tmp_path_factory.mktemp('checkpoint') / 'model.pth')
    return init_model(load_config(str(CONFIG), options), path)


@pytest.fixture(scope='module')
def unresized(model):
    """The same model, whose pipeline leaves frames at their size."""
    cfg = load_config(str(CONFIG))
    del cfg.test_dataloader.dataset.pipeline[1]
    other = init_model(cfg)
    other.load_state_dict(model.state_dict())
    return other


@pytest.fixture
def folders(tmp_path):
    """Two with the frames a (both gases), b (CO2 alone), c (CH4 alone)."""
    for gas, names in (('co2', 'ab'), ('ch4', 'ac')):
        (tmp_path / gas).mkdir()
        for seed, name in enumerate(names):
            size = (64, 48) if gas == 'co2' else (100, 70)
            cv2.imwrite(str(tmp_path / gas / f'{name}.png'), frame(size, seed))
    return {gas: tmp_path / gas for gas in ('co2', 'ch4')}


class Threshold:
    """A predictor that counts its batches."""

    training_data = 'simulated'

    def __init__(self):
        self.batches = []

    def predict(self, samples, probabilities=False):
        self.batches.append([sample['name'] for sample in samples])
        return [self.predict_one(**sample) for sample in samples]

    def predict_one(self, **sample):
        frames, _ = read_frames(sample)
        return DualGasResult(
            sample['name'],
            {gas: (pixels > 128).astype(np.uint8) for gas, pixels in frames.items()},
            {},
            np.array([0.2, 0.3, 0.5], np.float32),
            {'infer': 0.001},
            frames,
        )


def test_results_are_those_of_inference_model(model, folders):
    inferencer = DualGasInferencer(model, batch_size=2)
    results = inferencer(**folders, probabilities=True, pbar=False)['predictions']
    assert [result.name for result in results] == ['a', 'b', 'c']
    for result in results:
        paths = {gas: folders[gas] / f'{result.name}.png' for gas in result.masks}
        sample = inference_model(model, **paths)
        assert np.allclose(result.health_scores, sample.health_scores, atol=1e-5)
        for gas, mask in result.masks.items():
            logits = sample.get(gas).seg_logits.data
            expected = logits.softmax(dim=0).numpy()
            assert np.allclose(result.probabilities[gas], expected, atol=1e-4)
            assert (mask == expected.argmax(axis=0)).mean() > 0.99
    assert set(results[1].masks) == {'co2'}
    assert results[0].masks['ch4'].shape == (70, 100)
    assert set(results[0].seconds) == {'read', 'infer'}


def test_probabilities_only_if_asked_for(model):
    (result,) = DualGasInferencer(model)(ch4=frame(), pbar=False)['predictions']
    assert result.probabilities == {}


def test_sizes_that_differ_within_a_batch(unresized):
    items = [
        {'co2': frame((64, 64))},
        {'co2': frame((96, 64))},
        {'ch4': frame((64, 64)), 'name': 'x'},
        {'co2': frame((96, 64), 1)},
    ]
    together = DualGasInferencer(unresized, batch_size=4)(items, pbar=False)
    alone = DualGasInferencer(unresized, batch_size=1)(items, pbar=False)
    for a, b in zip(together['predictions'], alone['predictions'], strict=True):
        assert a.name == b.name
        assert np.allclose(a.health_scores, b.health_scores, atol=1e-5)
        for gas, mask in a.masks.items():
            assert (mask == b.masks[gas]).mean() > 0.99


def test_model_of_one_gas_names_the_sample_it_cannot_use(model):
    cfg = load_config(str(CONFIG.parents[1] / 'ablations/modality_co2_only.py'))
    inferencer = DualGasInferencer(init_model(cfg))
    with pytest.raises(UserError, match=r'^x: has no CO2 frame'):
        inferencer({'ch4': frame(), 'name': 'x'}, pbar=False)
    both = inferencer(co2=frame((64, 64)), ch4=frame((64, 64)), pbar=False)
    assert list(both['predictions'][0].masks) == ['co2']


def test_frames_of_16_bits_and_in_colour(model, tmp_path):
    colour = cv2.applyColorMap(frame(), cv2.COLORMAP_BONE)
    (prediction,) = DualGasInferencer(model).stream(
        co2=colour, ch4=frame().astype(np.uint16) * 200, out_dir=tmp_path, pbar=False
    )
    done = {'co2': 'colour palette, luma', 'ch4': 'uint16 stretched to 8 bits'}
    assert prediction.result.read_as == done
    told = json.loads((tmp_path / 'results.json').read_text())
    assert told['samples'][0]['read_as'] == done


def test_files_of_a_folder(folders, tmp_path, capsys):
    predictor = Threshold()
    inferencer = DualGasInferencer(predictor, batch_size=2)
    out = tmp_path / 'out'
    done = inferencer(**folders, out_dir=out, return_vis=True)
    assert predictor.batches == [['a', 'b'], ['c']]
    assert '1 with CO2 alone (b)' in capsys.readouterr().err
    names = {str(path.relative_to(out)) for path in out.rglob('*') if path.is_file()}
    masks = ('a_co2', 'a_ch4', 'b_co2', 'c_ch4')
    assert names == {
        *(f'masks/{name}.png' for name in masks),
        *(f'panels/{name}.png' for name in 'abc'),
        'results.json',
        'results.csv',
    }
    for result, panel in zip(done['predictions'], done['visualization'], strict=True):
        for gas, mask in result.masks.items():
            path = out / f'masks/{result.name}_{gas}.png'
            assert (read_mask(path) == mask).all()
        read = cv2.imread(str(out / f'panels/{result.name}.png'))
        assert (cv2.cvtColor(read, cv2.COLOR_BGR2RGB) == panel).all()
    verdict = done['predictions'][1].verdict
    assert verdict.text == 'uncalibrated: Acidotic (50 %)'
    expected = draw_result(
        {'co2': cv2.imread(str(folders['co2'] / 'b.png'), 0)},
        done['predictions'][1].masks,
        [0.2, 0.3, 0.5],
        title='b',
        note='training data: simulated',
        verdict=(verdict.text, *verdict.notes),
    )
    assert (done['visualization'][1] == expected).all()


def test_tables_of_a_folder(folders, tmp_path):
    out = tmp_path / 'out'
    DualGasInferencer(Threshold())(**folders, out_dir=out, pbar=False)
    told = json.loads((out / 'results.json').read_text())
    assert told['model'] == 'Threshold'
    assert told['training_data'] == 'simulated'
    assert [sample['name'] for sample in told['samples']] == ['a', 'b', 'c']
    assert told['samples'][1]['frames'] == {
        'co2': f'{folders["co2"]}/b.png',
        'ch4': None,
    }
    assert told['samples'][1]['files']['masks'] == {'co2': 'masks/b_co2.png'}
    with (out / 'results.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    mask = read_mask(out / 'masks/c_ch4.png')
    assert rows[2]['ch4_tube_px'] == str((mask == 1).sum())
    assert rows[2]['co2'] == rows[2]['co2_tube_px'] == ''
    assert float(rows[2]['p_acidotic']) == 0.5


def test_files_are_valid_after_every_sample(folders, tmp_path):
    stream = DualGasInferencer(Threshold(), batch_size=1).stream(
        **folders, out_dir=tmp_path / 'out', panels=False, pbar=False
    )

    def written():
        told = json.loads((tmp_path / 'out/results.json').read_text())
        rows = (tmp_path / 'out/results.csv').read_text().splitlines()
        return len(told['samples']), max(len(rows) - 1, 0)

    counts = [written()]
    for _ in stream:
        counts.append(written())
    assert counts == [(0, 0), (1, 1), (2, 2), (3, 3)]
    assert not (tmp_path / 'out/panels').exists()


def test_a_frame_that_breaks_leaves_what_was_done(folders, tmp_path):
    path = folders['co2'] / 'b.png'
    data = path.read_bytes()
    # begins and ends like an image
    path.write_bytes(data[: len(data) // 2] + b'?' * 64 + data[-32:])
    inferencer = DualGasInferencer(Threshold(), batch_size=1)
    with pytest.raises(UserError, match=r'b\.png: is not an image'):
        inferencer(**folders, out_dir=tmp_path / 'out', pbar=False)
    told = json.loads((tmp_path / 'out/results.json').read_text())
    assert [sample['name'] for sample in told['samples']] == ['a']


@pytest.mark.parametrize('name', ['a/b', 'ä', '..'])
def test_names_that_are_no_file_names(tmp_path, name):
    item = {'co2': frame(), 'name': name}
    DualGasInferencer(Threshold())(item, out_dir=tmp_path, pbar=False)
    told = json.loads((tmp_path / 'results.json').read_text())['samples'][0]
    assert told['name'] == name
    path = tmp_path / told['files']['masks']['co2']
    assert path.is_file()
    assert path.resolve().parent == tmp_path / 'masks'


def test_out_dir_that_cannot_be(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match='file: cannot be made a folder'):
        DualGasInferencer(Threshold())(co2=frame(), out_dir=tmp_path / 'file')


def test_results_never_replace_a_frame(tmp_path):
    (tmp_path / 'masks').mkdir()
    path = tmp_path / 'masks/a_co2.png'
    cv2.imwrite(str(path), frame())
    before = path.read_bytes()
    with pytest.raises(UserError, match=r'a_co2\.png: is a frame'):
        DualGasInferencer(Threshold())(co2=path, out_dir=tmp_path)
    assert path.read_bytes() == before


def test_nothing_runs_before_all_frames_are_there(folders, tmp_path):
    (folders['ch4'] / 'c.png').write_bytes(b'<html>')
    predictor = Threshold()
    with pytest.raises(UserError, match=r'c\.png: is not an image'):
        DualGasInferencer(predictor)(**folders, out_dir=tmp_path / 'out')
    assert predictor.batches == []
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('model', 'weights', 'message'),
    [
        (str(CONFIG), None, r'fume_fastscnn\.py: has no weights'),
        (None, 'x.pth', r'x\.pth: give the config'),
        ('nowhere.onnx', None, r'nowhere\.onnx: there is no such file'),
        ('nowhere.py', 'x.pth', r'nowhere\.py: there is no such config'),
    ],
)
def test_models_that_cannot_be_used(model, weights, message):
    with pytest.raises(UserError, match=message):
        DualGasInferencer(model, weights)


def test_exported_file_takes_no_weights(tmp_path):
    (tmp_path / 'm.onnx').write_bytes(b'x')
    with pytest.raises(UserError, match=r'leave x\.pth out'):
        load_predictor(tmp_path / 'm.onnx', 'x.pth')
    with pytest.raises(UserError, match="'cuda': an exported model runs on the CPU"):
        load_predictor(tmp_path / 'm.onnx', device='cuda')


def test_no_model_is_the_bundled_one():
    config, weights = default_model()
    assert Path(config).is_file()
    assert Path(weights).is_file()


@pytest.mark.parametrize(
    'weights',
    sorted((ROOT / 'demo/weights').glob('*.safetensors')),
    ids=lambda x: x.stem,
)
def test_all_bundled_weights_see_the_gas_of_an_example(weights):
    frames = {
        gas: ROOT / f'demo/examples/simulated_acidotic_{gas}.png' for gas in GASES
    }
    inferencer = DualGasInferencer(f'fume_mm::fume/{weights.stem}.py', weights)
    found, expected = (
        some(**frames, pbar=False)['predictions'][0].masks
        for some in (inferencer, DualGasInferencer())
    )
    for gas in GASES:
        ours, theirs = (masks[gas] == GAS for masks in (found, expected))
        assert (ours & theirs).sum() / (ours | theirs).sum() > 0.5
    assert inferencer.training_data == 'simulated'


def test_batch_size_must_be_positive():
    with pytest.raises(UserError, match='batch_size is 0'):
        DualGasInferencer(Threshold(), batch_size=0)


def test_config_and_checkpoint_by_path(model, tmp_path):
    torch.save(model.state_dict(), tmp_path / 'bare.pth')
    inferencer = DualGasInferencer(CONFIG, tmp_path / 'bare.pth')
    assert inferencer.model_name == str(CONFIG)
    assert inferencer.weights_name == str(tmp_path / 'bare.pth')
    assert inferencer.training_data is None


def test_without_pillow_panels_have_plainer_letters(tmp_path, monkeypatch):
    def panel():
        canvas._font.cache_clear()
        canvas.draw_letters.cache_clear()
        done = DualGasInferencer(Threshold())(
            co2=frame((320, 240)), out_dir=tmp_path, return_vis=True, pbar=False
        )
        assert (tmp_path / 'panels/sample_0001.png').is_file()
        return done['visualization'][0]

    fine = panel()
    monkeypatch.setitem(sys.modules, 'PIL', None)
    plain = panel()
    canvas._font.cache_clear()
    canvas.draw_letters.cache_clear()
    assert plain.shape == fine.shape
    # the tiles are the same, the letters are not
    assert (plain[70:340, 66:426] == fine[70:340, 66:426]).all()
    assert (plain[:44] != fine[:44]).any()


def test_without_tqdm_there_is_no_bar(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'tqdm', None)
    done = DualGasInferencer(Threshold())(**folders)
    assert len(done['predictions']) == 3
    assert capsys.readouterr().err.startswith('3 samples: 1 with both gases')
