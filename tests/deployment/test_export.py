"""Exported files say what PyTorch says, without torch, and refuse what is wrong."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fume_mm.apis import init_model
from fume_mm.apis.export import (
    FORMATS,
    ExportGraph,
    check_export,
    export_model,
    patterns_of,
    random_inputs,
)
from fume_mm.apis.inference import TorchPredictor
from fume_mm.deployment.graph import METADATA_KEY, GraphInfo
from fume_mm.deployment.runtime import ExportedModel
from fume_mm.errors import UserError
from fume_mm.structures import GASES

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')
ROOT = Path(__file__).parents[2]
SCALE = (96, 64)
pytestmark = pytest.mark.slow


def build(name: str) -> Any:
    torch.manual_seed(0)
    model = init_model(str(ROOT / f'configs/{name}.py'))
    for module in model.modules():  # untrained, fusion's gates are closed
        if hasattr(module, 'gamma') and isinstance(module.gamma, torch.nn.Parameter):
            torch.nn.init.constant_(module.gamma, 0.5)
    model.dataset_meta = {'simulated': True}
    return model


@pytest.fixture(scope='module')
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    model = build('fume/fume_fastscnn_demo')
    path = tmp_path_factory.mktemp('onnx') / 'fume.onnx'
    export_model(model, path, form='onnx', scale=SCALE)
    return model, path


def frames(size: tuple[int, int], *gases: str) -> dict[str, Any]:
    generator = np.random.default_rng(1)
    width, height = size
    sample: dict[str, Any] = {'name': 'x'}
    for gas in GASES:
        frame = generator.integers(0, 256, (height, width), dtype=np.uint8)
        if gas in gases:
            sample[gas] = frame
    return sample


def test_every_availability_and_batch_size_agrees(exported: tuple[Any, Path]) -> None:
    model, path = exported
    info = ExportedModel(path).info
    for patterns in (patterns_of(model), ['ch4'], ['co2'] * 5):
        inputs = random_inputs(model, patterns, SCALE[::-1], seed=len(patterns))
        for name, difference in check_export(model, path, info, inputs).items():
            assert difference < 1e-4, name


def test_what_stands_in_for_a_missing_frame_does_not_matter(
    exported: tuple[Any, Path],
) -> None:
    model, path = exported
    engine = ExportedModel(path).engine
    co2, ch4, _ = random_inputs(model, ['co2'], SCALE[::-1])
    present = np.array([[True, False]])
    found = [
        engine.run(
            {'co2': co2.numpy(), 'ch4': x.numpy(), 'present': present},
            ['co2_logits', 'health'],
        )
        for x in (ch4, torch.zeros_like(ch4))
    ]
    for name, value in found[0].items():
        np.testing.assert_array_equal(value, found[1][name])


@pytest.mark.parametrize('size', [SCALE, (200, 150)])
@pytest.mark.parametrize('gases', [('co2', 'ch4'), ('ch4',)])
def test_the_runtime_is_the_inferencer(
    exported: tuple[Any, Path], size: tuple[int, int], gases: tuple[str, ...]
) -> None:
    model, path = exported
    step = next(
        step
        for step in model.cfg.test_dataloader.dataset.pipeline
        if step['type'] == 'ResizeDualGas'
    )
    step['scale'] = SCALE
    sample = frames(size, *gases)
    (ours,) = ExportedModel(path).predict([sample], probabilities=True)
    (theirs,) = TorchPredictor(model).predict([sample], probabilities=True)
    assert set(ours.masks) == set(theirs.masks) == set(gases)
    for gas in gases:
        assert ours.masks[gas].shape == size[::-1]
        assert (ours.masks[gas] != theirs.masks[gas]).mean() < 1e-3
        np.testing.assert_allclose(
            ours.probabilities[gas], theirs.probabilities[gas], atol=1e-3
        )
    assert ours.health_scores is not None and theirs.health_scores is not None
    np.testing.assert_allclose(ours.health_scores, theirs.health_scores, atol=1e-4)


def test_the_file_says_what_it_is(exported: tuple[Any, Path]) -> None:
    _, path = exported
    info = ExportedModel(path).info
    assert info.gases == GASES and info.scale == SCALE
    assert info.config == 'fume_fastscnn_demo.py'
    assert info.training_data == 'simulated'
    assert info.classes == ('background', 'tube', 'gas')
    assert GraphInfo.from_json(info.to_json(), path='x') == info


def test_it_runs_where_torch_cannot_be_imported(exported: tuple[Any, Path]) -> None:
    _, path = exported
    program = f"""
import sys
class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'mmengine', 'mmcv', 'mmseg', 'matplotlib'):
            raise ImportError(name)
sys.meta_path.insert(0, Forbid())
import numpy as np
from fume_mm.deployment.runtime import ExportedModel
result = ExportedModel({str(path)!r})(co2=np.zeros((120, 160), np.uint8))
print(result.health_class, result.masks['co2'].shape, sorted(result.areas()))
"""
    done = subprocess.run(
        [sys.executable, '-c', program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("(120, 160) ['co2']")


@pytest.mark.parametrize('form', ['openvino', 'exported-program'])
def test_other_formats_agree(form: str, tmp_path: Path) -> None:
    if form == 'openvino':
        pytest.importorskip('openvino')
    model = build('fume/fume_fastscnn_concat')
    path = tmp_path / f'fume{FORMATS[form]}'
    info = export_model(model, path, form=form, scale=SCALE)
    inputs = random_inputs(model, patterns_of(model), SCALE[::-1])
    assert max(check_export(model, path, info, inputs).values()) < 1e-3
    if form == 'openvino':
        assert ExportedModel(path).info == info


def test_half_precision_is_half_the_file(tmp_path: Path) -> None:
    model = build('fume/fume_fastscnn_concat')
    path = tmp_path / 'half.onnx'
    info = export_model(model, path, form='onnx', scale=SCALE, half=True)
    inputs = random_inputs(model, patterns_of(model), SCALE[::-1])
    check_export(model, path, info, inputs)
    assert path.stat().st_size < 2.2 * 1.3e6 + 5e5


def test_a_file_that_differs_is_not_let_pass(exported: tuple[Any, Path]) -> None:
    model, path = exported
    info = ExportedModel(path).info
    other = build('fume/fume_fastscnn_demo')
    with torch.no_grad():
        other.decode_head['co2'].conv_seg.bias[2] += 0.1
    inputs = random_inputs(model, ['co2'], SCALE[::-1])
    with pytest.raises(UserError, match='co2_logits differs from PyTorch by'):
        check_export(other, path, info, inputs)


def test_the_graph_has_the_names_of_its_outputs() -> None:
    model = build('fume/fume_fastscnn')
    graph = ExportGraph(model)
    assert graph.names == ['co2_logits', 'co2_mask', 'ch4_logits', 'ch4_mask', 'health']
    outputs = graph(*random_inputs(model, ['co2 ch4'], SCALE[::-1]))
    assert [tuple(x.shape[1:]) for x in outputs] == [
        *((3, 64, 96), (64, 96)) * 2,
        (3,),
    ]


def test_files_that_are_none_of_ours_are_refused(
    exported: tuple[Any, Path], tmp_path: Path
) -> None:
    _, path = exported
    model = ExportedModel(path)
    with pytest.raises(UserError, match="sample 'x' has no frame"):
        model.predict([{'name': 'x'}])
    for name, said in (('a.onnx', 'there is no such file'), ('a.pt', 'is not an expo')):
        with pytest.raises(UserError, match=said):
            ExportedModel(tmp_path / name)
    broken = tmp_path / 'broken.onnx'
    broken.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match=r'broken\.onnx: cannot be loaded'):
        ExportedModel(broken)
    content = onnx.load(str(path))
    for value, said in (
        ('', 'was not exported by fume_mm'),
        (None, 'format version 9'),
    ):
        for entry in content.metadata_props:
            if entry.key == METADATA_KEY:
                text = entry.value.replace('"format_version": 1', '"format_version": 9')
                entry.value = text if value is None else value
        other = tmp_path / f'other{len(said)}.onnx'
        onnx.save(content, str(other))
        with pytest.raises(UserError, match=said):
            ExportedModel(other)
        content = onnx.load(str(path))
