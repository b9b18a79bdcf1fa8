"""The export command line: a file that is checked, or one line of error."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.checkpoints import CONFIG, make_checkpoint

pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def export(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, 'tools/deployment/export.py', *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_export_checks_and_writes(tmp_path: Path) -> None:
    checkpoint = tmp_path / 'last.pth'
    make_checkpoint(checkpoint)
    frame = np.random.default_rng(0).integers(0, 256, (90, 120), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'co2.png'), frame)
    done = export(CONFIG, checkpoint, '--size', 96, 64, '--co2', tmp_path / 'co2.png')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'last.onnx').is_file()
    for name in ('random frames', 'one random sample', 'your frames'):
        assert f'difference to PyTorch, {name}: ' in done.stdout
    timed = subprocess.run(
        [
            *(sys.executable, 'tools/deployment/benchmark_runtime.py'),
            *(str(tmp_path / 'last.onnx'), '--calls=3', f'--json={tmp_path}/b.json'),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert timed.returncode == 0, timed.stderr
    assert 'overhead: ' in timed.stdout and (tmp_path / 'b.json').is_file()


def test_wrong_words_are_one_line(tmp_path: Path) -> None:
    checkpoint = tmp_path / 'last.pth'
    make_checkpoint(checkpoint)
    for words, said in (
        (('--out', tmp_path / 'x.xml'), 'give the file .onnx'),
        (('--size', 16, 16), 'give 32 pixels or more'),
        (('--size', 96, 64, '--co2', tmp_path / 'no.png'), 'no.png'),
    ):
        done = export(CONFIG, checkpoint, *words)
        assert done.returncode == 2
        (line,) = [x for x in done.stderr.splitlines() if x.startswith('error: ')]
        assert said in line
        assert not (tmp_path / 'last.onnx').exists()
