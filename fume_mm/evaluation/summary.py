"""The metrics of an evaluation as a table that reads well in a terminal."""

import math
from collections.abc import Sequence

from fume_mm.structures import AVAILABILITY, GAS_LABELS, GASES, HEALTH_CLASSES

PATTERN_LABELS = {
    'both': ' and '.join(GAS_LABELS[gas] for gas in GASES),
    **{f'{gas}_only': f'{GAS_LABELS[gas]} only' for gas in GASES},
}
SEGMENTATION_COLUMNS = {
    'mIoU': 'mIoU',
    'mDice': 'Dice',
    'gas_IoU': 'gas IoU',
    'IoU/tube': 'tube IoU',
    'pixel_accuracy': 'pixel acc.',
}
HEALTH_COLUMNS = {
    'accuracy': 'accuracy',
    'balanced_accuracy': 'balanced acc.',
    'macro_f1': 'macro F1',
    'weighted_f1': 'weighted F1',
}


def results_title(marks: dict) -> str:
    """Title of a test's table, from its ``simulated`` and ``leakage`` marks.

    Args:
        marks: The dataset's metainfo or the content of test_results.json.
    """
    said = ['simulated data'] * bool(marks.get('simulated'))
    said += ['LEAKED SPLIT'] * bool(marks.get('leakage'))
    return f'Test split ({", ".join(said)})' if said else 'Test split'


def summary_table(
    metrics: dict[str, float],
    details: dict | None = None,
    *,
    title: str | None = None,
) -> str:
    """Write metrics as text, plain ASCII, up to 79 columns.

    Args:
        metrics: Numbers by key, as :class:`DualGasEvaluator` returns them. Parts whose
            keys are not there are left out; keys of other metrics are not shown.
        details: Its ``details``; adds the confusion matrix and the numbers of samples.
        title: First line. Says what the numbers are of, and whether the data are
            simulated or the split leaks.

    Returns:
        The table, without a newline at the end. Fractions are in percent; ``n/a`` is an
        undefined score (NaN), ``-`` one that was not measured.
    """
    details = details or {}
    blocks = [
        _segmentation(metrics),
        _health(metrics),
        _confusion(details.get('cls', {}).get('confusion', {}).get('all')),
        _availability(metrics, details.get('availability', {})),
    ]
    if 'joint/score' in metrics:
        score = _percent(metrics['joint/score'])
        blocks.append([f'Joint score (mean of mIoU and balanced accuracy): {score} %'])
    lines = [title, '=' * len(title)] if title else []
    for block in filter(None, blocks):
        lines += ([''] if lines else []) + block
    return '\n'.join(lines)


def _segmentation(metrics: dict[str, float]) -> list[str]:
    labels = {'seg': 'all frames'}
    labels |= {f'seg/{gas}': f'{GAS_LABELS[gas]} frames' for gas in GASES}
    rows = [
        [
            label,
            *(_percent(metrics.get(f'{part}/{key}')) for key in SEGMENTATION_COLUMNS),
        ]
        for part, label in labels.items()
        if f'{part}/mIoU' in metrics
    ]
    if not rows:
        return []
    head = ['Segmentation (%)', *SEGMENTATION_COLUMNS.values()]
    return _grid([head, *rows])


def _health(metrics: dict[str, float]) -> list[str]:
    if 'cls/accuracy' not in metrics:
        return []
    values = [_percent(metrics.get(f'cls/{key}')) for key in HEALTH_COLUMNS]
    values.append(_number(metrics.get('cls/kappa'), digits=3))
    overall = _grid(
        [
            ['Health (%)', *HEALTH_COLUMNS.values(), 'kappa'],
            ['all samples', *values],
        ]
    )
    columns = ('precision', 'recall', 'f1')
    rows = [['By class (%)', 'precision', 'recall', 'F1', 'samples']]
    for name in HEALTH_CLASSES:
        row = [name, *(_percent(metrics.get(f'cls/{key}/{name}')) for key in columns)]
        rows.append([*row, str(metrics.get(f'cls/support/{name}', '-'))])
    return [*overall, '', *_grid(rows)]


def _confusion(confusion: list[list[int]] | None) -> list[str]:
    if confusion is None:
        return []
    rows = [
        [name, *map(str, counts)]
        for name, counts in zip(HEALTH_CLASSES, confusion, strict=True)
    ]
    return _grid([['True \\ predicted', *HEALTH_CLASSES], *rows])


def _availability(metrics: dict[str, float], samples: dict[str, int]) -> list[str]:
    columns = {
        'seg/{}/mIoU': 'mIoU',
        'seg/{}/gas_IoU': 'gas IoU',
        'cls/{}/accuracy': 'accuracy',
        'cls/{}/balanced_accuracy': 'balanced acc.',
    }
    rows = []
    for name in AVAILABILITY:
        values = [metrics.get(key.format(name)) for key in columns]
        if any(value is not None for value in values):
            count = str(samples.get(name, '-'))
            rows.append([PATTERN_LABELS[name], count, *map(_percent, values)])
    if not rows:
        return []
    return _grid([['By gases present (%)', 'samples', *columns.values()], *rows])


def _percent(value: float | None) -> str:
    return _number(None if value is None else 100 * value)


def _number(value: float | None, *, digits: int = 2) -> str:
    if value is None:
        return '-'
    return 'n/a' if math.isnan(value) else f'{value:.{digits}f}'


def _grid(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, the first column left, the others right, a rule under the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        '  '.join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return [lines[0], '-' * (sum(widths) + 2 * (len(widths) - 1)), *lines[1:]]
