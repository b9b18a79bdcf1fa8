"""Finished runs side by side: reading them, and a table of the paper's columns."""

import csv
import io
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fume_mm.errors import UserError

from .paper_tables import PUBLISHED, TABLES, TITLES, Column

MISSING = '-'


@dataclass(frozen=True)
class Cell:
    """A figure of a model.

    Attributes:
        value: The figure, the mean over seeds if there are several; None if missing.
        low: Where its interval begins: of one run the bootstrap's over vessels, of
            several the lowest of theirs.
        high: Where it ends.
        spread: Standard deviation over seeds; None for a single run.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    spread: float | None = None


@dataclass
class Model:
    """The runs of one config.

    Attributes:
        name: The config's name.
        config: Its path.
        results: Content of each run's ``test_results.json``.
        diverged: Why runs of it are left out.
    """

    name: str
    config: str
    results: list[dict[str, Any]] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)


def read_runs(paths: Sequence[str | Path]) -> list[Model]:
    """The models of runs, or of folders that hold runs (a suite's).

    Raises:
        UserError: If there is no finished run, a file is broken, or the runs were
            tested on different data.
    """
    models: dict[str, Model] = {}
    for path in paths:
        folder = Path(path)
        found = sorted({x.parent for x in folder.rglob('test_results.json')})
        notes = [x.parent for x in sorted(folder.rglob('run.json'))]
        if not found and not notes:
            raise UserError(
                f'{folder}: holds no finished run; give folders in which tools/test.py '
                'has written test_results.json.'
            )
        for place in found:
            content = _read(place / 'test_results.json')
            name = Path(content['config']).stem
            model = models.setdefault(name, Model(name, content['config']))
            model.results.append(content | {'folder': str(place)})
        for place in notes:
            note = _read(place / 'run.json')
            if note['state'] in ('diverged', 'failed'):
                name = Path(note['config']).stem
                model = models.setdefault(name, Model(name, note['config']))
                model.diverged.append(f'seed {note["seed"]} {note["state"]}')
    _check_same_data(models)
    return list(models.values())


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise UserError(f'{path}: cannot be read ({error}); test again.') from error


def _check_same_data(models: dict[str, Model]) -> None:
    seen: dict[str, str] = {}
    for model in models.values():
        for result in model.results:
            data = result.get('dataset', {})
            seen.setdefault(str(data.get('ann_file_sha256')), result['folder'])
    if len(seen) > 1:
        raise UserError(
            f'the runs in {" and ".join(list(seen.values())[:2])} were tested on '
            'different data, so their figures do not compare; give runs of one test '
            'split.'
        )


def cell_of(model: Model, column: Column, costs: dict[str, float]) -> Cell:
    """The figure of a model in a column.

    Args:
        model: The model.
        column: The column.
        costs: ``parameters``, ``macs``, ``latency`` and ``fps`` as far as known.
    """
    if column.key in costs:
        return Cell(costs[column.key] * column.scale)
    values, lows, highs = [], [], []
    for result in model.results:
        value = result['metrics'].get(column.key)
        if value is None or not math.isfinite(value):
            continue
        values.append(value * column.scale)
        interval = (result.get('intervals') or {}).get(column.key)
        if interval:
            lows.append(interval[0] * column.scale)
            highs.append(interval[1] * column.scale)
    if not values:
        return Cell(None)
    spread = statistics.stdev(values) if len(values) > 1 else None
    bounded = len(lows) == len(values)
    return Cell(
        statistics.mean(values),
        min(lows) if bounded else None,
        max(highs) if bounded else None,
        spread,
    )


def best_rows(cells: Sequence[Cell], column: Column) -> int | None:
    """The row that is best beyond doubt: its interval overlaps no other's."""
    if column.lower is None:
        return None
    known = [(i, c) for i, c in enumerate(cells) if c.value is not None]
    if len(known) < 2 or any(c.low is None for _, c in known):
        return None
    sign = -1.0 if column.lower else 1.0
    index, best = max(known, key=lambda pair: sign * (pair[1].value or 0.0))
    others = [c for i, c in known if i != index]
    if column.lower:
        clear = all((best.high or 0.0) < (c.low or 0.0) for c in others)
    else:
        clear = all((best.low or 0.0) > (c.high or 0.0) for c in others)
    return index if clear else None


def texts_of(
    models: Sequence[Model],
    columns: Sequence[Column],
    *,
    costs: dict[str, dict[str, float]],
    form: str = 'md',
    digits: int = 2,
) -> list[list[str]]:
    """A table's figures as text, models by columns, the best of a column marked.

    Args:
        models: The rows.
        columns: The columns.
        costs: By model, see :func:`cell_of`.
        form: 'md', 'csv' or 'latex'.
        digits: After the point; one for figures of 100 and more.
    """
    grid = [
        [cell_of(model, column, costs.get(model.name, {})) for column in columns]
        for model in models
    ]
    best = [best_rows([row[i] for row in grid], c) for i, c in enumerate(columns)]
    return [
        [
            _bold(text, form) if best[i] == r else text
            for i, text in enumerate(text_of(cell, digits) for cell in row)
        ]
        for r, row in enumerate(grid)
    ]


def comparison(
    models: Sequence[Model],
    number: int,
    *,
    costs: dict[str, dict[str, float]],
    form: str = 'md',
    paper: bool = False,
) -> str:
    """A table of the paper, from runs.

    Args:
        models: As :func:`read_runs` gives them.
        number: 1, 3 or 4.
        costs: By model, see :func:`cell_of`.
        form: 'md', 'csv' or 'latex'.
        paper: Also give the published figures, as columns of their own.
    """
    columns = TABLES[number]
    tested = [model for model in models if model.results]
    grid = texts_of(tested, columns, costs=costs, form=form)
    head = ['model', 'runs', *(column.title for column in columns)]
    if paper:
        head += [f'paper: {column.title}' for column in columns]
    rows = []
    for model, texts in zip(tested, grid, strict=True):
        row = [model.name, str(len(model.results)), *texts]
        if paper:
            published = PUBLISHED[number].get(model.name)
            figures = published[1] if published else (None,) * len(columns)
            row += [MISSING if x is None else f'{x:g}' for x in figures]
        rows.append(row)
    notes = _notes(models, tested, number, paper=paper)
    title = f'Table {number}: {TITLES[number]}'
    return {'md': _markdown, 'csv': _csv, 'latex': _latex}[form](
        title, head, rows, notes
    )


def _notes(
    models: Sequence[Model], tested: Sequence[Model], number: int, *, paper: bool
) -> list[str]:
    results = [result for model in tested for result in model.results]
    notes = []
    if any(result.get('simulated') for result in results):
        notes.append('Simulated data.')
    if any(result.get('leakage') for result in results):
        notes.append('LEAKED SPLIT: training and test share groups.')
    notes.append(
        'One run: [95 % interval] by bootstrap over vessels; several: mean ± standard '
        'deviation over seeds. Bold: the best, where its interval overlaps no other. '
        f'{MISSING}: not measured.'
    )
    notes += [
        f'{model.name}: left out {", ".join(model.diverged)}.'
        for model in models
        if model.diverged
    ]
    if paper:
        named = {name: row[0] for name, row in PUBLISHED[number].items()}
        shown = [f'{m.name} = "{named[m.name]}"' for m in tested if m.name in named]
        notes.append(
            'paper: published figures (arXiv 2601.08205), of other, real data and '
            f'another way of scoring; not to be compared. Rows: {", ".join(shown)}.'
        )
    return notes


def text_of(cell: Cell, digits: int = 2) -> str:
    """A figure with its interval or spread; one digit for 100 and more."""
    if cell.value is None:
        return MISSING
    digits = digits if abs(cell.value) < 100 else 1
    text = f'{cell.value:.{digits}f}'
    if cell.spread is not None:
        return f'{text} ± {cell.spread:.{digits}f}'
    if cell.low is not None:
        return f'{text} [{cell.low:.{digits}f}, {cell.high:.{digits}f}]'
    return text


def _bold(text: str, form: str) -> str:
    return {'md': f'**{text}**', 'latex': rf'\textbf{{{text}}}', 'csv': text}[form]


def _markdown(
    title: str, head: list[str], rows: list[list[str]], notes: list[str]
) -> str:
    lines = [f'## {title}', '', *markdown_table(head, rows)]
    return '\n'.join([*lines, '', *(f'- {note}' for note in notes), ''])


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table: the first column to the left, figures to the right."""
    rule = '|---' + '|---:' * (len(head) - 1) + '|'
    first, *others = [f'| {" | ".join(row)} |' for row in (head, *rows)]
    return [first, rule, *others]


def _csv(title: str, head: list[str], rows: list[list[str]], notes: list[str]) -> str:
    out = io.StringIO()
    for note in (title, *notes):
        out.write(f'# {note}\n')
    csv.writer(out, lineterminator='\n').writerows([head, *rows])
    return out.getvalue()


def _latex(title: str, head: list[str], rows: list[list[str]], notes: list[str]) -> str:
    def escaped(text: str) -> str:
        for sign in '%_&#':
            text = text.replace(sign, f'\\{sign}')
        return text.replace('±', r'$\pm$')

    lines = [
        r'\begin{table}',
        rf'  \caption{{{escaped(title)}. {escaped(" ".join(notes))}}}',
        rf'  \begin{{tabular}}{{l{"r" * (len(head) - 1)}}}',
        r'    \hline',
    ]
    lines += ['    ' + ' & '.join(map(escaped, head)) + r' \\ \hline']
    lines += ['    ' + ' & '.join(map(escaped, row)) + r' \\' for row in rows]
    lines += [r'    \hline', r'  \end{tabular}', r'\end{table}', '']
    return '\n'.join(lines)
