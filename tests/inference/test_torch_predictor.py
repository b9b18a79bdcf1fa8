import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from fume_mm.apis import DualGasInferencer, inference_model, init_model
from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.datasets.samplers import collate_samples
from fume_mm.engine.config import load_config
from fume_mm.errors import UserError
from fume_mm.io.tables import write_table
from fume_mm.io.weights import read_checkpoint
from fume_mm.registry import DATASETS, TRANSFORMS
from tests.campaigns import draw, make_campaign
from tests.checkpoints import CONFIG, make_checkpoint


def small_config() -> Config:
    options = {'scale': (64, 64)}
    return load_config(str(CONFIG), options)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp('checkpoint') / 'model.pth')


@pytest.fixture(scope='module')
def model(checkpoint):
    return init_model(small_config(), checkpoint)


def frame(size=(64, 48), seed=0):
    """(H, W) uint8 of ``size`` (width, height)."""
    return draw(np.random.default_rng(seed), 5.6, size)[0]


def equal(a, b):
    assert a.present == b.present
    for gas in (gas for gas, here in a.present.items() if here):
        assert torch.equal(a.get(gas).seg_logits.data, b.get(gas).seg_logits.data)
    return torch.equal(a.health_scores, b.health_scores)


def test_model_has_the_weights_of_the_checkpoint(model, checkpoint):
    expected = read_checkpoint(str(checkpoint))['state_dict']
    assert all(torch.equal(v, expected[k]) for k, v in model.state_dict().items())
    assert not any(module.training for module in model.modules())


def test_model_keeps_config_and_training_data(checkpoint):
    model = init_model(CONFIG, checkpoint)
    assert model.cfg.filename == str(CONFIG)
    assert model.dataset_meta['simulated'] is True
    assert init_model(str(CONFIG)).dataset_meta == {}


def test_checkpoint_of_bare_weights(model, tmp_path):
    torch.save(model.state_dict(), tmp_path / 'bare.pth')
    loaded = init_model(CONFIG, str(tmp_path / 'bare.pth'))
    assert torch.equal(
        loaded.decode_head['ch4'].conv_seg.weight,
        model.decode_head['ch4'].conv_seg.weight,
    )
    assert loaded.dataset_meta == {}


def test_inference_is_what_the_test_loop_does(model, tmp_path):
    root = make_campaign(tmp_path, vessels=1, frames=1, splits=('test',), co2_only=())
    paired = pair_gases(read_annotations(root / 'test_annotations.csv'))
    write_table(paired, root / 'paired_test_annotations.csv')
    cfg = model.cfg.test_dataloader.dataset | {'data_root': str(root)}
    item = DATASETS.build(cfg)[0]
    paths = item['data_samples'].frame_paths
    with torch.no_grad():
        (expected,) = model.test_step(collate_samples([item]))
    sample = inference_model(model, paths['co2'], paths['ch4'])
    assert equal(sample, expected)
    assert sample.frame_paths == paths


def encode(kind, image, path):
    """Write a frame in a form that readers disagree on; returns its path."""
    if kind == '16 bits':
        cv2.imwrite(str(path), image.astype(np.uint16) * 40 + 1000)
    elif kind == 'float TIFF':
        path = path.with_suffix('.tiff')
        cv2.imwrite(str(path), image.astype(np.float32) / 7 + 290)
    elif kind == 'palette':
        picture = Image.fromarray(image, 'P')
        picture.putpalette([255 - x for x in range(256) for _ in range(3)])
        picture.save(path)
    elif kind == 'colour':
        cv2.imwrite(str(path), cv2.applyColorMap(image, cv2.COLORMAP_BONE))
    else:
        path = path.with_suffix('.jpg')
        exif = Image.Exif()
        exif[0x0112] = int(kind[-1])
        Image.fromarray(image).save(path, exif=exif)
    return path


@pytest.mark.parametrize(
    'kind', ['16 bits', 'float TIFF', 'palette', 'colour', 'EXIF 3', 'EXIF 6']
)
def test_one_file_is_one_array_in_training_and_in_use(model, tmp_path, kind):
    image = frame((80, 64))
    path = encode(kind, image, tmp_path / 'x.png')
    train = load_config(str(CONFIG)).train_dataloader.dataset.pipeline
    loader = next(step for step in train if step['type'] == 'LoadDualGasFrames')
    loaded = TRANSFORMS.build(loader)({'frame_paths': {'co2': str(path)}})['frames']
    expected = loaded['co2']
    assert len(np.unique(expected)) > 30  # not two gray levels
    inferencer = DualGasInferencer(model)
    (used,) = inferencer(co2=path, pbar=False)['predictions']
    assert np.array_equal(used.frames['co2'], expected)
    item, _ = inferencer.predictor.load({'co2': str(path)})
    again, _ = inferencer.predictor.load({'co2': expected})
    assert torch.equal(item['inputs']['co2'], again['inputs']['co2'])


def test_logits_that_are_no_numbers_are_an_error(checkpoint):
    model = init_model(small_config(), checkpoint)
    torch.nn.init.constant_(model.decode_head['ch4'].conv_seg.bias, float('nan'))
    with pytest.raises(UserError, match=r'^x, ch4: .*no numbers'):
        DualGasInferencer(model)({'ch4': frame(), 'name': 'x'}, pbar=False)


def test_predictions_have_each_frames_own_size(model):
    sample = inference_model(model, co2=frame((64, 48)), ch4=frame((70, 100)))
    assert sample.co2.pred_sem_seg.data.shape == (1, 48, 64)
    assert sample.ch4.pred_sem_seg.data.shape == (1, 100, 70)
    assert sample.ch4.seg_logits.data.shape == (3, 100, 70)
    assert sample.health_scores.sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize('gas', ['co2', 'ch4'])
def test_one_gas_alone(model, gas):
    sample = inference_model(model, **{gas: frame()})
    assert sample.present == {'co2': gas == 'co2', 'ch4': gas == 'ch4'}
    both = inference_model(model, co2=frame(), ch4=frame())
    alone, joint = (s.get(gas).seg_logits.data for s in (sample, both))
    assert torch.allclose(alone, joint, atol=1e-4)
    assert not torch.equal(sample.health_scores, both.health_scores)


def test_path_and_array_agree(model, tmp_path):
    path = tmp_path / 'frame.png'
    cv2.imwrite(str(path), frame())
    assert equal(inference_model(model, ch4=path), inference_model(model, ch4=frame()))


def test_a_mirrored_view_is_taken_as_it_is(model):
    view = frame((64, 64))[:, ::-1]
    assert equal(inference_model(model, co2=view), inference_model(model, view.copy()))


def test_gray_levels_in_three_channels_are_gray(model, tmp_path):
    path = tmp_path / 'gray.png'
    cv2.imwrite(str(path), np.repeat(frame()[..., None], 3, axis=2))
    assert equal(inference_model(model, co2=path), inference_model(model, co2=frame()))


def test_no_frame_is_refused(model):
    with pytest.raises(UserError, match='a CO2 frame, a CH4 frame or both'):
        inference_model(model)


def test_colour_is_taken_by_its_luma(model, tmp_path):
    path = tmp_path / 'colour.png'
    image = cv2.applyColorMap(frame(), cv2.COLORMAP_BONE)
    cv2.imwrite(str(path), image)
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    assert equal(inference_model(model, ch4=path), inference_model(model, ch4=luma))


def test_missing_frame_is_named(model):
    with pytest.raises(UserError, match=r'nowhere\.png: there is no such co2 frame'):
        inference_model(model, co2='nowhere.png')


@pytest.mark.parametrize('content', [b'', b'<html>'])
def test_file_that_is_no_image_is_named(model, tmp_path, content):
    path = tmp_path / 'broken.png'
    path.write_bytes(content)
    with pytest.raises(UserError, match=r'broken\.png: is not an image'):
        inference_model(model, co2=path)


@pytest.mark.parametrize(
    'array', [np.zeros((48, 64), bool), np.zeros((48, 64, 2), np.uint8)]
)
def test_array_that_is_no_frame_is_refused(model, array):
    with pytest.raises(UserError, match=r'the ch4 frame: is .*\(48, 64'):
        inference_model(model, ch4=array)


def test_checkpoint_of_another_architecture_is_refused(checkpoint):
    other = CONFIG.with_name('fume_fastscnn_concat.py')
    with pytest.raises(UserError, match=r'model\.pth: .* another architecture'):
        init_model(other, checkpoint)


@pytest.mark.parametrize('device', ['toaster', 'cuda:99'])
def test_device_that_is_not_there_is_named(device):
    with pytest.raises(UserError, match=f"device '{device}' cannot be used"):
        init_model(CONFIG, device=device)


def test_model_that_cannot_be_built_names_the_config(tmp_path):
    path = tmp_path / 'wrong.py'
    path.write_text("model = dict(type='NoSuchModel')\n")
    with pytest.raises(UserError, match=r'wrong\.py: .*NoSuchModel'):
        init_model(path)


def test_importing_the_apis_does_not_import_torch():
    code = 'import sys, fume_mm.apis; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], check=False).returncode == 0


def test_unknown_name_of_the_apis():
    import fume_mm.apis

    with pytest.raises(AttributeError, match='inference_models'):
        _ = fume_mm.apis.inference_models
