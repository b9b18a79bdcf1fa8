"""Scores of the health class, for all samples and each availability pattern."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.registry import METRICS
from fume_mm.structures.labels import Labels

from .base import DualGasMetric, Refuse, prefixed, require, sample_id
from .confusion import classification_scores, mean_defined, quotient
from .estimate import PLAIN, Unit
from .layout import Matrix, Row, ScoreTable
from .probability_scores import (
    brier_parts,
    calibration_error,
    calibration_parts,
    curves,
    rank_scores,
    reliability,
)
from .resampling import Totals
from .segmentation_metric import class_reason
from .table import (
    NUMBER,
    Kind,
    numbers,
    patterns,
    sums_by,
    vessel_codes,
    without_vessel,
)

#: What is given for the vessels' verdicts.
VESSEL_KEYS = ('accuracy', 'balanced_accuracy', 'macro_f1')
#: Probabilities of half precision add up to 1 within this.
SUM_TOLERANCE = 0.01
CLASS_COLUMNS = ('true_class', 'predicted_class')


@METRICS.register_module()
class HealthMetric(DualGasMetric):
    """Accuracies, F1, kappa, ranking and calibration of the health class.

    Every sample counts once, whichever gases it has. Scores that are undefined are NaN
    and left out of the means (see :func:`classification_scores` and
    :mod:`~fume_mm.evaluation.probability_scores`).

    A vessel's verdict is the class with the largest mean probability over its samples
    (of equal ones the first). Vessels whose samples differ in their true class have
    none and are left out.

    Keys are in docs/metrics.md; :attr:`patterns` also stand under each availability
    pattern that occurs. Ranking, calibration and vessels only if the model gives
    probabilities.

    Columns: ``true_class``, ``predicted_class`` and the probabilities ``p_<class>``.
    Details: ``classes`` and ``confusion``, sample counts by name (``all``, the
    patterns), rows truth, columns prediction. With probabilities also ``curves`` (by
    class ``roc`` and ``pr``), ``reliability`` and ``vessels``: ``confusion`` of the
    verdicts, and how many vessels are left out as ``mixed``.

    Args: See :class:`DualGasMetric`.
    """

    default_prefix = 'cls'
    needs = 'health'
    foreign = 'p_.*'
    patterns = (
        Row('accuracy', 'accuracy'),
        Row('balanced_accuracy', 'balanced acc.'),
    )
    headlines = (
        Row('balanced_accuracy', 'balanced accuracy'),
        Row('macro_f1', 'macro F1'),
        Row('vessel/balanced_accuracy', 'balanced accuracy of vessels'),
    )

    @classmethod
    def declare(cls, labels: Labels) -> dict[str, Any]:
        """Columns, tables and matrices."""
        classes = labels.health_classes
        columns: dict[str, Kind] = dict.fromkeys(CLASS_COLUMNS, classes)
        columns |= dict.fromkeys(labels.score_columns, NUMBER)
        whole = ScoreTable(
            'Health (%)',
            {'{}': 'samples', 'vessel/{}': 'vessels'},
            (
                *cls.patterns,
                Row('macro_f1', 'macro F1'),
                Row('weighted_f1', 'weighted F1'),
                Row('kappa', 'kappa', PLAIN),
                Row('roc_auc', 'ROC-AUC'),
                Row('average_precision', 'average prec.'),
                Row('ece', 'ECE', lower=True),
                Row('brier', 'Brier', PLAIN, lower=True),
            ),
        )
        by_class = ScoreTable(
            'By class (%)',
            {f'{{}}/{name}': name for name in classes},
            (
                Row('precision', 'precision'),
                Row('recall', 'recall'),
                Row('f1', 'F1'),
                Row('roc_auc', 'ROC-AUC'),
                Row('average_precision', 'average prec.'),
                Row('support', 'true samples', Unit(1, 0), None),
            ),
        )
        matrices = (
            Matrix('True \\ predicted', ('confusion', 'all'), classes),
            Matrix('Vessels: true \\ verdict', ('vessels', 'confusion'), classes),
        )
        tables = whole, by_class
        return {'columns': columns, 'tables': tables, 'matrices': matrices}

    def row(self, sample: dict) -> dict[str, Any]:
        """Note the true and the predicted class and the probabilities.

        Args:
            sample: ``gt_health`` and ``pred_health`` (1,), ``health_scores`` (C,) if
                the model gives probabilities.

        Raises:
            UserError: If a sample has no truth, no prediction, an unknown class or
                scores that are no probabilities.
        """
        truth = require(
            sample,
            'gt_health',
            error='it has no true health class to compare with; evaluate on '
            'annotated samples, or take HealthMetric out of the evaluator.',
        )
        prediction = require(
            sample,
            'pred_health',
            error='the model predicted no health class; give the model a health '
            'head, or take HealthMetric out of the evaluator.',
        )
        names = self.labels.health_classes
        classes = int(truth), int(prediction)
        if not all(0 <= c < len(names) for c in classes):
            raise UserError(
                f"sample '{sample_id(sample)}' has the health classes {classes} "
                '(truth, prediction), but the ids are 0 to '
                f'{len(names) - 1}; correct class_id in the annotations '
                'or the number of classes of the health head.'
            )
        values: list[Any] = [names[c] for c in classes]
        if sample.get('health_scores') is not None:
            scores = sample['health_scores'].float().tolist()
            if problem := wrong_scores(scores, names):
                raise UserError(f"sample '{sample_id(sample)}': {problem}.")
            values += scores
        return dict(zip(self.columns, values, strict=False))

    @classmethod
    def figures(cls, table: pd.DataFrame, totals: Totals) -> dict[str, Any]:
        """Scores of the classes, and of rankings where probabilities are."""
        names = cls.labels.health_classes
        truth, prediction = class_ids(table, names)
        counts = _one_hot(truth, prediction, len(names))
        metrics = classification_scores(totals.sum(counts), names)
        probabilities = _probabilities(table, cls.labels)
        if probabilities is not None:
            rankings = [
                totals.weighted(partial(rank_scores, scores, truth == c), len(table))
                for c, scores in enumerate(probabilities.T)
            ]
            ranked = np.stack(rankings, axis=-1)
            for index, key in enumerate(('roc_auc', 'average_precision')):
                metrics[key] = mean_defined(ranked[..., index, :])
                for c, name in enumerate(names):
                    metrics[f'{key}/{name}'] = ranked[..., index, c]
            metrics['ece'] = calibration_error(
                totals.sum(_calibration(table, cls.labels))
            )
            brier = totals.sum(brier_parts(probabilities, truth))
            metrics['brier'] = quotient(brier, totals.sum(np.ones(len(table))))
            verdicts = totals.sum(_verdicts(table, cls.labels)[0])
            of_vessels = classification_scores(verdicts, names)
            metrics |= prefixed('vessel', of_vessels, VESSEL_KEYS)
        keys = [row.key for row in cls.patterns]
        for name, chosen in patterns(table).items():
            of_pattern = totals.sum(counts * chosen[:, None, None])
            scores = classification_scores(of_pattern, names)
            metrics |= prefixed(name, scores, keys)
        return metrics

    @classmethod
    def describe(cls, table: pd.DataFrame) -> dict[str, Any]:
        """Confusions by the gases there are, curves and verdicts per vessel."""
        names = cls.labels.health_classes
        truth, prediction = class_ids(table, names)
        counts = _one_hot(truth, prediction, len(names))
        confusion = {'all': counts.sum(0).tolist()}
        for name, chosen in patterns(table).items():
            confusion[name] = counts[chosen].sum(0).tolist()
        details = {'classes': list(names), 'confusion': confusion}
        probabilities = _probabilities(table, cls.labels)
        if probabilities is None:
            return details
        verdicts, mixed = _verdicts(table, cls.labels)
        return details | {
            'curves': {
                name: curves(probabilities[:, c], truth == c)
                for c, name in enumerate(names)
            },
            'reliability': reliability(_calibration(table, cls.labels).sum(0)),
            'vessels': {'confusion': verdicts.sum(0).tolist(), 'mixed': mixed},
        }

    @classmethod
    def reason(cls, key: str, table: pd.DataFrame) -> str:
        """Why a figure is undefined."""
        *_, score, last = ('', *key.split('/'))
        if score == 'vessel':
            return without_vessel(table) or 'no vessel has samples of one class alone'
        reasons = {
            'average_precision': f'no sample is {last}',
            'roc_auc': f'all samples are {last}, or none is',
        }
        if score in reasons:
            return reasons[score]
        if last == 'kappa':
            return 'truth and prediction know one and the same class only'
        if last == 'roc_auc':
            return 'all samples are of one class'
        return class_reason(score, last, 'sample') or 'its denominator is 0'

    @staticmethod
    def notes(details: dict[str, Any]) -> list[str]:
        """How many vessels have no verdict."""
        mixed = details.get('vessels', {}).get('mixed')
        text = f'{mixed} vessels have samples of several classes: no verdict.'
        return [text] if mixed else []

    @classmethod
    def check(cls, table: pd.DataFrame, refuse: Refuse) -> None:
        """Scores are probabilities, unless the model gives none."""
        columns, names = cls.labels.score_columns, cls.labels.health_classes
        scores = numbers(table, columns)
        if not np.isnan(scores).all():
            problems = [wrong_scores(row, names) for row in scores.tolist()]
            for problem in filter(None, problems):
                bad = [found == problem for found in problems]
                refuse(bad, columns[0], problem)


def wrong_scores(values: list[float], classes: Sequence[str]) -> str | None:
    """Why ``values`` are no probabilities of the classes, or None if they are."""
    if len(values) != len(classes):
        return (
            f'the model scores {len(values)} health classes, but there are '
            f'{len(classes)} ({", ".join(classes)}); correct the number '
            'of classes of the health head'
        )
    if np.isnan(values).any():
        return (
            "the model's health scores are NaN; its training diverged, so test another "
            'checkpoint'
        )
    if min(values) < 0 or abs(sum(values) - 1) > SUM_TOLERANCE:
        return (
            f'the health scores {values} are no probabilities (0 to 1, sum 1); let the '
            'health head predict a softmax'
        )
    return None


def class_ids(
    table: pd.DataFrame, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted class ids, (N,) int each."""
    truth, prediction = (health_ids(table[c], classes) for c in CLASS_COLUMNS)
    return truth, prediction


def health_ids(names: pd.Series, classes: Sequence[str]) -> np.ndarray:
    """Class ids of health classes by name, (N,) int."""
    return pd.Index(classes).get_indexer(pd.Index(names))


def _one_hot(truth: np.ndarray, prediction: np.ndarray, size: int) -> np.ndarray:
    """1 where a sample is in its confusion matrix, (N, size, size) int."""
    cells = np.eye(size**2, dtype=np.int64)[truth * size + prediction]
    return cells.reshape(-1, size, size)


def _probabilities(table: pd.DataFrame, labels: Labels) -> np.ndarray | None:
    """(N, C), or None if the model gives none.

    Raises:
        UserError: If it gives some samples probabilities and others none.
    """
    probabilities = numbers(table, labels.score_columns)
    absent = np.isnan(probabilities).any(axis=1)
    if absent.all():
        return None
    if absent.any():
        name = table['sample_id'].iat[int(np.argmax(absent))]
        raise UserError(
            f"sample '{name}' has no class probabilities (health_scores), but other "
            'samples have; predict them for all samples or for none.'
        )
    return probabilities


def _calibration(table: pd.DataFrame, labels: Labels) -> np.ndarray:
    truth, prediction = class_ids(table, labels.health_classes)
    probabilities = numbers(table, labels.score_columns)
    confidence = probabilities[np.arange(len(table)), prediction]
    return calibration_parts(confidence, truth == prediction)


def _verdicts(table: pd.DataFrame, labels: Labels) -> tuple[np.ndarray, int]:
    """Each vessel's confusion matrix, in the row of its first sample: (N, C, C) int.

    Returns:
        The matrices, 0 everywhere else, and the number of vessels of several classes.
        All 0 if a sample names no vessel.
    """
    truth, prediction = class_ids(table, labels.health_classes)
    size = len(labels.health_classes)
    counts = np.zeros_like(_one_hot(truth, prediction, size))
    if without_vessel(table):
        return counts, 0
    vessels, _ = vessel_codes(table)
    _, first = np.unique(vessels, return_index=True)
    sums = sums_by(vessels, numbers(table, labels.score_columns))
    mixed = np.bincount(vessels, truth != truth[first][vessels]) > 0
    counts[first] = _one_hot(truth[first], sums.argmax(axis=1), size)
    counts[first[mixed]] = 0
    return counts, int(mixed.sum())
