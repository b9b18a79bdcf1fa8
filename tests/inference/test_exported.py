"""Exported files run without torch; what they say reaches the user whole, or not."""

import json
import subprocess
import venv
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openvino
import pytest

from fume_mm.errors import UserError
from fume_mm.inference.exported import ExportedModel, open_engine
from fume_mm.inference.graph import METADATA_KEY, GraphInfo
from fume_mm.io.digests import seal
from fume_mm.io.images import read_frame
from tests.exports import SCALE, write_graph

ROOT = Path(__file__).parents[2]
WIDTH, HEIGHT = SCALE
#: The runtime's packages and what ONNX Runtime itself needs.
NEEDED = (
    'numpy',
    'opencv-python-headless',
    'onnxruntime',
    'flatbuffers',
    'packaging',
    'protobuf',
)


@pytest.fixture(scope='module')
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_graph(tmp_path_factory.mktemp('runtime') / 'model.onnx')


@pytest.fixture(scope='module')
def model(path: Path) -> ExportedModel:
    return ExportedModel(path, threads=1)


def frame(size: tuple[int, int] = SCALE) -> np.ndarray:
    """A dark, a middling and a bright third, from left to right."""
    width, height = size
    levels = np.repeat(np.array([20, 64, 130], np.uint8), width // 3)
    return np.tile(levels, (height, 1))


def thirds(size: tuple[int, int] = SCALE) -> np.ndarray:
    """The mask of :func:`frame`: gas, background, tube."""
    classes = np.repeat(np.array([2, 0, 1], np.uint8), size[0] // 3)
    return np.tile(classes, (size[1], 1))


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def test_the_mask_is_that_of_the_graphs_logits(model: ExportedModel) -> None:
    result = model(co2=frame(), ch4=np.full((HEIGHT, WIDTH), 60, np.uint8))
    assert (result.masks['co2'] == thirds()).all()
    assert (result.masks['ch4'] == 0).all()
    assert result.masks['co2'].dtype == np.uint8
    assert result.probabilities == {}
    # means of background, tube, gas: 100, 214/3, 200-428/3 and 100, 60, 80
    scores = np.array([200, 214 / 3 + 60, 280 - 428 / 3])
    assert result.health_scores == pytest.approx(softmax(scores), abs=1e-5)
    assert result.health_class == 'Healthy'
    assert set(result.seconds) == {'read', 'infer'}


def test_a_gas_that_is_not_given_says_nothing(model: ExportedModel) -> None:
    result = model(ch4=frame())
    assert list(result.masks) == ['ch4']
    assert (result.masks['ch4'] == thirds()).all()
    scores = np.array([100, 214 / 3, 200 - 428 / 3])  # CO2 adds nothing
    assert result.health_scores == pytest.approx(softmax(scores), abs=1e-5)


def test_a_missing_frame_is_not_a_black_one(model: ExportedModel) -> None:
    black = np.zeros((HEIGHT, WIDTH), np.uint8)
    with_black, without = model(co2=black, ch4=frame()), model(ch4=frame())
    assert (with_black.masks['co2'] == 2).all()
    assert not np.allclose(with_black.health_scores, without.health_scores)


def test_probabilities_are_the_logits_softmax(model: ExportedModel) -> None:
    (result,) = model.predict([{'name': 'x', 'co2': frame()}], probabilities=True)
    assert result.probabilities['co2'].shape == (3, HEIGHT, WIDTH)
    # 64 is between: background 100, tube 64, gas 72
    middle = result.probabilities['co2'][:, 0, WIDTH // 2]
    assert middle == pytest.approx(softmax(np.array([100, 64, 72])), abs=1e-6)


@pytest.mark.parametrize('size', [(48, 32), (144, 96), (240, 90)])
def test_a_frame_of_another_size_gets_a_mask_of_its_own(
    model: ExportedModel, size: tuple[int, int]
) -> None:
    (result,) = model.predict([{'name': 'x', 'co2': frame(size)}], probabilities=True)
    mask = result.masks['co2']
    assert mask.shape == size[::-1]
    # bilinear steps blur the two edges only
    assert (mask != thirds(size)).mean() < 0.1
    assert (mask == result.probabilities['co2'].argmax(axis=0)).all()


def test_samples_of_a_batch_do_not_touch_each_other(model: ExportedModel) -> None:
    small, large = (48, 32), (144, 96)
    samples: list[dict[str, Any]] = [
        {'name': 'a', 'co2': frame(), 'ch4': frame(small)},
        {'name': 'b', 'co2': frame(large)[:, ::-1], 'ch4': None},
        {'name': 'c', 'ch4': frame()},
    ]
    together = model.predict(samples, probabilities=True)
    for sample, result in zip(samples, together, strict=True):
        (alone,) = model.predict([sample], probabilities=True)
        assert result.name == sample['name']
        assert list(result.masks) == list(alone.masks)
        for gas, mask in alone.masks.items():
            assert (result.masks[gas] == mask).all()
            np.testing.assert_allclose(
                result.probabilities[gas], alone.probabilities[gas], atol=1e-6
            )
        np.testing.assert_allclose(result.health_scores, alone.health_scores, atol=1e-6)


def test_a_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = write_graph(tmp_path / 'old.onnx', full_size=True, format_version=1)
    assert (ExportedModel(path)(co2=frame()).masks['co2'] == thirds()).all()


@pytest.mark.parametrize('full_size', [False, True])
def test_nothing_of_full_size_is_asked_of_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full_size: bool
) -> None:
    model = ExportedModel(write_graph(tmp_path / 'x.onnx', full_size=full_size))
    asked: list[list[str]] = []
    run = model.engine.run

    def spy(inputs: dict, outputs: list[str]) -> dict:
        asked.append(list(outputs))
        return run(inputs, outputs)

    monkeypatch.setattr(model.engine, 'run', spy)
    model.predict([{'name': 'a', 'co2': frame()}], probabilities=True)
    assert asked == [['co2_coarse', 'ch4_coarse', 'health']]
    assert model.predict([]) == []


def test_a_model_of_one_gas_ignores_the_other(tmp_path: Path) -> None:
    model = ExportedModel(write_graph(tmp_path / 'ch4.onnx', gases=('ch4',)))
    assert model.gases == ('ch4',)
    result = model(co2=frame((48, 32)), ch4=frame())
    assert list(result.masks) == ['ch4']
    with pytest.raises(UserError, match=r'^a: has no CH4 frame'):
        model.predict([{'name': 'a', 'co2': frame()}])


def test_a_file_of_any_size_takes_the_users(tmp_path: Path, path: Path) -> None:
    free = write_graph(tmp_path / 'free.onnx', fixed=False)
    assert ExportedModel(free).scale == SCALE
    model = ExportedModel(free, scale=(48, 32))
    assert (model(co2=frame((48, 32))).masks['co2'] == thirds((48, 32))).all()
    with pytest.raises(UserError, match='takes 96x64 only'):
        ExportedModel(path, scale=(48, 32))


@pytest.mark.parametrize(
    'other',
    [
        frame().astype(np.float32),
        frame().astype(np.uint16) * 99,
        cv2.applyColorMap(frame(), cv2.COLORMAP_BONE),
    ],
    ids=['float', '16 bits', 'colour'],
)
def test_frames_of_other_kinds_are_read_as_everywhere(
    model: ExportedModel, other: Any, tmp_path: Path
) -> None:
    path = tmp_path / 'frame.tiff'
    cv2.imwrite(str(path), other)
    gray, done = read_frame(path)
    expected = model(co2=gray)
    for given in (other, path, str(path)):
        result = model(co2=given)
        assert (result.frames['co2'] == gray).all()
        assert result.read_as == {'co2': done}
        assert (result.masks['co2'] == expected.masks['co2']).all()


def test_what_is_no_frame_is_refused(model: ExportedModel) -> None:
    for wrong, message in (
        (np.zeros((0, 4), np.uint8), r'the ch4 frame of x: is 4x0 pixels'),
        ('frame.png', r'frame\.png: there is no such ch4 frame of x'),
    ):
        with pytest.raises(UserError, match=message):
            model.predict([{'name': 'x', 'co2': frame(), 'ch4': wrong}])


def test_outputs_that_are_no_numbers_are_an_error(
    model: ExportedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = model.engine.run
    for name in ('co2_coarse', 'health'):

        def broken(inputs: dict, outputs: list[str], name: str = name) -> dict:
            found = run(inputs, outputs)
            found[name] = np.full_like(found[name], np.nan)
            return found

        monkeypatch.setattr(model.engine, 'run', broken)
        with pytest.raises(UserError, match=r'^sample, .*no numbers'):
            model(co2=frame())


def test_no_frame_at_all_is_refused(model: ExportedModel) -> None:
    with pytest.raises(UserError, match='no frame was given'):
        model()
    with pytest.raises(UserError, match=r'^x: no frame was given'):
        model.predict([{'name': 'w', 'co2': frame()}, {'name': 'x', 'co2': None}])


def test_threads_must_be_some(path: Path) -> None:
    with pytest.raises(UserError, match='threads is 0'):
        ExportedModel(path, threads=0)


def test_the_file_says_what_it_is(path: Path) -> None:
    info = ExportedModel(path).info
    assert info.scale == SCALE and info.gases == ('co2', 'ch4')
    assert info.classes == ('background', 'tube', 'gas')
    assert info.health_classes == ('Healthy', 'Transitional', 'Acidotic')
    assert GraphInfo.from_json(info.to_json(), path='x') == info


@pytest.mark.parametrize(
    ('learned', 'said'), [('simulated', 'simulated'), ('real', None), (None, None)]
)
def test_simulated_training_data_are_told(
    tmp_path: Path, learned: str | None, said: str | None
) -> None:
    path = write_graph(tmp_path / 'x.onnx', training_data=learned)
    assert ExportedModel(path).training_data == said


@pytest.mark.parametrize(
    ('description', 'said'),
    [
        (None, 'was not exported by fume_mm'),
        ('nonsense', 'description cannot be read'),
        ('[]', 'description cannot be read'),
        ('{"gases": ["co2"]}', 'description cannot be read'),
        ('{"format_version": 1}', 'description cannot be read'),
        ('{"format_version": 9, "fume_mm": "7.0"}', r'version 9, .*\(7\.0\)'),
    ],
)
def test_a_file_that_is_not_ours_is_refused(
    tmp_path: Path, description: str | None, said: str
) -> None:
    path = write_graph(tmp_path / 'other.onnx', description=description)
    with pytest.raises(UserError, match=rf'other\.onnx: .*{said}'):
        ExportedModel(path)


def test_what_is_changed_after_the_export_is_refused(
    tmp_path: Path, path: Path
) -> None:
    changed = tmp_path / 'changed.onnx'
    for old, new in (
        (b'"training_data": "simulated"', b'"training_data": "real"     '),
        (b'"Healthy", "Transitional"', b'"Transitional", "Healthy"'),
        (b'by_hand', b'by-hand'),  # of the graph, not of the description
    ):
        content = path.read_bytes()
        assert old in content
        changed.write_bytes(content.replace(old, new))
        with pytest.raises(UserError, match=r'changed\.onnx: .*changed after it was'):
            ExportedModel(changed)


def test_an_export_without_a_digest_is_refused(tmp_path: Path, path: Path) -> None:
    text = ExportedModel(path).info.to_json()
    bare = json.dumps({**json.loads(text), 'digest': None})
    path = write_graph(tmp_path / 'bare.onnx', description=bare)
    with pytest.raises(UserError, match=r'bare\.onnx: .*has no digest'):
        ExportedModel(path)


@pytest.mark.parametrize(
    ('changes', 'said'),
    [
        ({'scale': (10**6, 10**6)}, 'frames of 1000000x1000000 are too large'),
        ({'scale': (0, 64)}, 'scale is'),
        ({'scale': (64.0, 64)}, 'scale is'),
        ({'scale': (64,)}, 'not enough values'),
        ({'gases': ('ch4', 'co2')}, 'gases are'),
        ({'gases': ()}, 'gases are'),
        ({'outputs': ('health', 'co2_mask')}, 'outputs are'),
        ({'health_classes': 3 * ('a',)}, 'health_classes is'),
        ({'palette': ((0, 0, 256),) * 3}, 'palette is'),
        ({'training_data': 7}, 'training_data is 7'),
        ({'precision': 'fp16'}, 'precision is'),
        ({'loss': [1]}, 'loss is'),
        ({'fixed': 'no'}, 'fixed is'),
        ({'config': 'x' * 10**5}, 'JSONDecodeError'),
    ],
)
def test_a_description_of_what_cannot_be_is_refused(
    changes: dict[str, Any], said: str
) -> None:
    info = GraphInfo(('co2',), ('health',), SCALE, True, 'x.py', None, None, '0.1')
    assert GraphInfo.from_json(info.to_json(), path='x') == info
    with pytest.raises(UserError, match=f'^x: its description .*{said}'):
        GraphInfo.from_json(replace(info, **changes).to_json(), path='x')


@pytest.mark.parametrize(
    'changes', [{'scale': (48, 32)}, {'health_classes': ('low', 'high')}]
)
def test_a_graph_that_is_not_as_described_is_one_error(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    model = ExportedModel(write_graph(tmp_path / 'x.onnx', **changes))
    with pytest.raises(UserError, match=r'x\.onnx: is not what it says of itself'):
        model(co2=frame())


def test_broken_and_absent_files_are_refused(tmp_path: Path, path: Path) -> None:
    broken = tmp_path / 'broken.onnx'
    broken.write_bytes(path.read_bytes()[:300])
    for name, said in (
        ('broken.onnx', 'cannot be loaded'),
        ('none.onnx', 'there is no such file'),
        ('last.pth', 'is not an exported model'),
    ):
        with pytest.raises(UserError, match=said):
            ExportedModel(tmp_path / name)


def test_openvino_says_the_same(tmp_path: Path, path: Path) -> None:
    graph = openvino.Core().read_model(str(path))
    description = open_engine(path).description
    graph.set_rt_info(description, METADATA_KEY)
    openvino.save_model(graph, str(tmp_path / 'model.xml'))
    seal(tmp_path / 'model.xml', tmp_path / 'model.bin')
    theirs, ours = ExportedModel(tmp_path / 'model.xml', threads=1), ExportedModel(path)
    assert theirs.info == ours.info
    for given in ({'co2': frame(), 'ch4': frame((48, 32))}, {'ch4': frame()}):
        one, other = theirs(**given), ours(**given)
        assert list(one.masks) == list(other.masks)
        for gas, mask in one.masks.items():
            assert (mask == other.masks[gas]).all()
        np.testing.assert_allclose(one.health_scores, other.health_scores, atol=1e-5)
    first = theirs(co2=frame())
    theirs(co2=255 - frame())  # results are no views of what comes next
    assert (first.masks['co2'] == thirds()).all()
    (tmp_path / 'model.bin').unlink()
    with pytest.raises(UserError, match=r'model\.xml: cannot be loaded'):
        ExportedModel(tmp_path / 'model.xml')


@pytest.fixture(scope='module')
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a virtual environment with what the runtime needs and nothing else."""
    folder = tmp_path_factory.mktemp('bare')
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob('lib/python*/site-packages')
    (packages / 'fume_mm').symlink_to(ROOT / 'fume_mm')
    for name in NEEDED:
        package = metadata.distribution(name)
        tops = {part.parts[0] for part in package.files or ()}
        for top in tops - {'..', '__pycache__'}:
            link = packages / top
            if not link.exists():
                link.symlink_to(Path(str(package.locate_file(top))))
    return folder / 'bin/python'


def test_it_runs_where_there_is_no_torch(path: Path, bare_python: Path) -> None:
    program = f"""
import importlib.util
import numpy as np
from fume_mm.inference.exported import ExportedModel
for name in ('torch', 'mmengine', 'mmcv', 'mmseg', 'pandas', 'matplotlib', 'tqdm'):
    assert importlib.util.find_spec(name) is None, name
result = ExportedModel({str(path)!r})(co2=np.zeros((120, 160), np.uint8))
print(result.health_class, result.masks['co2'].shape, result.areas()['co2']['gas'])
"""
    done = subprocess.run(
        [bare_python, '-I', '-c', program],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == 'Acidotic (120, 160) 19200'
