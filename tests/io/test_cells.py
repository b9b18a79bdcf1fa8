"""A text that a spreadsheet would run is none in a CSV, and comes back as it was."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from fume_mm.io.cells import RowWriter, inert, original
from fume_mm.io.tables import CsvTable, write_csv

COMMAND = "=cmd|'/c calc'!A1"
FORMULAS = (COMMAND, '@SUM(A1)', '+cmd|x', '-HYPERLINK(A1)', '\t=1', "'=1", "''=1")
PLAIN = (
    'V1',
    '-0.5',
    '+1e-3',
    '-0.01 [-0.02, 0.01]',
    '-',
    "'quoted'",
    "'-5",
    '',
    'a=b',
)


@pytest.mark.parametrize('text', FORMULAS)
def test_a_formula_is_written_as_text(text: str) -> None:
    assert inert(text) == f"'{text}"
    assert original(f"'{text}") == text


@pytest.mark.parametrize('text', PLAIN)
def test_other_text_is_written_as_it_is(text: str) -> None:
    assert inert(text) == text == original(text)


def test_what_is_no_text_is_written_as_it_is() -> None:
    assert inert(-1.5) == -1.5 and inert(None) is None


def test_rows_and_tables_are_without_formulas_and_read_as_they_were(
    tmp_path: Path,
) -> None:
    rows = pd.DataFrame({'vessel_id': [COMMAND, 'V2'], 'x': [-1.5, 2.0], COMMAND: 'a'})
    path = tmp_path / 'x.csv'
    write_csv(rows, path)
    lines = list(csv.reader(io.StringIO(path.read_text())))
    assert lines[0] == ['vessel_id', 'x', f"'{COMMAND}"]
    assert lines[1] == [f"'{COMMAND}", '-1.5', 'a']
    found = CsvTable(path, ['vessel_id'], root=tmp_path).frame
    assert found['vessel_id'].tolist() == [COMMAND, 'V2']
    assert found['x'].tolist() == ['-1.5', '2.0'] and list(found) == list(rows)
    out = io.StringIO()
    RowWriter(out, ['vessel_id']).writerows([{'vessel_id': COMMAND}])
    assert out.getvalue().strip() == f"'{COMMAND}"
