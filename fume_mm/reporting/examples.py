"""Which frames of a test to look at: typical ones, and the worst."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from fume_mm.evaluation.health_metric import CLASS_COLUMNS, health_ids
from fume_mm.evaluation.segmentation_metric import SegmentationMetric, count_columns
from fume_mm.evaluation.table import has, has_gas, numbers
from fume_mm.structures import GASES
from fume_mm.structures.labels import FUME_LABELS, GAS_NAME, Labels

CHOICES = ('median', 'best', 'worst')
#: Name of the row of frames whose health class nothing tells.
ANY_CLASS = 'all classes'
#: An IoU below this is worth a word.
POOR = 0.5


def frame_table(
    predictions: pd.DataFrame, labels: Labels = FUME_LABELS
) -> pd.DataFrame:
    """A row per frame of a test, from its row per sample.

    Args:
        predictions: See :mod:`fume_mm.evaluation.table`.
        labels: What the classes are.

    Returns:
        ``sample_id``, ``gas``, ``true_class`` and ``predicted_class`` ('' if not
        predicted), ``p_true`` and ``p_predicted`` (NaN without probabilities);
        ``<class>_iou`` of all but the background, NaN where neither mask has it or
        there are no masks, and ``<class>_true`` and ``<class>_predicted`` in pixels.
    """
    parts = []
    for gas in GASES:
        rows = predictions[has_gas(predictions, gas)].reset_index(drop=True)
        part = rows[['sample_id']].assign(gas=gas)
        for column in CLASS_COLUMNS:
            part[column] = rows.get(column, '')
            name = column.removesuffix('_class')
            part[f'p_{name}'] = _probability(rows, column, labels)
        size = len(labels.seg_classes)
        counts = np.full((len(rows), size, size), np.nan)
        if has(rows, SegmentationMetric.of(labels).columns):
            columns = count_columns(gas, labels.seg_classes)
            counts = numbers(rows, columns).reshape(-1, size, size)
        for index, name in enumerate(labels.foreground, start=1):
            true, pred = counts[:, index].sum(axis=1), counts[:, :, index].sum(axis=1)
            hits = counts[:, index, index]
            with np.errstate(invalid='ignore'):
                part[f'{name}_iou'] = hits / (true + pred - hits)
            part[f'{name}_true'], part[f'{name}_predicted'] = true, pred
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _probability(rows: pd.DataFrame, column: str, labels: Labels) -> np.ndarray:
    """Probability of the class that ``column`` names, (N,), NaN without any."""
    if not all(name in rows for name in (*labels.score_columns, column)):
        return np.full(len(rows), np.nan)
    scores = numbers(rows, labels.score_columns)
    ids = health_ids(rows[column], labels.health_classes)
    return scores[np.arange(len(rows)), ids]


def choose_examples(
    frames: pd.DataFrame, classes: Sequence[str] = FUME_LABELS.health_classes
) -> dict[str, dict[tuple[str, str], pd.Series]]:
    """Median, best and worst frame by gas IoU, of each gas and true health class.

    Frames with gas in neither mask have no IoU and are not chosen. Of equal ones the
    first by sample id; of an even number the lower median. A frame is chosen once, so
    that of a single one there is a median only, of two the best and the worst.

    Args:
        frames: See :func:`frame_table`.
        classes: The health classes.

    Returns:
        Rows of ``frames`` by gas and (health class, choice), in the order of the
        classes and of :data:`CHOICES`; gases without a frame are left out.
    """
    chosen: dict[str, dict[tuple[str, str], pd.Series]] = {}
    scored = frames[frames['gas_iou'].notna()].sort_values(['gas_iou', 'sample_id'])
    for gas in GASES:
        of_gas = scored[scored['gas'] == gas]
        rows = {}
        for name in (*classes, ''):
            of_class = of_gas[of_gas['true_class'] == name]
            ious = of_class['gas_iou']
            places = {
                'median': (len(ious) - 1) // 2,
                'best': int((ious < ious.max()).sum()),
                'worst': 0,
            }
            few: list[dict[str, int]] = [{}, {'median': 0}, {'best': 1, 'worst': 0}]
            chosen_places = few[len(ious)] if len(ious) < len(CHOICES) else places
            for choice, place in chosen_places.items():
                rows[name or ANY_CLASS, choice] = of_class.iloc[place]
        if rows:
            chosen[gas] = rows
    return chosen


def worst_frames(
    frames: pd.DataFrame,
    *,
    count: int,
    masks: Sequence[str] = FUME_LABELS.foreground,
) -> pd.DataFrame:
    """The worst frames, the worst first.

    How bad a frame is: 1 minus its gas IoU (0 where neither mask has gas), plus 1 minus
    the probability of its sample's true class (without probabilities 1 if the class is
    wrong). Of equal ones the first by sample id, CO2 before CH4.

    Args:
        frames: See :func:`frame_table`.
        count: How many at most.
        masks: The classes of the masks but for the background.

    Returns:
        Rows of ``frames`` with ``error`` (0 to 2) and ``words``, what went wrong.
    """
    missed = frames['predicted_class'] != frames['true_class']
    of_class = (1 - frames['p_true']).fillna(missed.astype(float))
    error = (1 - frames['gas_iou']).fillna(0.0) + of_class
    order = frames.assign(error=error).sort_values('sample_id', kind='stable')
    worst = order.sort_values('error', ascending=False, kind='stable').head(count)
    words = [describe(row, masks) for _, row in worst.iterrows()]
    return worst.assign(words=pd.Series(words, index=worst.index, dtype=object))


def describe(
    frame: pd.Series, masks: Sequence[str] = FUME_LABELS.foreground
) -> list[str]:
    """What went wrong in a frame, in words.

    Args:
        frame: A row of :func:`frame_table`.
        masks: The classes of the masks but for the background.
    """
    words = []
    for name in reversed(masks):
        true, pred = frame[f'{name}_true'], frame[f'{name}_predicted']
        iou = frame[f'{name}_iou']
        if math.isnan(true):
            continue
        if true and not pred:
            words.append(f'{name} missed ({true:.0f} px)')
        elif pred and not true:
            words.append(f'{name} made up ({pred:.0f} px)')
        elif name == GAS_NAME and math.isnan(iou):
            words.append('no gas, and none predicted')
        elif iou < POOR:
            times = pred / true
            words.append(f'{name} IoU {iou:.2f}, area {times:.2f} times the true one')
        elif name == GAS_NAME:
            words.append(f'{name} IoU {iou:.2f}')
    true_class, pred_class = frame['true_class'], frame['predicted_class']
    if not pred_class:
        return words
    right = pred_class == true_class
    text = f'{true_class}, right' if right else f'{true_class} taken for {pred_class}'
    if not math.isnan(frame['p_predicted']):
        other = '' if right else f'; true class {frame["p_true"]:.2f}'
        text += f' (p {frame["p_predicted"]:.2f}{other})'
    return [*words, text]
