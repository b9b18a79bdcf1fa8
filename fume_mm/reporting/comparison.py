"""Finished runs side by side: reading them, and a table of chosen columns."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.evaluation.estimate import MISSING, Estimate
from fume_mm.io.files import read_json
from fume_mm.structures.labels import FUME_LABELS, Labels

from .cross_validation import (
    FIGURES,
    by_seed,
    fold_of,
    mean_of_folds,
    pooled_runs,
    split_effect,
)
from .paper_tables import PUBLISHED, TABLES, TITLES, Column
from .rendering import Table
from .run_folder import RunFolder
from .score_tables import declared_rows
from .test_results import read_results

#: What the rows of a model with runs over folds are: all test predictions put
#: together, or the mean of the folds' figures.
OVER_FOLDS = POOLED, MEAN = 'pooled', 'mean of folds'


@dataclass
class Model:
    """The runs of one config.

    Attributes:
        name: The config's name.
        config: Its path.
        results: Content of each run's ``test_results.json``.
        diverged: Why runs of it are left out.
        over: What the figures are over where there are folds: one of OVER_FOLDS.
    """

    name: str
    config: str
    results: list[dict[str, Any]] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    over: str = ''

    @property
    def folds(self) -> list[str]:
        """The folds that were tested; none if the split was no fold."""
        return sorted({fold_of(result) for result in self.results} - {''})

    def estimate(self, column: Column, costs: Mapping[str, float]) -> Estimate:
        """The figure in a column: of several runs their mean, and all their intervals.

        Args:
            column: The column.
            costs: ``parameters``, ``macs``, ``latency`` and ``fps`` as far as known.
        """
        if column.key in costs:
            return Estimate(costs[column.key])
        nothing = (math.nan, math.nan)
        values, bounds = [], []
        for result in self.results:
            value = result['metrics'].get(column.key)
            if value is not None and math.isfinite(value):
                values.append(value)
                intervals = result.get('intervals') or {}
                bounds.append(intervals.get(column.key) or nothing)
        if not values:
            return Estimate(math.nan)
        low, high = np.min(bounds, axis=0)[0], np.max(bounds, axis=0)[1]
        spread = statistics.stdev(values) if len(values) > 1 else math.nan
        return Estimate(statistics.mean(values), float(low), float(high), spread)


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
        notes = sorted(folder.rglob('run.json'))
        if not found and not notes:
            raise UserError(
                f'{folder}: holds no finished run; give folders in which tools/test.py '
                'has written test_results.json.'
            )
        for place in found:
            content = read_results(place / 'test_results.json')
            name = Path(content['config']).stem
            model = models.setdefault(name, Model(name, content['config']))
            model.results.append(content | {'folder': str(place)})
        for file in notes:
            note = read_json(file, what='note of run_suite.py')
            if note['state'] in ('diverged', 'failed'):
                name = Path(note['config']).stem
                model = models.setdefault(name, Model(name, note['config']))
                fold = Path(note.get('fold') or '').name
                what = f'{fold + ", " if fold else ""}seed {note["seed"]}'
                model.diverged.append(f'{what} {note["state"]}')
    _check_same_data(models)
    return list(models.values())


def _check_same_data(models: dict[str, Model]) -> None:
    """Refuse runs of two splits, of two versions of a fold, or of a split and folds."""
    seen: dict[str, tuple[str, str]] = {}
    for result in (result for model in models.values() for result in model.results):
        fold, folder = fold_of(result), result['folder']
        identity = str(result.get('dataset', {}).get('ann_file_sha256'))
        # a split that is no fold goes with no fold, and a fold with no such split
        others = [x for name, x in seen.items() if not (name and fold)]
        for other, place in [seen.setdefault(fold, (identity, folder)), *others]:
            if other != identity:
                raise UserError(
                    f'the runs in {place} and {folder} were tested on different data, '
                    'so their figures do not compare; give runs of one test split or '
                    'of one division into folds (--apart sets one beside the other).'
                )


def over_folds(model: Model) -> list[Model]:
    """The rows of a model: itself, or over folds :data:`POOLED` and :data:`MEAN`."""
    if not model.folds:
        return [model]
    seeds = by_seed(RunFolder(result['folder']) for result in model.results)
    pooled = [one.results for one in pooled_runs(seeds)]
    mean = []
    for fold in model.folds:
        values = [
            runs[fold].results['metrics'] for runs in seeds.values() if fold in runs
        ]
        keys = dict.fromkeys(key for metrics in values for key in metrics)
        mean.append(
            {
                'metrics': {
                    key: mean_of_folds(x.get(key, math.nan) for x in values).value
                    for key in keys
                }
            }
        )
    return [
        Model(model.name, model.config, pooled, over=POOLED),
        Model(model.name, model.config, mean, over=MEAN),
    ]


def beside(
    published: Sequence[Model], apart: Sequence[Model], keys: Sequence[str] = ()
) -> Table:
    """The models that were tested both on a published split and recordings apart.

    Args:
        published: As :func:`read_runs` gives them.
        apart: Likewise, of splits or folds that share no recording.
        keys: Figures; those of :func:`.cross_validation.split_effect` unless given.

    Raises:
        UserError: If no model is in both.
    """
    sides = [
        {m.name: _as_runs(m) for m in side if m.results} for side in (published, apart)
    ]
    pairs = {
        name: (runs, sides[1][name])
        for name, runs in sides[0].items()
        if name in sides[1]
    }
    if not pairs:
        raise UserError(
            f'no model is in both: {", ".join(sides[0])} on the published split, '
            f'{", ".join(sides[1])} with recordings apart; give runs of one config.'
        )
    return split_effect(pairs, keys or FIGURES)


def _as_runs(model: Model) -> list[RunFolder]:
    """A run for each seed, over folds all of them as one."""
    runs = [RunFolder(result['folder']) for result in model.results]
    return list(pooled_runs(by_seed(runs))) if model.folds else runs


def best_row(cells: Sequence[Estimate], column: Column) -> int | None:
    """The row that is best beyond doubt: its interval overlaps no other's."""
    known = [i for i, cell in enumerate(cells) if not math.isnan(cell.value)]
    if (
        column.lower is None
        or len(known) < 2
        or any(not cells[i].bounded for i in known)
    ):
        return None
    ends = [(-x.high, -x.low) if column.lower else (x.low, x.high) for x in cells]
    sign = -1 if column.lower else 1
    best = max(known, key=lambda i: sign * cells[i].value)
    clear = all(ends[best][0] > ends[i][1] for i in known if i != best)
    return best if clear else None


def figure_texts(
    models: Sequence[Model],
    columns: Sequence[Column],
    *,
    costs: Mapping[str, Mapping[str, float]],
    digits: int | None = None,
) -> list[list[str]]:
    """Figures as text, models by columns, the best of a column ``**bold**``.

    Args:
        models: The rows.
        columns: The columns.
        costs: By model, see :meth:`Model.estimate`.
        digits: After the point, if not as the column says; one for 100 and more.
    """
    grid = [[m.estimate(c, costs.get(m.name, {})) for c in columns] for m in models]
    texts: list[list[str]] = [[] for _ in models]
    for place, column in enumerate(columns):
        unit = column.unit
        for text, row in zip(texts, grid, strict=True):
            places = 1 if abs(row[place].value * unit.scale) >= 100 else digits
            text.append(row[place].text(unit, digits=places, undefined=MISSING))
        nothing = Estimate(math.nan)  # a mean over folds is the pooled model again
        best = best_row(
            [
                nothing if model.over == MEAN else row[place]
                for model, row in zip(models, grid, strict=True)
            ],
            column,
        )
        if best is not None:
            texts[best][place] = f'**{texts[best][place]}**'
    return texts


def labels_of(models: Sequence[Model]) -> Labels:
    """What the classes of the runs are: those of the first."""
    results = [result for model in models for result in model.results]
    return Labels.from_meta(results[0].get('labels') if results else None)


def columns_of(keys: Sequence[str], labels: Labels = FUME_LABELS) -> list[Column]:
    """Columns of any metrics, headed and written as these declare.

    Raises:
        UserError: If no registered metric declares a key.
    """
    rows = declared_rows(labels)
    for key in keys:
        if key not in rows:
            raise UserError(
                f'{key}: no metric declares such a figure; give keys of '
                f'test_results.json, such as {", ".join(list(rows)[:3])}.'
            )
    return [Column(key, key, rows[key].unit, rows[key].lower) for key in keys]


def comparison(
    models: Sequence[Model],
    table: int | Sequence[Column],
    *,
    costs: Mapping[str, Mapping[str, float]],
    paper: bool = False,
) -> Table:
    """A table of models, from runs.

    Args:
        models: As :func:`read_runs` gives them.
        table: The paper's number, 1, 3 or 4; or columns.
        costs: By model, see :meth:`Model.estimate`.
        paper: Also give the published figures, as columns of their own; of a table of
            the paper.
    """
    columns = _of_classes(table, labels_of(models)) if isinstance(table, int) else table
    published = PUBLISHED[table] if paper and isinstance(table, int) else {}
    if labels_of(models) != FUME_LABELS:
        published = {}  # of other classes
    tested = [row for model in models if model.results for row in over_folds(model)]
    head = ['model', 'runs', *(column.title for column in columns)]
    if published:
        head += [f'paper: {column.title}' for column in columns]
    rows = []
    texts = figure_texts(tested, columns, costs=costs)
    for model, cells in zip(tested, texts, strict=True):
        name = f'{model.name}, {model.over}' if model.over else model.name
        row = [name, str(len(model.results)), *cells]
        if published:
            _, figures = published.get(model.name, ('', (None,) * len(columns)))
            row += [MISSING if x is None else f'{x:g}' for x in figures]
        rows.append(row)
    title = f'Table {table}: {TITLES[table]}' if isinstance(table, int) else 'Models'
    return Table(title, head, rows, _notes(models, published))


def _of_classes(table: int, labels: Labels) -> list[Column]:
    """The columns of a table of the paper, F1 by the classes that were scored."""
    columns = TABLES[table]
    by_class = [column for column in columns if column.key.startswith('cls/f1/')]
    if not by_class or labels.health_classes == FUME_LABELS.health_classes:
        return list(columns)
    f1 = [Column(f'F1 {name}', f'cls/f1/{name}') for name in labels.health_classes]
    return [*f1, *(column for column in columns if column not in by_class)]


def _notes(models: Sequence[Model], published: Mapping[str, Any]) -> list[str]:
    results = [result for model in models for result in model.results]
    notes = []
    if any(result.get('simulated') for result in results):
        notes.append('Simulated data.')
    if any(result.get('leakage') for result in results):
        notes.append('LEAKED SPLIT: training and test share groups.')
    if any(result.get('by_frame') for result in results):
        notes.append('SPLIT BY FRAME: no recording is known that tells groups apart.')
    notes.append(
        'One run: [95 % interval] by bootstrap over vessels; several: mean ± standard '
        'deviation over seeds. Bold: the best, where its interval overlaps no other. '
        f'{MISSING}: not measured.'
    )
    most = max((len(model.folds) for model in models), default=0)
    if most:
        notes.append(
            'Pooled: the test predictions of all folds put together, intervals over '
            'all their vessels. Mean of folds: ± standard deviation over the folds.'
        )
    notes += [
        f'{model.name}: {len(model.folds)} of {most} folds are there, so its figures '
        'are of other data.'
        for model in models
        if model.results and len(model.folds) < most
    ]
    notes += [
        f'{model.name}: left out {", ".join(model.diverged)}.'
        for model in models
        if model.diverged
    ]
    if published:
        shown = [
            f'{m.name} = "{published[m.name][0]}"'
            for m in models
            if m.results and m.name in published
        ]
        notes.append(
            'paper: published figures (arXiv 2601.08205), of other, real data and '
            f'another way of scoring; not to be compared. Rows: {", ".join(shown)}.'
        )
    return notes
