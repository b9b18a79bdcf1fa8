"""The export command line: a file that passed, or one line of error and no file."""

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from fume_mm.apis import init_model
from fume_mm.inference.exported import ExportedModel
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``config.py``, ``last.pth``, ``co2.png``, and ``broken.pth`` that gives NaN."""
    folder = tmp_path_factory.mktemp('export')
    (folder / 'config.py').write_text(
        f"_base_ = '{ROOT}/configs/fume/fume_fastscnn_concat.py'\n"
        'model = dict(backbone=dict(encoder=dict(stage_blocks=(1, 1, 1))))\n'
    )
    torch.manual_seed(0)
    model = init_model(folder / 'config.py')
    meta = {'dataset_meta': {'simulated': False}}
    torch.save({'meta': meta, 'state_dict': model.state_dict()}, folder / 'last.pth')
    torch.nn.init.constant_(model.decode_head['ch4'].conv_seg.bias, float('nan'))
    torch.save({'state_dict': model.state_dict()}, folder / 'broken.pth')
    frame = np.random.default_rng(0).integers(0, 256, (90, 120), dtype=np.uint8)
    cv2.imwrite(str(folder / 'co2.png'), frame)
    return folder


def run(*words: object) -> subprocess.CompletedProcess:
    return run_tool('tools/deployment/export.py', *words)


def export(folder: Path, *words: object, checkpoint: str = 'last.pth') -> object:
    return run(folder / 'config.py', folder / checkpoint, *words)


def the_error(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 2, done.stderr
    assert 'Traceback' not in done.stderr
    (line,) = [x for x in done.stderr.splitlines() if x.startswith('error: ')]
    return line


def test_export_checks_and_writes(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / 'new/model.onnx'
    done = export(folder, '--size', 96, 64, '--co2', folder / 'co2.png', '--out', out)
    assert done.returncode == 0, done.stderr
    for name in ('random frames', 'one random sample', 'your frames'):
        assert f'largest difference to PyTorch, {name}: co2_coarse ' in done.stdout
    assert f'written: {out} (' in done.stdout
    assert [path.name for path in out.parent.iterdir()] == ['model.onnx']
    info = ExportedModel(out).info
    assert info.scale == (96, 64) and info.fixed
    assert info.config == 'config.py' and info.training_data == 'real'
    assert len(info.checkpoint_sha256) == 64


def test_a_file_that_fails_is_not_kept_nor_the_old_one_lost(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / 'model.pt2'
    out.write_text('the last one that passed')
    words = ('--format=exported-program', '--size', 96, 64, '--out', out)
    done = export(folder, *words, checkpoint='broken.pth')
    assert 'ch4_coarse differs from PyTorch by nan' in the_error(done)
    assert out.read_text() == 'the last one that passed'
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('--out', 'x.xml'), 'give the file the ending .onnx'),
        (('--out', 'co2.png/x.onnx'), 'cannot be written'),
        (('--size', 16, 64), 'give 32 pixels or more'),
        (('--size', 96, 64, '--ch4', 'no.png'), 'no.png: there is no such'),
        (('--size', 96, 64, '--ch4', 'last.pth'), 'last.pth: is not an image'),
    ],
    ids=['ending', 'folder', 'size', 'frame', 'no image'],
)
def test_mistakes_are_one_line_before_the_work(
    folder: Path, words: tuple, said: str
) -> None:
    words = tuple(folder / x if isinstance(x, str) and '.' in x else x for x in words)
    before = sorted(folder.iterdir())
    assert said in the_error(export(folder, *words))
    assert sorted(folder.iterdir()) == before


def test_a_forest_is_refused_at_once(tmp_path: Path) -> None:
    done = run('configs/baselines/random_forest.py', tmp_path / 'none.pth')
    assert 'RandomForestModel cannot be exported: it is a forest' in the_error(done)
