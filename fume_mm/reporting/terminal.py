"""The metrics of an evaluation as a table that reads well in a terminal."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fume_mm.evaluation.boundary import WHO
from fume_mm.evaluation.table import OUTLINED
from fume_mm.structures import AVAILABILITY, GAS_LABELS, GASES, HEALTH_CLASSES
from fume_mm.structures.marks import dataset_note

Interval = Sequence[float] | None
PERCENT, PIXELS, PLAIN = 'percent', 'pixels', 'plain'

PATTERN_LABELS = {
    'both': ' and '.join(GAS_LABELS[gas] for gas in GASES),
    **{f'{gas}_only': f'{GAS_LABELS[gas]} only' for gas in GASES},
}
#: Columns of the tables of masks: what comes before the key of a score.
FRAME_COLUMNS = {
    '': 'all frames',
    **{f'{g}/': f'{GAS_LABELS[g]} frames' for g in GASES},
}
SEGMENTATION_ROWS = {
    'mIoU': 'mIoU',
    'mDice': 'Dice',
    'gas_IoU': 'gas IoU',
    'IoU/tube': 'tube IoU',
    'pixel_accuracy': 'pixel acc.',
    'precision/gas': 'gas precision',
    'recall/gas': 'gas recall',
    'frame/mIoU': 'frame mIoU',
    'frame/gas_IoU': 'frame gas IoU',
}
BOUNDARY_ROWS = {
    'HD95': ('HD95 (px)', PIXELS),
    'HD95/tube': (' tube', PIXELS),
    'HD95/gas': (' gas', PIXELS),
    'ASD': ('ASD (px)', PIXELS),
    'ASD/tube': (' tube', PIXELS),
    'ASD/gas': (' gas', PIXELS),
    'F1': ('F1 (%)', PERCENT),
    'F1/tube': (' tube', PERCENT),
    'F1/gas': (' gas', PERCENT),
}
HEALTH_ROWS = {
    'accuracy': ('accuracy', PERCENT),
    'balanced_accuracy': ('balanced acc.', PERCENT),
    'macro_f1': ('macro F1', PERCENT),
    'weighted_f1': ('weighted F1', PERCENT),
    'kappa': ('kappa', PLAIN),
    'roc_auc': ('ROC-AUC', PERCENT),
    'average_precision': ('average prec.', PERCENT),
    'ece': ('ECE', PERCENT),
    'brier': ('Brier', PLAIN),
}
CLASS_ROWS = {
    'precision': 'precision',
    'recall': 'recall',
    'f1': 'F1',
    'roc_auc': 'ROC-AUC',
    'average_precision': 'average prec.',
}
PATTERN_ROWS = {
    'seg/{}/mIoU': ('mIoU', PERCENT),
    'seg/{}/gas_IoU': ('gas IoU', PERCENT),
    'boundary/{}/HD95': ('HD95 (px)', PIXELS),
    'boundary/{}/ASD': ('ASD (px)', PIXELS),
    'cls/{}/accuracy': ('accuracy', PERCENT),
    'cls/{}/balanced_accuracy': ('balanced acc.', PERCENT),
}


def results_title(marks: Mapping[str, Any]) -> str:
    """Title of a test's table, from its ``simulated`` and ``leakage`` marks.

    Args:
        marks: The dataset's metainfo or the content of test_results.json.
    """
    note = dataset_note(marks)
    return f'Test split ({note})' if note else 'Test split'


def summary_table(
    metrics: dict[str, float],
    details: dict | None = None,
    *,
    title: str | None = None,
    intervals: Mapping[str, Interval] | None = None,
    reasons: Mapping[str, str] | None = None,
) -> str:
    """Write metrics as text, plain ASCII, up to 79 columns but for the notes.

    Args:
        metrics: Numbers by key, as :class:`DualGasEvaluator` returns them. Parts whose
            keys are not there are left out; keys of other metrics are not shown.
        details: Its ``details``; adds the confusion matrix, the numbers of samples and
            notes.
        title: First line. Says what the numbers are of, and whether the data are
            simulated or the split leaks.
        intervals: (low, high) by key, for ``77.0 [74.1, 79.6]``.
        reasons: Why a number is undefined or has no interval, by key; told below.

    Returns:
        The table, without a newline at the end. Fractions are in percent; ``n/a`` is an
        undefined score (NaN), ``-`` one that was not measured.
    """
    details = details or {}
    page = _Page(metrics, intervals or {}, details)
    blocks = [
        page.segmentation(),
        page.boundary(),
        page.health(),
        page.classes(),
        page.confusion(),
        page.vessels(),
        page.availability(),
    ]
    if 'joint/score' in metrics:
        score = page.cell('joint/score', PERCENT, unit=' %')
        blocks.append([f'Joint score (mean of mIoU and balanced accuracy): {score}'])
    blocks.append(page.notes(reasons or {}))
    lines = [title, '=' * len(title)] if title else []
    for block in filter(None, blocks):
        lines += ([''] if lines else []) + block
    return '\n'.join(lines)


class _Page:
    """The blocks of a table; remembers which keys were shown."""

    def __init__(
        self,
        metrics: dict[str, float],
        intervals: Mapping[str, Interval],
        details: dict[str, Any],
    ) -> None:
        self.metrics, self.intervals, self.details = metrics, intervals, details
        self.shown: list[str] = []

    def cell(self, key: str, form: str, *, unit: str = '') -> str:
        """A figure, with its interval if there are any."""
        self.shown.append(key)
        value = self.metrics.get(key)
        if value is None:
            return '-'
        if math.isnan(value):
            return 'n/a'
        scale = 100 if form == PERCENT else 1
        digits = 3 if form == PLAIN else 1 if self.intervals else 2
        text = f'{scale * value:.{digits}f}'
        interval = self.intervals.get(key)
        if interval is None:
            return f'{text}{unit}'
        low, high = (f'{scale * bound:.{digits}f}' for bound in interval)
        return f'{text} [{low}, {high}]{unit}'

    def grid(
        self, head: str, columns: dict[str, str], rows: dict[str, tuple[str, str]]
    ) -> list[str]:
        """Rows are scores; a cell's key is its column's with the score filled in."""
        lines = [[head, *columns.values()]]
        for score, (label, form) in rows.items():
            keys = [column.format(score) for column in columns]
            if any(key in self.metrics for key in keys):
                lines.append([label, *(self.cell(key, form) for key in keys)])
        return _grid(lines) if len(lines) > 1 else []

    def segmentation(self) -> list[str]:
        rows = {key: (label, PERCENT) for key, label in SEGMENTATION_ROWS.items()}
        return self.grid('Masks (%)', self._frames('seg', 'mIoU'), rows)

    def boundary(self) -> list[str]:
        return self.grid('Outlines', self._frames('boundary', 'HD95'), BOUNDARY_ROWS)

    def _frames(self, part: str, score: str) -> dict[str, str]:
        return {
            f'{part}/{prefix}{{}}': label
            for prefix, label in FRAME_COLUMNS.items()
            if f'{part}/{prefix}{score}' in self.metrics
        }

    def health(self) -> list[str]:
        columns = {'cls/{}': 'samples'}
        if 'cls/vessel/accuracy' in self.metrics:
            columns['cls/vessel/{}'] = 'vessels'
        return self.grid('Health (%)', columns, HEALTH_ROWS)

    def classes(self) -> list[str]:
        columns = {f'cls/{{}}/{name}': name for name in HEALTH_CLASSES}
        rows = {key: (label, PERCENT) for key, label in CLASS_ROWS.items()}
        lines = self.grid('By class (%)', columns, rows)
        if not lines:
            return []
        support = [self.metrics.get(f'cls/support/{n}', '-') for n in HEALTH_CLASSES]
        counts = (
            f'{name} {n}' for name, n in zip(HEALTH_CLASSES, support, strict=True)
        )
        return [*lines, f'True samples: {", ".join(counts)}']

    def confusion(self) -> list[str]:
        found = self.details.get('cls', {}).get('confusion', {}).get('all')
        return _confusion('True \\ predicted', found)

    def vessels(self) -> list[str]:
        verdicts = self.details.get('cls', {}).get('vessels', {}).get('confusion', [])
        known = any(map(any, verdicts))
        return _confusion('Vessels: true \\ verdict', verdicts if known else None)

    def availability(self) -> list[str]:
        samples = self.details.get('availability', {})
        columns = {}
        for name in AVAILABILITY:
            if any(row.format(name) in self.metrics for row in PATTERN_ROWS):
                columns[name] = f'{PATTERN_LABELS[name]} ({samples.get(name, "-")})'
        lines = [['By gases', *columns.values()]]
        for row, (label, form) in PATTERN_ROWS.items():
            keys = [row.format(name) for name in columns]
            if any(key in self.metrics for key in keys):
                lines.append([label, *(self.cell(key, form) for key in keys)])
        return _grid(lines) if len(lines) > 1 else []

    def notes(self, reasons: Mapping[str, str]) -> list[str]:
        """What a reader must know to read the numbers."""
        lines = []
        vessels = self.details.get('vessels', {})
        if any(self.intervals.values()):
            number = vessels.get('number')
            lines.append(
                f'In brackets: 95 % intervals, bootstrap over {number} vessels.'
            )
        if several := vessels.get('samples_of_several'):
            lines.append(f'{several} samples join frames of two vessels: first counts.')
        if mixed := self.details.get('cls', {}).get('vessels', {}).get('mixed'):
            lines.append(
                f'{mixed} vessels have samples of several classes: no verdict.'
            )
        lines += _one_sided(self.details.get('boundary', {}).get('frames', {}))
        for part, reason in self.details.get('not_scored', {}).items():
            lines.append(f'Not scored: {part} ({reason}).')
        by_reason: dict[str, list[str]] = {}
        for key in dict.fromkeys(self.shown):
            if key in reasons:
                undefined = math.isnan(self.metrics.get(key, math.nan))
                mark = 'n/a' if undefined else 'no interval'
                text = f'{mark}: {reasons[key].removeprefix("no interval: ")}'
                by_reason.setdefault(text, []).append(key)
        lines += [f'{text} ({_some(keys)})' for text, keys in by_reason.items()]
        return lines


def _one_sided(frames: dict[str, Any]) -> list[str]:
    """How many frames count with the diagonal because a class is in one mask only."""
    lines = []
    for name in OUTLINED:
        counts = frames.get('all', {}).get(name, {})
        missed, invented = (counts.get(who, 0) for who in list(WHO.values())[1:3])
        if missed or invented:
            lines.append(
                f'Outlines: {name} missed in {missed} frames, made up in {invented} '
                '(HD95 and ASD are the diagonal there).'
            )
    return lines


def _some(keys: Sequence[str], most: int = 3) -> str:
    more = f' and {len(keys) - most} more' if len(keys) > most else ''
    return ', '.join(keys[:most]) + more


def _confusion(head: str, confusion: Iterable | None) -> list[str]:
    if confusion is None:
        return []
    rows = [
        [name, *map(str, counts)]
        for name, counts in zip(HEALTH_CLASSES, confusion, strict=True)
    ]
    return _grid([[head, *HEALTH_CLASSES], *rows])


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
