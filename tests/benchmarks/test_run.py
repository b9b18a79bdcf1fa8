"""One command line for all benchmarks: what each writes, and what others read of it."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.common import clock, spread
from tests.exports import write_graph

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/fume/fume_fastscnn.py'
Benchmark = Callable[..., dict[str, Any]]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Benchmark:
    """Run a benchmark in this process; returns what it wrote."""
    out = tmp_path / 'figures/out.json'

    def run(*options: object, status: int = 0) -> dict[str, Any]:
        monkeypatch.chdir(ROOT)
        arguments = ['run.py', *map(str, options), f'--json={out}']
        monkeypatch.setattr(sys, 'argv', arguments)
        with pytest.raises(SystemExit) as exited:
            runpy.run_path('benchmarks/run.py', run_name='__main__')
        assert exited.value.code == status
        return json.loads(out.read_text()) if status == 0 else {}

    return run


def test_spread_names_its_percentiles() -> None:
    found = spread([4, 1, 3, 2, 5])
    assert found == {
        'lowest': 1,
        'p25': 2,
        'median': 3,
        'p75': 4,
        'p95': pytest.approx(4.8),
        'highest': 5,
        'n': 5,
    }


def test_warming_up_does_not_count() -> None:
    calls: list[int] = []
    wall, cpu = clock(lambda: calls.append(1), repeats=3, warmup=2)
    assert len(calls) == 5
    assert wall.shape == cpu.shape == (3,)
    assert (wall > 0).all()


def test_a_comparison_reads_the_latencies(
    benchmark: Benchmark, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ('--calls=2', '--warmup=0', '--size', 64, 48)
    report = benchmark('latency', CONFIG, *options)
    (row,) = report['rows']
    assert (row['how'], row['gases'], row['latency']['n']) == (
        'eager',
        ['co2', 'ch4'],
        2,
    )
    assert row['fps'] == pytest.approx(1000 / row['latency']['median'])
    assert {'cpu', 'load_average', 'torch', 'commit'} <= set(report['environment'])
    assert 'fume_fastscnn eager' in capsys.readouterr().out
    compare = runpy.run_path(str(ROOT / 'tools/analysis_tools/compare.py'))
    for path in (
        tmp_path / 'figures/out.json',
        ROOT / 'benchmarks/results/latency.json',
    ):
        assert compare['latencies'](path)['fume_fastscnn'] > 0


def test_the_runtime_is_set_against_its_session(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    report = benchmark('runtime', write_graph(tmp_path / 'model.onnx'), '--calls=3')
    for name in ('session_ms', 'runtime_ms'):
        figures = report[name]
        assert 0 < figures['p25'] <= figures['median'] <= figures['p75']
    assert report['ratio_median'] > 0
    assert 'onnxruntime' in report['environment']


@pytest.mark.slow
def test_what_all_but_the_model_costs(benchmark: Benchmark) -> None:
    options = ('--frames=4', '--repeats=2', '--size', 64, 48)
    report = benchmark('video', '--no-model', *options)
    assert (report['model'], len(report['runs'])) == ('threshold', 2)
    assert set(report['stages']) == {'decode', 'infer', 'draw', 'encode'}
    shares = [stage['share'] for stage in report['stages'].values()]
    assert np.sum(shares) == pytest.approx(1)
    assert report['pairs_per_second']['median'] > 0


@pytest.mark.parametrize(
    ('options', 'status', 'named'),
    [
        (('latency', 'absent.py'), 2, 'absent.py: there is no such config'),
        (('video', '--no-model', 'model.onnx'), 2, 'leave one out'),
        (('simulator', '--repeats=0'), 2, 'is 0; choose a whole number, 1 or more'),
    ],
)
def test_a_mistake_is_one_message(
    options: tuple[str, ...],
    status: int,
    named: str,
    benchmark: Benchmark,
    capsys: pytest.CaptureFixture[str],
) -> None:
    benchmark(*options, status=status)
    assert named in capsys.readouterr().err
