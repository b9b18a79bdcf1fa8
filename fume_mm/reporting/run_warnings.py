"""What a reader must know before believing a run's numbers, in plain words."""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from mmengine.config import Config

from fume_mm.errors import UserError
from fume_mm.evaluation.table import sums_by, without_vessel
from fume_mm.registry import DATA_SAMPLERS

from .run_folder import PREDICTIONS, RESULTS, RunFolder
from .score_tables import grouped_reasons

#: Fewer vessels make the intervals too narrow, see
#: :meth:`~fume_mm.evaluation.Scores.with_intervals`.
FEW_VESSELS = 10
#: So many keys are named of those that share a reason.
NAMED = 4
SHUFFLES = 1000


class Shortcut(NamedTuple):
    """Balanced accuracy of guessing the health class from which gases are there.

    Attributes:
        value: Of the best guess, 0 to 1.
        chance: What it has on average where the gases tell nothing.
        most: What 97.5 % of such cases do not exceed.
    """

    value: float
    chance: float
    most: float

    @property
    def found(self) -> bool:
        """Whether the guess is better than chance explains."""
        return self.value > self.most


def presence_shortcut(
    table: pd.DataFrame, *, shuffles: int = SHUFFLES, seed: int = 0
) -> Shortcut | None:
    """How far the availability pattern alone tells the health class.

    The best guess says of each pattern the class that it is most frequent in, relative
    to the class's size: balanced accuracy ``1 / C sum_p max_c n_cp / n_c``. It is
    better than 1 / C on any table, so it is held against itself with the classes
    shuffled between the vessels (between the samples, if they name none), where the
    gases tell nothing.

    Args:
        table: See :mod:`fume_mm.evaluation.table`.
        shuffles: How often they are shuffled.
        seed: Of the shuffling.

    Returns:
        None if there is no truth, one class or one pattern only.
    """
    if 'true_class' not in table:
        return None
    truth, _ = pd.factorize(table['true_class'])
    pattern, patterns = pd.factorize(table['availability'])
    if truth.max() < 1 or len(patterns) < 2:
        return None
    names = table['sample_id'] if without_vessel(table) else table['vessel']
    # a vessel of several classes, which should not be, counts as several
    units, _ = pd.factorize(names + '\0' + table['true_class'])
    counts = sums_by(units, np.eye(len(patterns))[pattern])
    classes = np.zeros(len(counts), np.int64)
    classes[units] = truth
    generator = np.random.default_rng(seed)
    shuffled = [
        _best_guess(counts, generator.permutation(classes)) for _ in range(shuffles)
    ]
    return Shortcut(
        _best_guess(counts, classes),
        float(np.mean(shuffled)),
        float(np.quantile(shuffled, 0.975)),
    )


def _best_guess(counts: np.ndarray, classes: np.ndarray) -> float:
    """Balanced accuracy of the best guess.

    Args:
        counts: Samples of each vessel by pattern, (V, P).
        classes: Of the vessels, (V,), each of the numbers from 0.
    """
    by_class = sums_by(classes, counts)
    shares = by_class / by_class.sum(axis=1, keepdims=True)
    return float(shares.max(axis=0).sum() / len(shares))


def run_warnings(run: RunFolder) -> list[str]:
    """Every warning of a tested run, the gravest first, a sentence or two each."""
    results, table = run.results, run.predictions
    details = results['details']
    found = []
    if run.marks['leakage']:
        found.append(
            'LEAKED SPLIT: vessels (or runs, or copies of a frame) of the test split '
            'are in another split, too. The scores are better than on unseen vessels '
            'and must not be published as a test.'
        )
    if run.marks['by_frame']:
        found.append(
            'SPLIT BY FRAME: of some frames no vessel, run or recording is known, so '
            'frames of one recording may be on both sides of the split. The scores may '
            'be better than on unseen recordings; docs/cross_validation.md shows by '
            'how much. Add a column recording to the annotations and split again.'
        )
    if details.get('num_samples') != len(table):
        found.append(
            f'{PREDICTIONS} has {len(table)} samples, {RESULTS} is of '
            f'{details.get("num_samples")}: they are of different tests. Test again.'
        )
    if run.marks['simulated']:
        found.append(
            'Simulated data: no camera and no animal was involved. What is found here '
            'between gas and health is an association of the simulator, not a finding.'
        )
    found += _shortcut_warning(table, results['metrics'])
    found += _one_class_warning(details, run)
    found += _vessel_warnings(table, details)
    dataset = results.get('dataset') or {}
    if dataset.get('left_out'):
        found.append(
            f'{dataset["left_out"]} samples of the split are left out, because they '
            f'have no frame of {" or ".join(dataset.get("gases", []))}; scores of '
            'models of both gases are of other samples.'
        )
    for part, reason in details.get('not_scored', {}).items():
        found.append(f'Not scored: {part} ({reason}).')
    found += [
        f'{"Undefined" if undefined else "Without interval"}, because {reason}: {keys}.'
        for undefined, reason, keys in grouped_reasons(run.scores, NAMED)
    ]
    if str(results.get('commit') or '').endswith('-dirty'):
        found.append(
            'The program had changes that are not in its commit, so the commit alone '
            'does not reproduce the test.'
        )
    return found


def _shortcut_warning(table: pd.DataFrame, metrics: dict[str, float]) -> list[str]:
    shortcut = presence_shortcut(table)
    if shortcut is None or not shortcut.found:
        return []
    score = metrics.get('cls/balanced_accuracy', math.nan)
    model = '' if math.isnan(score) else f' The model has {100 * score:.1f} %.'
    return [
        'Presence shortcut: which gases were recorded alone tells the health class, '
        f'with a balanced accuracy of {100 * shortcut.value:.1f} % where chance has '
        f'{100 * shortcut.chance:.1f} % and seldom more than '
        f'{100 * shortcut.most:.1f} %.{model} A model can use that instead of the gas; '
        'look at the scores by availability pattern.'
    ]


def _one_class_warning(details: dict[str, Any], run: RunFolder) -> list[str]:
    confusion = details.get('cls', {}).get('confusion', {}).get('all')
    if not confusion:
        return []
    truth, predicted = (np.flatnonzero(np.sum(confusion, axis=a)) for a in (1, 0))
    if len(predicted) != 1 or len(truth) < 2:
        return []
    said = run.labels.health_classes[predicted[0]]
    try:
        why = balanced_twice(run.config)
    except UserError:  # the run's folder has no config
        why = ''
    return [f'The model predicts {said} for every sample.{why}']


def balanced_twice(cfg: Config) -> str:
    """That sampler and loss both balance the classes, if a config says so."""
    loss = ((cfg.get('model') or {}).get('health_head') or {}).get('loss') or {}
    weights = loss.get('class_weight')
    loader = cfg.get('train_dataloader') or {}
    sampler = (loader.get('sampler') or {}).get('type')
    known = DATA_SAMPLERS.get(sampler) if isinstance(sampler, str) else sampler
    if not isinstance(weights, list) or len({*weights}) < 2:
        return ''
    if not getattr(known, 'balances_classes', False):
        return ''
    shown = ', '.join(f'{weight:.4g}' for weight in weights)
    return (
        f' Its training balanced the classes twice: by {sampler} and by weights of the '
        f"health loss ({shown}); train with class_weight='auto'."
    )


def _vessel_warnings(table: pd.DataFrame, details: dict[str, Any]) -> list[str]:
    if nameless := without_vessel(table):
        return [
            f'No intervals: {nameless}. Frames of a vessel resemble each other, so '
            'nothing is known of how far the scores carry over to other vessels.'
        ]
    vessels = details.get('vessels', {})
    number = vessels.get('number', table['vessel'].nunique())
    found = []
    if number < FEW_VESSELS:
        found.append(
            f'Few vessels: {number}. Intervals of less than {FEW_VESSELS} vessels are '
            'too narrow, if there are any.'
        )
    if several := vessels.get('samples_of_several'):
        found.append(
            f'{several} samples join frames of two vessels; each counts with the first.'
        )
    return found
