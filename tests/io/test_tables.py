"""CSVs as spreadsheets save them."""

import csv

import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.errors import UserError
from fume_mm.io.tables import CsvTable
from tests.campaigns import annotations, make_campaign, read_rows


def saved_again(root, change=lambda row: row, **dialect):
    """The train CSV of a campaign as another program writes it."""
    path = annotations(make_campaign(root, vessel_id=True))
    rows = [change(row) for row in read_rows(path)]
    encoding = dialect.pop('encoding', 'utf-8')
    with path.open('w', newline='', encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), **dialect)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.mark.parametrize(
    ('change', 'dialect'),
    [
        (
            lambda row: row | {'ph_value': row['ph_value'].replace('.', ',')},
            {'delimiter': ';', 'encoding': 'utf-8-sig'},
        ),
        (
            lambda row: row | {'ph_value': row['ph_value'].replace('.', ',')},
            {'encoding': 'utf-8-sig'},  # the numbers are quoted
        ),
        (lambda row: row, {'delimiter': '\t', 'encoding': 'utf-16'}),
        (
            lambda row: row | {'class_id': f'{row["class_id"]}.0'},
            {'encoding': 'utf-8-sig', 'lineterminator': '\r\n'},
        ),
    ],
    ids=['semicolons', 'decimal commas', 'utf-16 tabs', 'floats'],
)
def test_a_campaign_that_a_spreadsheet_saved_is_the_same(tmp_path, change, dialect):
    path = saved_again(tmp_path / 'a', change, **dialect)
    plain = annotations(make_campaign(tmp_path / 'b', vessel_id=True))
    assert read_annotations(path).equals(read_annotations(plain))
    assert pair_gases(read_annotations(path)).equals(
        pair_gases(read_annotations(plain))
    )


def test_code_page_1252_is_read(tmp_path):
    path = saved_again(
        tmp_path,
        lambda row: row | {'vessel_id': f'Gefäß_{row["vessel_id"]}'},
        encoding='cp1252',
    )
    assert read_annotations(path)['group'].str.startswith('Gefäß_').all()


def test_a_comma_in_text_stays(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('name;ph;note\na;6,5;1,2\nb;;x, y\n')
    table = CsvTable(path, root=tmp_path)
    assert table.frame['ph'].tolist() == ['6.5', '']
    assert table.frame['note'].tolist() == ['1,2', 'x, y']


@pytest.mark.parametrize('date', ['05. Sep', '5-Sep', 'Sep-05', '09.05.2026', '5. Mrz'])
def test_a_ph_that_became_a_date_is_named(tmp_path, date):
    path = saved_again(tmp_path, lambda row: row | {'ph_value': date})
    with pytest.raises(UserError, match=r"line 2 \('.*ph_value is a date that a sprea"):
        read_annotations(path)


def test_what_is_no_text_is_named(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_bytes('Gefäß,b\n1,2\n'.encode('cp1252'))
    with pytest.raises(UserError, match='is not UTF-8 text'):
        CsvTable(path, root=tmp_path)
