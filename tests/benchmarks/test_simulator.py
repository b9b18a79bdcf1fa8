"""The speed benchmark's command line."""

import json
import runpy
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / 'benchmarks/run.py'


@pytest.mark.slow
def test_every_case_is_measured_and_the_environment_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / 'speed.json'
    options = ['simulator', '--repeats=2', '--frames-per-vessel=1', f'--json={out}']
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *options])
    with pytest.raises(SystemExit) as exited:
        runpy.run_path(str(TOOL), run_name='__main__')
    assert exited.value.code == 0
    report = json.loads(out.read_text())
    cases = [(row['size'], row['work']) for row in report['results']]
    assert cases == [
        (size, work) for size in ('320x240', '640x480') for work in ('render', 'write')
    ]
    for row in report['results']:
        assert 0 < row['lowest'] <= row['median'] <= row['highest']
    assert {'cpu', 'load_average', 'numpy', 'opencv', 'commit'} <= set(
        report['environment']
    )
