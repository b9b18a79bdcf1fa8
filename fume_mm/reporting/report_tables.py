"""The tables of a report, as text by cell."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fume_mm.evaluation.scores import segmentation_scores
from fume_mm.evaluation.table import (
    CLASS_COLUMNS,
    PROBABILITY_COLUMNS,
    SEGMENTATION_COLUMNS,
    count_columns,
    has,
    numbers,
    without_vessel,
)
from fume_mm.structures import AVAILABILITY, GASES, HEALTH_CLASSES, SEG_CLASSES

from .run_folder import RunFolder, interval_of
from .terminal import (
    BOUNDARY_ROWS,
    CLASS_ROWS,
    FRAME_COLUMNS,
    HEALTH_ROWS,
    PATTERN_LABELS,
    PATTERN_ROWS,
    PERCENT,
    PLAIN,
    SEGMENTATION_ROWS,
)

#: The headline figures, and what they are called.
HEADLINES = {
    'joint/score': 'joint score',
    'seg/mIoU': 'mIoU',
    'seg/gas_IoU': 'gas IoU',
    'cls/balanced_accuracy': 'balanced accuracy',
    'cls/macro_f1': 'macro F1',
    'cls/vessel/balanced_accuracy': 'balanced accuracy of vessels',
}
CALIBRATION = ('ece', 'brier')


class Table(NamedTuple):
    """A table: the first column names the rows."""

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str = ''


class Figure(NamedTuple):
    """A headline figure: value and interval as text."""

    name: str
    value: str
    interval: str


def cell(results: Mapping[str, Any], key: str, form: str) -> str:
    """A score with its interval: ``77.0 [74.1, 79.6]``; n/a if undefined, - if absent.

    Args:
        results: The content of a test_results.json.
        key: Of the score.
        form: How it is written: as percent, in pixels or as it is.
    """
    value = results['metrics'].get(key)
    if value is None:
        return '-'
    if math.isnan(value):
        return 'n/a'
    scale, digits = (100 if form == PERCENT else 1), (3 if form == PLAIN else 1)
    text = f'{scale * value:.{digits}f}'
    low, high = interval_of(results, key)
    if math.isnan(low):
        return text
    return f'{text} [{scale * low:.{digits}f}, {scale * high:.{digits}f}]'


def headline(run: RunFolder) -> list[Figure]:
    """The headline figures that a run has, in percent."""
    found = []
    for key, name in HEADLINES.items():
        text = cell(run.results, key, PERCENT)
        if text != '-':
            value, _, interval = text.partition(' ')
            unit = '' if value == 'n/a' else ' %'
            found.append(Figure(name, f'{value}{unit}', interval))
    return found


def score_tables(run: RunFolder) -> list[Table]:
    """All scores; a table without rows is of what was not scored."""
    results = run.results
    health = {k: row for k, row in HEALTH_ROWS.items() if k not in CALIBRATION}
    calibration = {key: HEALTH_ROWS[key] for key in CALIBRATION}
    masks = {key: (label, PERCENT) for key, label in SEGMENTATION_ROWS.items()}
    classes = {key: (label, PERCENT) for key, label in CLASS_ROWS.items()}
    return [
        _grid(results, 'Masks (%)', _by_frames(results, 'seg', 'mIoU'), masks),
        _grid(results, 'Masks by class (%)', *_mask_classes(results)),
        _grid(
            results,
            'Outlines',
            _by_frames(results, 'boundary', 'HD95'),
            BOUNDARY_ROWS,
            note=_one_sided(results),
        ),
        _grid(
            results,
            'Health (%)',
            {'cls/{}': 'samples', 'cls/vessel/{}': 'vessels'},
            health,
        ),
        _grid(
            results,
            'Health by class (%)',
            {f'cls/{{}}/{name}': name for name in HEALTH_CLASSES},
            classes,
            note=_support(results),
        ),
        _grid(results, 'Calibration', {'cls/{}': 'samples'}, calibration),
        _patterns(results),
    ]


def _grid(
    results: Mapping[str, Any],
    title: str,
    columns: Mapping[str, str],
    rows: Mapping[str, tuple[str, str]],
    *,
    note: str = '',
) -> Table:
    """A table whose cells are the column's key with the row's score filled in."""
    filled = []
    for score, (label, form) in rows.items():
        cells = [cell(results, column.format(score), form) for column in columns]
        if any(text != '-' for text in cells):
            filled.append([label.strip(), *cells])
            if label.startswith(' '):  # it belongs to the row above
                filled[-1][0] = f'· {label.strip()}'
    return Table(title, ['', *columns.values()], filled, note if filled else '')


def _by_frames(results: Mapping[str, Any], part: str, score: str) -> dict[str, str]:
    return {
        f'{part}/{prefix}{{}}': label
        for prefix, label in FRAME_COLUMNS.items()
        if f'{part}/{prefix}{score}' in results['metrics']
    }


def _mask_classes(
    results: Mapping[str, Any],
) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    columns = {
        f'seg/{prefix}{{}}/{name}': f'{name}{"" if not prefix else f", {label}"}'
        for prefix, label in FRAME_COLUMNS.items()
        for name in SEG_CLASSES
        if f'seg/{prefix}IoU/{name}' in results['metrics'] and not prefix
    }
    scores = {'IoU': 'IoU', 'Dice': 'Dice', 'precision': 'precision'}
    scores['recall'] = 'recall'
    return columns, {key: (label, PERCENT) for key, label in scores.items()}


def _one_sided(results: Mapping[str, Any]) -> str:
    """How many frames count with the diagonal, for a class is in one mask only."""
    frames = results['details'].get('boundary', {}).get('frames', {}).get('all', {})
    said = [
        f'{name} missed in {counts["truth"]} frames, made up in {counts["prediction"]}'
        for name, counts in frames.items()
        if counts.get('truth') or counts.get('prediction')
    ]
    if not said:
        return ''
    return f'{"; ".join(said)} (HD95 and ASD are the diagonal of the frame there).'


def _support(results: Mapping[str, Any]) -> str:
    counts = [results['metrics'].get(f'cls/support/{name}') for name in HEALTH_CLASSES]
    if None in counts:
        return ''
    pairs = zip(HEALTH_CLASSES, counts, strict=True)
    return 'True samples: ' + ', '.join(f'{name} {count:g}' for name, count in pairs)


def _patterns(results: Mapping[str, Any]) -> Table:
    samples = results['details'].get('availability', {})
    columns = {
        name: f'{PATTERN_LABELS[name]} ({samples.get(name, "-")} samples)'
        for name in AVAILABILITY
        if any(row.format(name) in results['metrics'] for row in PATTERN_ROWS)
    }
    rows = []
    for row, (label, form) in PATTERN_ROWS.items():
        cells = [cell(results, row.format(name), form) for name in columns]
        if any(text != '-' for text in cells):
            unit = ' (%)' if form == PERCENT else ''
            rows.append([f'{label}{unit}', *cells])
    return Table('By gases of the sample', ['', *columns.values()], rows)


def vessel_table(table: pd.DataFrame) -> Table:
    """A row for each vessel: samples, classes, verdict and IoU; wrong verdicts first.

    The verdict is that of :class:`~fume_mm.evaluation.HealthMetric`; the IoU is of the
    vessel's pixels in all frames.

    Args:
        table: See :mod:`fume_mm.evaluation.table`; without vessels, there are no
            rows.
    """
    if without_vessel(table):
        return Table('By vessel', [], [])
    codes, names = pd.factorize(table['vessel'])
    sizes = np.bincount(codes)
    columns: dict[str, list[str]] = {'samples': [str(size) for size in sizes]}
    wrong = np.zeros(len(names), bool)
    if has(table, CLASS_COLUMNS):
        by_vessel = table['true_class'].groupby(codes, sort=False)
        truth = [', '.join(dict.fromkeys(group)) for _, group in by_vessel]
        columns['true class'] = truth
        scores = numbers(table, list(PROBABILITY_COLUMNS))
        if not np.isnan(scores).any():
            sums = np.zeros((len(names), len(HEALTH_CLASSES)))
            np.add.at(sums, codes, scores)
            means = sums / sizes[:, None]
            verdicts = [HEALTH_CLASSES[index] for index in means.argmax(axis=1)]
            columns['verdict'] = verdicts
            columns['mean probability'] = [f'{p:.2f}' for p in means.max(axis=1)]
            wrong = np.array(
                [true != said for true, said in zip(truth, verdicts, strict=True)]
            )
            columns['verdict is'] = [
                'of several classes' if ',' in true else 'wrong' if bad else 'right'
                for true, bad in zip(truth, wrong, strict=True)
            ]
    if has(table, SEGMENTATION_COLUMNS):
        size = len(SEG_CLASSES)
        pixels = np.zeros((len(names), size, size))
        for gas in GASES:
            counts = np.nan_to_num(numbers(table, count_columns(gas)))
            np.add.at(pixels, codes, counts.reshape(-1, size, size))
        ious = segmentation_scores(pixels)
        for key, label in (('mIoU', 'mIoU (%)'), ('gas_IoU', 'gas IoU (%)')):
            columns[label] = [
                'n/a' if math.isnan(value) else f'{100 * value:.1f}'
                for value in ious[key]
            ]
    order = sorted(range(len(names)), key=lambda i: (not wrong[i], str(names[i])))
    rows = [[str(names[i]), *(column[i] for column in columns.values())] for i in order]
    return Table('By vessel', ['vessel', *columns], rows)
