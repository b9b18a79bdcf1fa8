"""The tables of a test's scores, as its metrics declare them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fume_mm.evaluation.base import DualGasMetric
from fume_mm.evaluation.confusion import segmentation_scores
from fume_mm.evaluation.estimate import MISSING, PERCENT, Estimate
from fume_mm.evaluation.layout import Row
from fume_mm.evaluation.scores import (
    JOINT,
    JOINT_ROW,
    Scores,
    headline_rows,
    metrics_in,
    registered_metrics,
)
from fume_mm.evaluation.segmentation_metric import SegmentationMetric, pixel_counts
from fume_mm.evaluation.table import has, numbers, sums_by, without_vessel
from fume_mm.structures import AVAILABILITY, GAS_LABELS, GASES
from fume_mm.structures.labels import FUME_LABELS, Labels
from fume_mm.structures.marks import dataset_note

from .rendering import Table, render

PATTERN_LABELS = {
    'both': ' and '.join(GAS_LABELS[gas] for gas in GASES),
    **{f'{gas}_only': f'{GAS_LABELS[gas]} only' for gas in GASES},
}


class Headline(NamedTuple):
    """A headline figure: value and interval as text."""

    name: str
    value: str
    interval: str


def results_title(marks: Mapping[str, Any]) -> str:
    """Title of a test's tables, from its ``simulated`` and ``leakage`` marks.

    Args:
        marks: The dataset's metainfo or the content of test_results.json.
    """
    note = dataset_note(marks)
    return f'Test split ({note})' if note else 'Test split'


def results_text(scores: Scores, *, title: str = '') -> str:
    """Scores as text for a terminal, up to 79 columns but for the notes.

    Args:
        scores: Parts that were not measured are left out; keys of metrics that are not
            registered are not shown.
        title: First line. Says what the numbers are of, and whether the data are
            simulated or the split leaks.

    Returns:
        The tables, without a newline at the end. Fractions are in percent; ``n/a`` is
        an undefined score (NaN), ``-`` one that was not measured.
    """
    blocks = [f'{title}\n{"=" * len(title)}'] if title else []
    blocks += [render(table) for table in score_tables(scores, brief=True)]
    if JOINT in scores.values:
        text = scores.text(JOINT)
        blocks.append(f'Joint score (mean of mIoU and balanced accuracy): {text} %')
    blocks.append('\n'.join(_notes(scores)))
    return '\n\n'.join(filter(None, blocks))


def score_tables(scores: Scores, *, brief: bool = False) -> list[Table]:
    """All scores, table by table; those without a row are left out.

    Args:
        scores: The scores.
        brief: Without the tables that are too much for a terminal.
    """
    tables: list[Table] = []
    metrics = metrics_in(scores)
    for metric in metrics:
        prefix = metric.default_prefix
        details = scores.details.get(prefix, {})
        chosen = [table for table in metric.tables if table.brief or not brief]
        filled = [
            _filled(scores, t.title, t.columns, [(prefix, row) for row in t.rows])
            for t in chosen
        ]
        found = [table for table in filled if table.rows]
        if found:
            found[0] = found[0]._replace(notes=metric.notes(details))
        tables += found
        for title, place, names in metric.matrices:
            counts: Any = details
            for key in place:
                counts = (counts or {}).get(key)
            if counts and np.any(counts):
                rows = [[n, *map(str, c)] for n, c in zip(names, counts, strict=True)]
                tables.append(Table(title, ['', *names], rows))
    tables.append(_by_pattern(scores, metrics))
    return [table for table in tables if table.rows]


def declared_rows(labels: Labels = FUME_LABELS) -> dict[str, Row]:
    """The row of every key that a registered metric declares, and the joint score."""
    rows = {JOINT: JOINT_ROW}
    for metric in registered_metrics(labels):
        for table in metric.tables:
            for column in table.columns:
                for row in table.rows:
                    key = f'{metric.default_prefix}/{column.format(row.key)}'
                    rows.setdefault(key, row)
    return rows


def headlines(scores: Scores) -> list[Headline]:
    """The headline figures that a test has, as text."""
    found = []
    for key, row in headline_rows(scores).items():
        value, _, interval = scores.text(key, row.unit).partition(' ')
        percent = row.unit is PERCENT and not math.isnan(scores.values[key])
        found.append(Headline(row.label, value + ' %' * percent, interval))
    return found


def _filled(
    scores: Scores,
    title: str,
    columns: Mapping[str, str],
    rows: Sequence[tuple[str, Row]],
) -> Table:
    """A declared table with the scores that were measured; rows with their prefix."""
    keys = {
        (column, place): f'{prefix}/{column.format(row.key)}'
        for column in columns
        for place, (prefix, row) in enumerate(rows)
    }
    measured = [at for at, key in keys.items() if key in scores.values]
    shown = [column for column in columns if column in {at[0] for at in measured}]
    cells = [
        [row.label, *(scores.text(keys[column, place], row.unit) for column in shown)]
        for place, (_, row) in enumerate(rows)
        if place in {at[1] for at in measured}
    ]
    return Table(title, ['', *(columns[column] for column in shown)], cells)


def _by_pattern(scores: Scores, metrics: Sequence[type[DualGasMetric]]) -> Table:
    samples = scores.details.get('availability', {})
    columns = {
        f'{name}/{{}}': f'{PATTERN_LABELS[name]} ({samples.get(name, MISSING)})'
        for name in AVAILABILITY
    }
    return _filled(
        scores,
        'By gases (%)',
        columns,
        [(m.default_prefix, row) for m in metrics for row in m.patterns],
    )


def _notes(scores: Scores) -> list[str]:
    """What a reader must know to read the numbers."""
    lines = []
    vessels = scores.details.get('vessels', {})
    if any(scores.intervals.values()):
        number = vessels.get('number')
        lines.append(f'In brackets: 95 % intervals, bootstrap over {number} vessels.')
    if several := vessels.get('samples_of_several'):
        lines.append(f'{several} samples join frames of two vessels: first counts.')
    for part, reason in scores.details.get('not_scored', {}).items():
        lines.append(f'Not scored: {part} ({reason}).')
    return lines + [
        f'{"n/a" if undefined else "no interval"}: {reason} ({keys})'
        for undefined, reason, keys in grouped_reasons(scores)
    ]


def grouped_reasons(scores: Scores, most: int = 3) -> list[tuple[bool, str, str]]:
    """Why figures are undefined or have no interval, those of one reason together.

    Returns:
        Whether they are undefined, the reason, and the keys: ``most`` of them and how
        many more.
    """
    groups: dict[tuple[bool, str], list[str]] = {}
    for key, reason in scores.reasons.items():
        undefined = math.isnan(scores.values.get(key, math.nan))
        text = reason.removeprefix('no interval: ')
        groups.setdefault((undefined, text), []).append(key)
    found = []
    for group, keys in groups.items():
        more = f' and {len(keys) - most} more' if len(keys) > most else ''
        found.append((*group, ', '.join(keys[:most]) + more))
    return found


def vessel_table(table: pd.DataFrame, labels: Labels = FUME_LABELS) -> Table:
    """A row for each vessel: samples, classes, verdict and IoU; wrong verdicts first.

    The verdict is that of :class:`~fume_mm.evaluation.HealthMetric`; the IoU is of the
    vessel's pixels in all frames.

    Args:
        table: See :mod:`fume_mm.evaluation.table`; without vessels, there are no
            rows.
        labels: What the classes are.
    """
    if without_vessel(table):
        return Table('By vessel', ['vessel'], [])
    codes, names = pd.factorize(table['vessel'])
    sizes = np.bincount(codes)
    columns: dict[str, list[str]] = {'samples': [str(size) for size in sizes]}
    wrong = np.zeros(len(names), bool)
    if 'true_class' in table:
        by_vessel = table['true_class'].groupby(codes, sort=False)
        truth = [', '.join(dict.fromkeys(group)) for _, group in by_vessel]
        columns['true class'] = truth
        probs = numbers(table, labels.score_columns)
        if not np.isnan(probs).any():
            means = sums_by(codes, probs) / sizes[:, None]
            verdicts = [labels.health_classes[i] for i in means.argmax(axis=1)]
            columns['verdict'] = verdicts
            columns['mean probability'] = [f'{p:.2f}' for p in means.max(axis=1)]
            wrong = np.array(truth) != np.array(verdicts)
            columns['verdict is'] = [
                'of several classes' if ',' in true else 'wrong' if bad else 'right'
                for true, bad in zip(truth, wrong, strict=True)
            ]
    if has(table, SegmentationMetric.of(labels).columns):
        classes = labels.seg_classes
        pixels = np.sum(list(pixel_counts(table, classes).values()), axis=0)
        ious = segmentation_scores(sums_by(codes, pixels), classes)
        for key, label in (('mIoU', 'mIoU (%)'), ('gas_IoU', 'gas IoU (%)')):
            columns[label] = [Estimate(value).text() for value in ious[key]]
    order = sorted(range(len(names)), key=lambda i: (not wrong[i], str(names[i])))
    rows = [[str(names[i]), *(column[i] for column in columns.values())] for i in order]
    return Table('By vessel', ['vessel', *columns], rows)
