"""Exported files say what PyTorch says; one that does not is not let pass."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.engine.config import frame_scale, load_config
from fume_mm.errors import UserError
from fume_mm.inference.export import (
    CANNOT,
    FORMATS,
    NEEDS,
    ExportGraph,
    HalfStored,
    describe_file,
    export_model,
    require_exportable,
    with_half_weights,
)
from fume_mm.inference.export_check import (
    check_export,
    compare,
    frames_of_test_set,
    open_exported,
    patterns_of,
    random_inputs,
    real_inputs,
    reference,
    scores_on_test_set,
)
from fume_mm.inference.exported import ExportedModel
from fume_mm.inference.graph import GraphInfo, output_names
from fume_mm.inference.int8 import calibration_inputs, quantise
from fume_mm.inference.torch_predictor import TorchPredictor
from fume_mm.io.tables import write_table
from fume_mm.registry import DATASETS, MODELS
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult
from tests.campaigns import make_campaign
from tests.exports import ROOT, SCALE, small_model, write_graph

pytestmark = pytest.mark.slow
SIZE = SCALE[::-1]
SMALLEST_LOGITS = 1e-2


@pytest.fixture(scope='module')
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, GraphInfo]:
    """Of any size."""
    path = tmp_path_factory.mktemp('onnx') / 'small.onnx'
    model = small_model()
    info = export_model(
        model, path, form='onnx', scale=SCALE, dynamic_size=True, full_size=True
    )
    return path, info


def test_every_availability_batch_and_size_agrees(
    onnx_file: tuple[Path, GraphInfo],
) -> None:
    model = small_model()
    samples = {
        f'{patterns} {size}': random_inputs(model, patterns, size, seed=len(patterns))
        for patterns in (patterns_of(GASES), ['ch4'], ['co2'] * 5)
        for size in (SIZE, (77, 91))
    }
    for inputs in samples.values():
        for name, value in reference(model, inputs).items():
            if not name.endswith('_mask'):  # or the comparison means nothing
                assert np.abs(value).max() > SMALLEST_LOGITS
    for differences in check_export(model, *onnx_file, samples).values():
        names = output_names(GASES, masks=True, health=True, full_size=True)
        assert set(differences) == set(names)
        assert max(differences.values()) < 1e-4


@pytest.mark.parametrize('form', ['openvino', 'exported-program'])
def test_other_formats_agree_with_weights_stored_in_half(
    form: str, tmp_path: Path
) -> None:
    model = small_model()
    path = tmp_path / f'small{FORMATS[form]}'
    info = export_model(model, path, form=form, scale=SCALE, half=True)
    inputs = {'all': random_inputs(model, patterns_of(GASES), SIZE)}
    (differences,) = check_export(with_half_weights(model), path, info, inputs).values()
    assert max(differences.values()) < 1e-4
    size = sum(part.stat().st_size for part in tmp_path.iterdir())
    weights = sum(p.numel() for p in model.parameters())
    assert size < 3 * weights + 6e5  # 4 bytes a number, and the graph, without
    if form == 'openvino':
        assert ExportedModel(path).info == info


def test_half_stored_weights_are_the_rounded_ones() -> None:
    model = small_model()
    graph = HalfStored(ExportGraph(model))
    stored = {value.dtype for value in graph.state_dict().values() if value.ndim > 1}
    assert stored == {torch.float16}
    inputs = random_inputs(model, patterns_of(GASES), SIZE)
    with torch.no_grad():
        found = graph(*inputs)
        expected = ExportGraph(with_half_weights(model))(*inputs)
        exact = ExportGraph(model)(*inputs)
    for name, x, y, z in zip(graph.names, found, expected, exact, strict=True):
        torch.testing.assert_close(x, y, msg=name)
        if name.endswith('_coarse'):
            assert not torch.equal(x, z)


def test_what_stands_in_for_a_missing_frame_does_not_matter(
    onnx_file: tuple[Path, GraphInfo],
) -> None:
    engine = ExportedModel(onnx_file[0]).engine
    co2, ch4, _ = random_inputs(small_model(), ['co2'], SIZE)
    present = np.array([[True, False]])
    names = ['co2_logits', 'ch4_logits', 'ch4_mask', 'health']
    found = [
        engine.run({'co2': co2.numpy(), 'ch4': x, 'present': present}, names)
        for x in (ch4.numpy(), np.zeros_like(ch4.numpy()))
    ]
    for name, value in found[0].items():
        np.testing.assert_array_equal(value, found[1][name])
    assert not found[0]['ch4_logits'].any() and not found[0]['ch4_mask'].any()


@pytest.mark.parametrize('size', [SCALE, (200, 150), (48, 40)])
@pytest.mark.parametrize('gases', [GASES, ('ch4',)], ids=' '.join)
def test_the_runtime_is_the_inferencer(
    onnx_file: tuple[Path, GraphInfo], size: tuple[int, int], gases: tuple[str, ...]
) -> None:
    generator = np.random.default_rng(1)
    sample: dict[str, Any] = {'name': 'x'}
    for gas in gases:
        sample[gas] = generator.integers(0, 256, size[::-1], dtype=np.uint8)
    (ours,) = ExportedModel(onnx_file[0]).predict([sample], probabilities=True)
    (theirs,) = TorchPredictor(small_model()).predict([sample], probabilities=True)
    assert list(ours.masks) == list(theirs.masks) == list(gases)
    for gas in gases:
        assert len(np.unique(ours.masks[gas])) == 3
        wrong = ours.masks[gas] != theirs.masks[gas]
        # only where two classes are as good as equal
        second, first = np.sort(theirs.probabilities[gas][:, wrong], axis=0)[1:]
        assert (first - second < 1e-5).all() and wrong.mean() < 1e-3
        np.testing.assert_allclose(
            ours.probabilities[gas], theirs.probabilities[gas], atol=1e-5
        )
    assert ours.health_scores is not None and theirs.health_scores is not None
    np.testing.assert_allclose(ours.health_scores, theirs.health_scores, atol=1e-5)
    assert ExportedModel(onnx_file[0]).training_data == 'simulated'


def test_the_file_says_what_it_is(onnx_file: tuple[Path, GraphInfo]) -> None:
    path, info = onnx_file
    assert ExportedModel(path).info == info
    assert info.gases == GASES and info.scale == SCALE and not info.fixed
    assert info.config == 'fume_fastscnn_demo.py'
    assert info.training_data == 'simulated'
    assert info.palette[1] == (0, 114, 178)


def test_a_model_of_one_gas_has_one_gas() -> None:
    model = small_model(gases=('ch4',))
    assert ExportGraph(model).names == ['ch4_coarse', 'health']
    graph = ExportGraph(model, full_size=True)
    assert graph.names == ['ch4_logits', 'ch4_mask', 'ch4_coarse', 'health']
    frames, present = random_inputs(model, patterns_of(model.gases) * 2, SIZE)
    with torch.no_grad():
        values = [x.numpy() for x in graph(frames, present)]
    found = dict(zip(graph.names, values, strict=True))
    differences = compare(reference(model, (frames, present)), found)
    assert set(differences) == set(graph.names)
    assert max(differences.values()) < 1e-5


def test_a_file_that_differs_is_not_let_pass(
    onnx_file: tuple[Path, GraphInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model()
    inputs = {'noise': random_inputs(model, ['co2'], SIZE)}
    bias = model.decode_head['co2'].conv_seg.bias
    monkeypatch.setattr(bias, 'data', bias.data + 0.05)
    with pytest.raises(UserError, match='on noise, co2_logits differs from PyTorch by'):
        check_export(model, *onnx_file, inputs)


def test_a_file_that_cannot_be_run_is_not_let_pass(tmp_path: Path) -> None:
    model = small_model(gases=('ch4',))
    path = write_graph(tmp_path / 'fixed.onnx', gases=('ch4',))
    inputs = {'larger frames': random_inputs(model, ['ch4'], (SIZE[0] * 2, SIZE[1]))}
    with pytest.raises(UserError, match='cannot be run on larger frames'):
        check_export(model, path, ExportedModel(path).info, inputs)


def test_real_frames_are_compared_in_every_pattern() -> None:
    frames = {
        gas: np.full((30, 50), level, np.uint8)
        for gas, level in (('co2', 10), ('ch4', 200))
    }
    co2, ch4, present = real_inputs(small_model(), frames, SIZE)
    assert co2.shape == ch4.shape == (3, 1, *SIZE)
    assert co2.unique().tolist() == [10] and ch4.unique().tolist() == [200]
    assert present.tolist() == [[True, True], [True, False], [False, True]]
    *_, present = real_inputs(small_model(), {'ch4': frames['ch4']}, SIZE)
    assert present.tolist() == [[False, True]]
    with pytest.raises(UserError, match='looks at ch4 only'):
        real_inputs(small_model(gases=('ch4',)), {'co2': frames['co2']}, SIZE)


def test_frames_of_the_test_set_are_found(tmp_path: Path) -> None:
    cfg = load_config(str(ROOT / 'configs/fume/fume_fastscnn.py'))
    cfg.test_dataloader.dataset.data_root = str(tmp_path)
    assert frames_of_test_set(cfg, GASES) == {}
    make_campaign(tmp_path, splits=('test',))
    images = sorted((tmp_path / 'images/test').glob('*v0_f0*.png'))
    rows = [f'images/test/{path.name}' for path in images]
    text = f'co2_frame,ch4_frame\n,{rows[0]}\n{rows[1]},{rows[0]}\n'
    (tmp_path / 'paired_test_annotations.csv').write_text(text)
    assert frames_of_test_set(cfg, GASES) == {
        'co2': tmp_path / rows[1],
        'ch4': tmp_path / rows[0],
    }
    fold = tmp_path / 'cv_fold0'
    fold.mkdir()
    cfg.test_dataloader.dataset.ann_root = str(fold)
    assert frames_of_test_set(cfg, GASES) == {}
    (fold / 'paired_test_annotations.csv').write_text(f'co2_frame\n{rows[1]}\n')
    assert frames_of_test_set(cfg, GASES) == {'co2': tmp_path / rows[1]}


def test_the_graphs_mask_is_argmax() -> None:
    model = small_model()
    graph = ExportGraph(model, full_size=True)
    outputs = graph(*random_inputs(model, ['co2 ch4'] * 2, SIZE))
    found = dict(zip(graph.names, outputs, strict=True))
    assert found['co2_mask'].dtype == torch.uint8
    assert torch.equal(found['co2_mask'].long(), found['co2_logits'].argmax(dim=1))


def test_what_has_no_graph_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(CANNOT) <= set(MODELS.module_dict)
    forest = load_config(str(ROOT / 'configs/baselines/random_forest.py'))
    with pytest.raises(UserError, match='RandomForestModel cannot be exported: it is'):
        require_exportable(forest, 'onnx')
    cfg = load_config(str(ROOT / 'configs/fume/fume_fastscnn.py'))
    require_exportable(cfg, 'onnx')
    monkeypatch.setitem(NEEDS, 'onnx', ('onnx', 'not_a_package'))
    with pytest.raises(
        UserError, match='needs not_a_package; pip install not_a_package'
    ):
        require_exportable(cfg, 'onnx')
    assert frame_scale(cfg) == (640, 480)


def test_what_torch_refuses_is_one_error(tmp_path: Path) -> None:
    class Counting(torch.nn.Module):
        def forward(self, *inputs: Any) -> Any:
            raise RuntimeError('\ncannot count rows\nmore')

    model = small_model()
    graph_class = 'fume_mm.inference.export.ExportGraph.forward'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graph_class, Counting.forward)
        with pytest.raises(
            UserError, match=r'cannot be exported as onnx: .*count rows'
        ):
            export_model(model, tmp_path / 'x.onnx', form='onnx', scale=SCALE)
    assert not list(tmp_path.iterdir())


def test_int8_convolutions_leave_attention_fusion_and_health_alone(
    onnx_file: tuple[Path, GraphInfo], tmp_path: Path
) -> None:
    path, model = tmp_path / 'int8.onnx', small_model()
    path.write_bytes(onnx_file[0].read_bytes())
    batches = [random_inputs(model, ['co2 ch4'], SIZE, seed=i) for i in range(2)]
    quantise(path, [*GASES, 'present'], batches)
    info = replace(onnx_file[1], precision='int8', loss={'seg/mIoU': 0.25})
    describe_file(path, info)
    assert ExportedModel(path).info == info
    nodes = onnx.load(str(path)).graph.node
    whole = {
        name
        for node in nodes
        if node.op_type == 'DequantizeLinear'
        for name in node.output
    }
    kinds: dict[str, set[bool]] = {}
    for node in (node for node in nodes if node.op_type == 'Conv'):
        scopes = {entry.key: entry.value for entry in node.metadata_props}['namespace']
        for part in ('model.backbone', 'model.neck', 'conv_seg', 'decoder'):
            if part in scopes:
                kinds.setdefault(part, set()).add(node.input[1] in whole)
    expected = {'model.backbone': {True}, 'decoder': {True}}
    assert kinds == {**expected, 'model.neck': {False}, 'conv_seg': {False}}
    inputs = random_inputs(model, patterns_of(GASES), SIZE, seed=5)
    found = open_exported(path, info)(inputs)
    for name, value in reference(model, inputs).items():
        if name.endswith('_mask'):
            assert 0 < (value != found[name]).mean() < 0.1


def test_int8_needs_training_frames_and_a_format_that_has_it(tmp_path: Path) -> None:
    cfg = load_config(str(ROOT / 'configs/fume/fume_fastscnn.py'))
    cfg.train_dataloader.dataset.data_root = str(tmp_path)
    with pytest.raises(UserError, match=r'int8 is calibrated on .* set its data_root'):
        calibration_inputs(cfg, small_model(), SIZE)
    with pytest.raises(UserError, match='onnx has no bf16; choose --format openvino'):
        require_exportable(cfg, 'onnx', 'bf16')


def test_scores_of_a_file_are_in_points(tmp_path: Path) -> None:
    root = make_campaign(tmp_path, vessels=3, frames=1, splits=('test',), co2_only=())
    paired = pair_gases(read_annotations(root / 'test_annotations.csv'))
    write_table(paired, root / 'paired_test_annotations.csv')
    cfg = load_config(str(ROOT / 'configs/fume/fume_fastscnn.py'))
    cfg.test_dataloader.dataset.data_root = str(root)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    truth = {}
    for i in range(len(dataset)):
        sample = dataset[i]['data_samples']
        masks = {gas: sample.get(gas).gt_sem_seg.data[0].numpy() for gas in GASES}
        truth[sample.sample_id] = (
            masks,
            np.eye(3, dtype=np.float32)[int(sample.gt_health)],
        )

    class Knows:
        wrong = 0

        def predict(self, samples: Any, probabilities: bool = False) -> list:
            masks, scores = truth[samples[0]['name']]
            scores = np.roll(scores, self.wrong)
            return [DualGasResult(samples[0]['name'], masks, {}, scores)]

    perfect = {'seg/mIoU': 100.0, 'cls/balanced_accuracy': 100.0}
    assert scores_on_test_set(cfg, Knows()) == pytest.approx(perfect)
    Knows.wrong = 1
    fooled = {**perfect, 'cls/balanced_accuracy': 0.0}
    assert scores_on_test_set(cfg, Knows()) == pytest.approx(fooled)


def test_a_program_that_is_cut_short_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / 'model.pt2'
    path.write_bytes(b'PK\x03\x04 a program that broke off')
    info = GraphInfo(GASES, ('health',), (64, 48), True, 'x.py', None, None, '1')
    with pytest.raises(UserError, match='cut short'):
        open_exported(path, info)
