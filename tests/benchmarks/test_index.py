"""The command line that measures how a large dataset opens and is shared."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / 'benchmarks/run.py'

pytestmark = pytest.mark.skipif(
    not Path('/proc/self/smaps_rollup').exists(), reason='Linux tells memory there'
)


def run(*options):
    return subprocess.run(
        [sys.executable, str(TOOL), 'index', *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_every_case_is_measured_and_nothing_is_left(tmp_path, monkeypatch):
    scratch, out = tmp_path / 'scratch', tmp_path / 'index.json'
    scratch.mkdir()
    monkeypatch.setenv('TMPDIR', str(scratch))
    # Spawned workers import everything anew, which takes longer than all the rest.
    options = ('--workers', 0, 2, '--starts', 'fork', '--reads', 300, '--json', out)
    done = run('--rows', 400, *options)
    assert done.returncode == 0, done.stderr
    assert '400 rows: writing the CSV' in done.stderr
    assert done.stdout.splitlines()[1].split()[:3] == ['400', 'index', '0']
    assert '400 rows opened in' in done.stdout
    report = json.loads(out.read_text())

    (opened,) = report['opened']
    assert opened['rows'] == 400
    assert opened['seconds_per_million'] == pytest.approx(opened['seconds'] * 2500)
    assert opened['peak_mib'] >= opened['before_mib'] > 0
    # A pickle has some 250 letters of the row and its keys, but not the root.
    assert 250 < opened['index_mib'] * 2**20 / 400 < 700

    cases = [(row['index'], row['workers'], row['start']) for row in report['loaded']]
    assert cases == [('index', 0, None), ('index', 2, 'fork'), ('list', 2, 'fork')]
    assert [len(row['private_mib']) for row in report['loaded']] == [1, 2, 2]
    for row, small in zip(report['loaded'], report['baseline']['loaded'], strict=True):
        assert row['rows'] == 400 and small['rows'] == report['baseline_rows'] == 1000
        assert row['samples_per_second'] > 0
        assert abs(row['beyond_baseline_mib']) < 20  # so few rows weigh nothing
    assert {'cpu', 'memory_gib', 'load_average', 'pandas', 'commit'} <= set(
        report['environment']
    )
    assert not list(scratch.iterdir())


def test_a_wrong_number_is_refused():
    done = run('--rows', 0)
    assert done.returncode == 2
    assert '--rows' in done.stderr and 'is 0; choose' in done.stderr
    assert '1 or more' in done.stderr
