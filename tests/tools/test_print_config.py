"""The resolved config on paper."""

import subprocess
from pathlib import Path

import pytest
from mmengine.config import Config

from fume_mm.engine.config import load_config
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/fume/fume_fastscnn_concat.py'
pytestmark = pytest.mark.slow


def print_config(*words: object) -> subprocess.CompletedProcess:
    return run_tool('tools/misc/print_config.py', CONFIG, *words)


def test_what_is_written_inherits_nothing_and_is_the_same(tmp_path: Path) -> None:
    out = tmp_path / 'new' / 'whole.py'
    done = print_config('--out', out, '--cfg-options', 'data_root=elsewhere')
    assert done.returncode == 0, done.stderr
    expected = load_config(str(ROOT / CONFIG), {'data_root': 'elsewhere'})
    assert '_base_' not in out.read_text()
    assert Config.fromfile(out).to_dict() == expected.to_dict()
    assert done.stdout.strip() == out.read_text().strip()
    assert done.stdout.count("data_root='elsewhere'") == 3


def test_all_numbers_of_the_objective_are_shown() -> None:
    shown = print_config('--key', 'model').stdout
    for number in ('focal_weight', 'dice_weight', 'gamma', 'smooth', 'class_weight'):
        assert f'{number}=' in shown
    for number in ('dropout', 'dropout_ratio', 'seg_weight', 'health_weight', 'mean'):
        assert f'{number}=' in shown


def test_a_part_and_a_part_that_is_not_there() -> None:
    done = print_config('--key', 'model.neck')
    assert done.stdout == "neck = dict(in_channels=128, type='ConcatFusion')\n"
    done = print_config('--key', 'model.nek')
    assert done.returncode == 2
    assert '--key model.nek: model has no nek; did you mean neck?' in done.stderr
