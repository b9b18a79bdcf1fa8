"""A table described once, rendered to text, Markdown, CSV, LaTeX and HTML."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2

from fume_mm.io.cells import inert

FORMS = ('text', 'md', 'csv', 'latex', 'html')
_ESCAPES = str.maketrans({sign: f'\\{sign}' for sign in '%_&#'} | {'±': r'$\pm$'})


class Table(NamedTuple):
    """Cells as text.

    Attributes:
        title: Above it; in text at the place of an empty first heading.
        head: The headings; the first column names the rows.
        rows: The cells; ``**bold**`` is bold in Markdown, LaTeX and HTML.
        notes: Sentences below it.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def render(table: Table, form: str = 'text') -> str:
    """A table in one of :data:`FORMS`, without a newline at its end."""
    return {
        'text': _text,
        'md': _markdown,
        'csv': _csv,
        'latex': _latex,
        'html': _html,
    }[form](table)


def _text(table: Table) -> str:
    """The first column to the left, the others to the right, a rule under the head."""
    head = [table.head[0] or table.title, *table.head[1:]]
    title = [table.title] if table.title and table.head[0] else []
    rows = [head, *([cell.replace('**', '') for cell in row] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    first, *others = (
        '  '.join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    rule = '-' * (sum(widths) + 2 * (len(widths) - 1))
    return '\n'.join([*title, first, rule, *others, *table.notes])


def _markdown(table: Table) -> str:
    rule = '|---' + '|---:' * (len(table.head) - 1) + '|'
    first, *others = [f'| {" | ".join(row)} |' for row in (table.head, *table.rows)]
    lines = [f'## {table.title}', ''] if table.title else []
    lines += [first, rule, *others]
    lines += ['', *(f'- {note}' for note in table.notes)] if table.notes else []
    return '\n'.join(lines)


def _csv(table: Table) -> str:
    out = io.StringIO()
    for note in filter(None, (table.title, *table.notes)):
        out.write(f'# {note}\n')
    rows = ([inert(cell.replace('**', '')) for cell in row] for row in table.rows)
    csv.writer(out, lineterminator='\n').writerows([table.head, *rows])
    return out.getvalue().removesuffix('\n')


def _latex(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        texts = (
            rf'\textbf{{{cell.strip("*")}}}' if cell.startswith('**') else cell
            for cell in (cell.translate(_ESCAPES) for cell in cells)
        )
        return f'    {" & ".join(texts)} \\\\'

    caption = f'{table.title}. {" ".join(table.notes)}'.translate(_ESCAPES)
    return '\n'.join(
        [
            r'\begin{table}',
            rf'  \caption{{{caption}}}',
            rf'  \begin{{tabular}}{{l{"r" * (len(table.head) - 1)}}}',
            r'    \hline',
            rf'{line(table.head)} \hline',
            *map(line, table.rows),
            r'    \hline',
            r'  \end{tabular}',
            r'\end{table}',
        ]
    )


def _html(table: Table) -> str:
    template = templates().get_template('table.html.j2')
    return str(template.module.table_of(table)).strip()  # type: ignore[attr-defined]


def templates() -> jinja2.Environment:
    """The templates of this folder; all that is filled in is escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
