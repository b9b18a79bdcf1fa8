"""One table in five forms."""

import csv
import re

import pytest

from fume_mm.reporting.rendering import FORMS, Table, render

TABLE = Table(
    'Scores (%)',
    ['', 'a_b', 'x'],
    [['mIoU', '**77.0 [74.1, 79.6]**', '1'], [' <gas>', '5.0 ± 1.0', 'n/a']],
    ['Simulated data.'],
)


def test_text_is_aligned_and_plain() -> None:
    assert render(TABLE).splitlines() == [
        'Scores (%)                a_b    x',
        '----------------------------------',
        'mIoU        77.0 [74.1, 79.6]    1',
        ' <gas>              5.0 ± 1.0  n/a',
        'Simulated data.',
    ]


def test_markdown() -> None:
    assert render(TABLE, 'md').splitlines() == [
        *('## Scores (%)', '', '|  | a_b | x |', '|---|---:|---:|'),
        '| mIoU | **77.0 [74.1, 79.6]** | 1 |',
        '|  <gas> | 5.0 ± 1.0 | n/a |',
        *('', '- Simulated data.'),
    ]


def test_csv_is_read_back() -> None:
    lines = render(TABLE, 'csv').splitlines()
    assert lines[:2] == ['# Scores (%)', '# Simulated data.']
    rows = list(csv.reader(lines[2:]))
    assert rows == [TABLE.head, ['mIoU', '77.0 [74.1, 79.6]', '1'], TABLE.rows[1]]


def test_latex_escapes() -> None:
    text = render(TABLE, 'latex')
    assert r'\caption{Scores (\%). Simulated data.}' in text
    assert r'     & a\_b & x \\ \hline' in text
    assert r'mIoU & \textbf{77.0 [74.1, 79.6]} & 1 \\' in text
    assert r'5.0 $\pm$ 1.0' in text


def test_html_escapes() -> None:
    text = render(TABLE, 'html')
    assert '<td><b>77.0 [74.1, 79.6]</b></td>' in text
    assert re.search(r'<th>· &lt;gas&gt;</th>', text)
    assert '<p class="quiet">Simulated data.</p>' in text


@pytest.mark.parametrize('form', FORMS)
def test_a_table_without_rows_or_title(form: str) -> None:
    assert 'head' in render(Table('', ['head', 'x'], []), form)
