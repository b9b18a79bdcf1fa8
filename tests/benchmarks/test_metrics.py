"""The benchmark of the metrics on few small samples."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_report_says_what_was_measured_and_where(tmp_path: Path) -> None:
    path = tmp_path / 'metrics.json'
    command = [sys.executable, 'benchmarks/run.py', 'metrics']
    options = ['--samples=2', '--repeats=2', '--size', '64', '48', f'--json={path}']
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(path.read_text(encoding='utf-8'))
    assert report['size'] == '64x48'
    for row in report['results'].values():
        assert 0 < row['lowest'] <= row['median'] <= row['highest']
    assert {'cpu', 'torch', 'numpy', 'opencv', 'commit'} <= set(report['environment'])
    if importlib.util.find_spec('monai'):
        assert report['monai_to_ours'] > 0
    else:
        assert report['monai_to_ours'] is None
        assert 'MONAI is not installed' in done.stdout
