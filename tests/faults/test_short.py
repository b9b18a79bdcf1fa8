"""The short form of the fault suite: each kind of fault, a few times."""

import json
import re
from pathlib import Path

import pytest

from tests.faults import damage, disks, kills, mutations, page, parts, pickles
from tests.faults.ledger import Fault, Ledger, filled, table

ROOT = Path(__file__).parents[2]

#: Mutated inputs of a kind.
INPUTS = {'options': 40, 'descriptions': 60}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('faults')


@pytest.mark.slow
def test_a_training_that_is_killed_ends_as_if_it_had_not_been(folder: Path) -> None:
    # two workers; a kill in a save and one elsewhere
    assert set(kills.kill(1, folder, kills=2)) <= {''}


@pytest.mark.slow
def test_a_training_whose_worker_dies_says_so_and_goes_on(folder: Path) -> None:
    assert set(parts.strike('worker', 'killed', 0, folder)) <= {''}


@pytest.mark.slow
def test_a_crowd_of_visitors_leaves_the_page_as_it_was(folder: Path) -> None:
    pytest.importorskip('gradio')
    assert set(page.crowd(0, folder)) <= {''}


@pytest.mark.parametrize('form', pickles.FORMS)
def test_no_form_of_pickle_is_run(form: str, tmp_path: Path) -> None:
    path, canary = tmp_path / 'given.pth', tmp_path / 'canary'
    pickles.FORMS[form](path, canary)
    found = pickles.read("MMEngine's loader", path, tmp_path, tmp_path)
    assert found == '' or (form in pickles.TAME and pickles.DAMAGED in found)
    assert not canary.exists()
    pickles.unpickle(path)
    assert canary.exists() == (form not in pickles.TAME)


@pytest.mark.parametrize('name', sorted({*damage.READERS} - {*damage.EXPORTED}))
def test_damage_to_a_file_is_noticed(name: str, folder: Path) -> None:
    found = damage.damage(name, 0, folder, count=12)
    if name.endswith(damage.UNSHOWN):
        found = [x for x in found if damage.UNNOTICED not in x]
    assert set(found) <= {''}


@pytest.mark.slow
@pytest.mark.parametrize(
    'name', ['pair_gases.py', 'pack_weights.py', 'simulate_ogi.py']
)
def test_a_full_disk_is_one_message(name: str, folder: Path) -> None:
    number = [*disks.COMMANDS].index(name)
    assert disks.fill('file size limit', number, folder) == ['']


@pytest.mark.parametrize('name', mutations.TARGETS)
def test_a_mutated_input_is_a_result_or_a_message(name: str) -> None:
    target = mutations.TARGETS[name]
    mutations.mutate(
        target,
        INPUTS.get(name, 100),
        0,
        lambda example: mutations.hold(target, example),
    )


def test_the_page_shows_the_committed_table_and_tests_that_there_are() -> None:
    page = (ROOT / 'docs/reliability.md').read_text(encoding='utf-8')
    report = json.loads((ROOT / 'docs/reliability.json').read_text())
    assert filled(page, report) == page
    assert sum(row['injected'] for row in report['rows']) > 1000
    named = re.findall(r'`(tests/\S+\.py)::(\w+)`', page)
    assert len(named) > 10
    for path, name in named:
        assert f'\ndef {name}(' in (ROOT / path).read_text(), name


def test_a_table_of_what_was_injected(tmp_path: Path) -> None:
    results = iter([['', 'a <- 1', 'a <- 2'], ['']])
    fault = Fault('x', 4, 'none', lambda number, folder: next(results))
    ledger = Ledger(tmp_path / 'x.jsonl')
    while ledger.next([fault]):
        ledger.inject(fault, tmp_path)
    again = Ledger(tmp_path / 'x.jsonl')
    (row,) = again.rows([fault])
    assert (row['injected'], row['survived'], row['lost']) == (4, 2, 2)
    assert table([row]).endswith('| x | 4 | 2 | 2 | none; lost: 2 times a |')
