"""The benchmarks: turns, sides, and each cheap case once at a tiny size; no times."""

import io
import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cases, data_cases, floors, sides, turns
from benchmarks.common import Case, Setting, spread
from benchmarks.performance_page import END, START, UNITS, filled
from benchmarks.sides import SideError
from fume_mm.errors import UserError
from tests.campaigns import make_campaign, pair_campaign

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / 'benchmarks/results/performance.json'


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run the command line in this process; returns its exit status."""

    def run(*options: object) -> int:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, 'argv', ['run.py', *map(str, options)])
        with pytest.raises(SystemExit) as exited:
            runpy.run_path('benchmarks/run.py', run_name='__main__')
        return int(exited.value.code or 0)

    return run


def test_spread_names_its_percentiles() -> None:
    found = spread([4, 1, 3, 2, 5])
    ends = {'lowest': 1, 'p25': 2, 'median': 3, 'p75': 4, 'highest': 5, 'n': 5}
    assert found == ends


def test_a_turn_begins_when_told_and_reports_a_unit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, 'descendants', lambda *_: [])  # pytest's go on
    clocks = iter([(1.0, 5.0), (3.0, 9.0)] * 2)
    now: list[tuple[float, float]] = []
    monkeypatch.setattr(
        turns.time, 'perf_counter', lambda: now.append(next(clocks)) or now[-1][0]
    )
    monkeypatch.setattr(turns, 'cpu_seconds', lambda: now[-1][1])
    out, done = io.StringIO(), []
    side = turns.Turns(io.BytesIO(b'go\ngo\nend\n'), out)
    with pytest.raises(turns.EndedError):
        side.repeat(lambda: done.append(1), units=4)
    assert len(done) == 2
    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first['wall'], first['cpu']) == (500, 1000)
    assert first['peak_mib'] > 0
    assert second == {**first, 'peak_mib': second['peak_mib']}


def test_a_command_has_its_own_memory_and_its_last_line() -> None:
    held = b'x' * 2**27  # a child's ru_maxrss would be at least this
    found = turns.run_child(['-c', 'import time; time.sleep(.1)'])
    assert 1 < found['peak_mib'] < len(held) / 2**20
    with pytest.raises(RuntimeError, match='ValueError: no'):
        turns.run_child(['-c', 'raise ValueError("no")'])


class FakeSide:
    """Answers 1, 2, 3 ... times ``unit``, and writes down who was asked."""

    def __init__(self, name: str, order: list[str], unit: float, last: int = 99):
        self.name, self.order, self.unit, self.last = name, order, unit, last
        self.number = 0

    def begin(self, case: Case, function: str, setting: Setting) -> None:
        self.order.append(f'{self.name}:{function}:{setting.threads}')

    def turn(self) -> dict[str, float]:
        self.order.append(self.name)
        self.number += 1
        if self.number > self.last:
            raise SideError('broke')
        return {'cpu': self.unit * self.number}

    def end(self) -> None:
        self.order.append(f'{self.name} ends')


def nothing(*_: Any) -> None:
    """A side that is never run."""


def test_sides_go_in_turns_and_the_first_turn_does_not_count() -> None:
    order: list[str] = []
    case = Case('x', '', nothing, nothing, threads=2)
    found: Any = {
        name: FakeSide(name, order, unit)
        for name, unit in (('ours', 1), ('base', 2), ('original', 4))
    }
    figures, notes = sides.measure(case, found, Setting(''), repeats=2, warmup=1)
    three = ['ours', 'base', 'original']
    assert order[:3] == ['ours:ours:2', 'base:ours:2', 'original:original:2']
    assert order[3:12] == [*three[::-1], *three, *three[::-1]]
    assert order[12:] == [f'{name} ends' for name in three]
    assert not notes
    assert [x['cpu'] for x in figures['base']] == [4, 6]


def test_a_side_that_breaks_is_a_note_and_the_others_go_on() -> None:
    order: list[str] = []
    ours, twin = FakeSide('ours', order, 1), FakeSide('twin', order, 1, last=1)
    case = Case('x', '', nothing, other=nothing, other_name='bare')
    both: Any = {'ours': ours, 'twin': twin, 'base': None}
    figures, notes = sides.measure(case, both, Setting(''), repeats=2, warmup=0)
    assert notes == ['x, bare: broke']
    assert list(figures) == ['ours'] and len(figures['ours']) == 2
    assert order[:2] == ['ours:ours:1', 'twin:other:1']
    assert 'twin ends' not in order


class OneTurn(turns.Turns):
    """One turn in this process, whose children are left alone."""

    def __init__(self) -> None:
        self.found: list[dict[str, float]] = []

    def wait(self) -> None:
        if self.found:
            raise turns.EndedError
        self.begin = 0.0, 0.0

    def done(self, *, units: float = 1, **known: float) -> None:
        assert units > 0
        self.found.append(known)


@pytest.fixture(scope='module')
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The campaigns that cases read, tiny."""
    folder = tmp_path_factory.mktemp('scratch')
    for name in ('both', 'founding'):
        pair_campaign(make_campaign(folder / name, co2_only=(), ch4_only=()))
    return folder


CHEAP = (
    'augment',
    'sample',
    'step-bf16',
    'model',
    'model-one-gas',
    'inferencer',
    'metrics-all',
    'simulator',
    'video-threshold',
    'loader-0',
    'frames-8',
)


@pytest.mark.parametrize('name', CHEAP)
def test_a_case_has_its_turn(name: str, scratch: Path) -> None:
    setting = Setting(str(scratch), size=(64, 48), batch=2, quick=True)
    side = OneTurn()
    with pytest.raises(turns.EndedError):
        cases.ALL[name].ours(side, setting)
    assert side.found == [{}]


def test_an_index_says_what_it_holds(scratch: Path) -> None:
    side = OneTurn()
    with pytest.raises(turns.EndedError):
        data_cases.index(side, Setting(str(scratch)), rows=400)
    (found,) = side.found
    # A pickle has some 250 letters of the row and its keys, but not the root.
    assert 250 < 1024 * found['kib_a_row'] < 700
    assert found['index_mib'] == pytest.approx(found['kib_a_row'] * 400 / 1024)


def test_a_floor_is_the_longer_of_computing_and_copying() -> None:
    found = {'gemm_gflops': 100, 'conv_gflops': 50, 'gb_per_second': 10}
    setting = Setting('', size=(1000, 500))
    assert floors.forward({**found, 'gmacs': 2, 'gb': 0.1}, setting) == 40
    assert floors.step({**found, 'gmacs': 2, 'gb': 0.4}, setting) == 3 * 80
    assert floors.copying(found, setting) == pytest.approx(0.4)


def test_every_case_is_named_once_and_a_figure_has_a_unit() -> None:
    run = runpy.run_path(str(ROOT / 'benchmarks/run.py'))
    names = [case.name for case in cases.CASES]
    assert len(set(names)) == len(names) and set(names) >= cases.SLOW
    assert {key for case in cases.CASES for key in case.keys} <= set(UNITS)
    chosen = run['select']
    assert [x.name for x in chosen(['index'], quick=True)] == [
        'index-10k',
        'index-100k',
        'index-1000k',
    ]
    assert [x.name for x in chosen(['step'], quick=True)] == ['step']
    with pytest.raises(UserError, match='stepp: there is no such case'):
        chosen(['stepp'], quick=False)


@pytest.mark.parametrize(
    ('options', 'named'),
    [
        (['stepp'], 'stepp: there is no such case'),
        (['model', '--original', ROOT / 'docs'], 'docs: has no models/fume_fastscnn'),
        (['model', '--base', 'no-such-rev'], '--base no-such-rev: is no commit'),
        (['model', '--config', 'absent.py'], 'absent.py: there is no such config'),
        (['--repeats=0'], 'is 0; choose a whole number, 1 or more'),
    ],
)
def test_a_mistake_is_one_message(
    options: list[Any], named: str, command: Callable[..., int], capfd: Any
) -> None:
    assert command(*options) == 2
    text = capfd.readouterr().err
    assert named in text
    assert 'Traceback' not in text


@pytest.mark.slow
@pytest.mark.long
def test_two_trees_in_their_processes(
    command: Callable[..., int], tmp_path: Path, capsys: Any
) -> None:
    out = tmp_path / 'new/out.json'
    options = ['--size', 64, 48, '--repeats=2', '--quick', f'--json={out}']
    assert command('model', 'metrics', '--base=HEAD', *options) == 0
    report = json.loads(out.read_text())
    rows = {(row['case'], row['key']): row for row in report['rows']}
    assert set(rows) == {('model', 'cpu'), ('model', 'wall'), ('metrics', 'cpu')}
    for row in rows.values():
        assert row['baseline'] == 'base'
        assert 0 < row['ratio']['lowest'] <= row['ratio']['highest']
    assert rows['model', 'cpu']['floor'] > 0
    assert {'cpu', 'load_average', 'torch', 'commit'} <= set(report['environment'])
    assert len(report['baselines']['base']) == 40
    assert not report['notes']
    assert 'ms CPU' in capsys.readouterr().out
    compare = runpy.run_path(str(ROOT / 'tools/analysis_tools/compare.py'))
    for path in (out, RESULTS):
        assert compare['latencies'](path)['fume_fastscnn'] > 0


def test_the_page_shows_the_committed_figures() -> None:
    page = ROOT / 'docs/performance.md'
    text = page.read_text(encoding='utf-8')
    assert filled(text, json.loads(RESULTS.read_text())) == text
    with pytest.raises(UserError, match='has no line'):
        filled(text.replace(START, ''), {'rows': []})
    assert END in text
