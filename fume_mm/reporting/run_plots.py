"""From the folders of runs to their figures: what is drawn, and of which samples."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fume_mm.errors import UserError
from fume_mm.structures import GAS_LABELS, GASES, HEALTH_CLASSES

from .examples import choose_examples, frame_table, worst_frames
from .plots.frame_plots import Example, draw_gallery, draw_grid
from .plots.score_plots import Cost, draw_bars, draw_efficiency, draw_radar
from .plots.sheet import Estimate
from .plots.training_plots import (
    Curve,
    draw_confusion,
    draw_curves,
    draw_ranking,
    draw_reliability,
)
from .run_folder import RunFolder, interval_of, note_of
from .terminal import FRAME_COLUMNS

#: Scores of the validation that are drawn, and what they are called.
VALIDATION = {
    'seg/mIoU': 'mIoU',
    'seg/gas_IoU': 'gas IoU',
    'cls/balanced_accuracy': 'balanced accuracy',
    'cls/macro_f1': 'macro F1',
    'joint/score': 'joint score',
}
#: Spokes of the radar: F1 of the health classes, and of the pixels of tube and gas.
SPOKES = {
    **{f'cls/f1/{name}': name for name in HEALTH_CLASSES},
    'seg/Dice/gas': 'gas\n(pixels)',
    'seg/Dice/tube': 'tube\n(pixels)',
}
GALLERY = 12


def estimate(run: RunFolder, key: str) -> Estimate:
    """A score of a run's test with its interval; NaN if it has none."""
    value = run.results['metrics'].get(key, float('nan'))
    return Estimate(value, *interval_of(run.results, key))


def curves(run: RunFolder) -> Figure:
    """Losses by task and gas, learning rate, validation scores."""
    training = [row for row in run.scalars if 'loss' in row]
    validation = [row for row in run.scalars if 'loss' not in row]
    if not training and not validation:
        raise UserError(f'{run.path}: its scalars.json holds no loss and no score.')
    steps = _validation_steps(run, training, validation)
    keys = dict.fromkeys(key for row in training for key in row if 'loss' in key)
    losses: dict[str, list[Curve]] = {'total': [], **{GAS_LABELS[g]: [] for g in GASES}}
    losses['health'] = []
    for key in keys:
        gas = key.partition('.')[0]
        panel = 'total' if key == 'loss' else GAS_LABELS.get(gas, 'health')
        label = key.removeprefix(f'{gas}.') if gas in GASES else key
        label = label.replace('loss_', '').replace('_', ' ')
        losses[panel].append(_curve(label, training, key))
    rates = [_curve('learning rate', training, 'lr')] if training else []
    scores = [
        Curve(
            label,
            [step for step, row in zip(steps, validation, strict=True) if key in row],
            [row[key] for row in validation if key in row],
        )
        for key, label in VALIDATION.items()
        if any(key in row for row in validation)
    ]
    return draw_curves(losses, rates, scores, subtitle=run.name, note=note_of([run]))


def _curve(label: str, rows: Sequence[Mapping], key: str) -> Curve:
    rows = [row for row in rows if key in row]
    return Curve(label, [row['step'] for row in rows], [row[key] for row in rows])


def _validation_steps(
    run: RunFolder, training: Sequence[Mapping], validation: Sequence[Mapping]
) -> list[float]:
    """At which step each validation was; the log may count them by epoch."""
    steps = [row['step'] for row in validation]
    logger = run.config.get('default_hooks', {}).get('logger', {})
    if not training or not logger.get('log_metric_by_epoch', True):
        return steps
    ends = {row['epoch']: row['step'] for row in training if 'epoch' in row}
    return [ends.get(step, step) for step in steps]


def confusion(run: RunFolder) -> Figure:
    """Truth against prediction of samples and of vessels."""
    details = _health(run)
    parts = {'samples': details['confusion']['all']}
    vessels = details.get('vessels', {})
    foot = []
    if np.sum(vessels.get('confusion', [])):
        parts['vessels'] = vessels['confusion']
        foot = ["A vessel's verdict: the class of the largest mean probability."]
        if vessels.get('mixed'):
            foot.append(f'{vessels["mixed"]} vessels of several classes are left out.')
    return draw_confusion(parts, subtitle=run.name, note=note_of([run]), foot=foot)


def reliability(run: RunFolder) -> Figure:
    """Calibration of the health class."""
    details = _health(run, probabilities=True)
    return draw_reliability(
        details['reliability'],
        estimate(run, 'cls/ece'),
        subtitle=run.name,
        note=note_of([run]),
    )


def roc_pr(run: RunFolder) -> Figure:
    """ROC and precision-recall curves of the health classes."""
    details = _health(run, probabilities=True)
    counts = np.array(details['confusion']['all'])
    return draw_ranking(
        details['curves'],
        {name: estimate(run, f'cls/roc_auc/{name}') for name in HEALTH_CLASSES},
        {
            name: estimate(run, f'cls/average_precision/{name}')
            for name in HEALTH_CLASSES
        },
        shares=dict(
            zip(HEALTH_CLASSES, counts.sum(axis=1) / counts.sum(), strict=True)
        ),
        subtitle=run.name,
        note=note_of([run]),
    )


def _health(run: RunFolder, *, probabilities: bool = False) -> dict:
    details = run.results['details'].get('cls')
    if details is None:
        raise UserError(
            f'{run.path}: its test scored no health class; the model has no health '
            'head, or HealthMetric is not in the evaluator.'
        )
    if probabilities and 'reliability' not in details:
        raise UserError(
            f'{run.path}: its model gives no class probabilities, so there is no '
            'calibration and no ranking.'
        )
    return details


def grid(run: RunFolder) -> Figure:
    """Median, best and worst frame by gas IoU, of each gas and health class."""
    table = _frames(run)
    chosen = choose_examples(table)
    examples = {
        gas: {
            row: _example(run, frame, f'gas IoU {frame["gas_iou"]:.2f}')
            for row, frame in of_gas.items()
        }
        for gas, of_gas in chosen.items()
    }
    foot = ['Median, best and worst by IoU of the gas; of equals the first by name.']
    return draw_grid(examples, subtitle=run.name, note=note_of([run]), foot=foot)


def errors(run: RunFolder, *, count: int = GALLERY) -> Figure:
    """The worst frames and what went wrong in each."""
    table = worst_frames(frame_table(run.predictions), count=count)
    examples = [
        _example(run, frame, _true_class(frame), frame['words'])
        for _, frame in table.iterrows()
    ]
    foot = [
        'Worst: 1 minus IoU of the gas, plus 1 minus probability of the true class.'
    ]
    return draw_gallery(examples, subtitle=run.name, note=note_of([run]), foot=foot)


def _frames(run: RunFolder) -> pd.DataFrame:
    table = frame_table(run.predictions)
    if table['gas_iou'].isna().all():
        raise UserError(
            f'{run.path}: none of its frames has a gas IoU to choose by; the model '
            'predicts no masks, or no frame has gas.'
        )
    return table


def _true_class(frame: pd.Series) -> str:
    return ', '.join(filter(None, (GAS_LABELS[frame['gas']], frame['true_class'])))


def _example(
    run: RunFolder, frame: pd.Series, said: str, words: Sequence[str] = ()
) -> Example:
    pictures = run.read_example(frame['sample_id'], frame['gas'])
    prediction = pictures[2] if len(pictures) > 2 else None
    caption = f'{said}   {frame["sample_id"]}'
    return Example(caption, pictures[0], pictures[1], prediction, words)


def radar(runs: Sequence[RunFolder]) -> Figure:
    """F1 of the health classes and of the pixels of tube and gas."""
    spokes = {
        key: label
        for key, label in SPOKES.items()
        if any(key in run.results['metrics'] for run in runs)
    }
    if len(spokes) < 2:
        raise UserError('none of the runs has an F1 by class; test them again.')
    scores = {
        run.name: {label: estimate(run, key) for key, label in spokes.items()}
        for run in runs
    }
    return draw_radar(scores, note=note_of(runs), foot=_left_gaps(scores))


def _left_gaps(scores: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    gaps = [
        name
        for name, by_class in scores.items()
        if any(one.value != one.value for one in by_class.values())
    ]
    return [f'Gaps, not predicted or undefined: {", ".join(gaps)}.'] if gaps else []


def bars(runs: Sequence[RunFolder]) -> Figure:
    """Bars of the mIoU of all frames and of each gas."""
    columns = {f'seg/{prefix}mIoU': name for prefix, name in FRAME_COLUMNS.items()}
    scores = {
        run.name: {
            name: estimate(run, key)
            for key, name in columns.items()
            if key in run.results['metrics']
        }
        for run in runs
    }
    none = [name for name, by_kind in scores.items() if not by_kind]
    scores = {name: by_kind for name, by_kind in scores.items() if by_kind}
    if not scores:
        raise UserError('none of the runs has an mIoU; their models predict no masks.')
    foot = [f'Without masks: {", ".join(none)}.'] if none else []
    return draw_bars(scores, note=note_of(runs), foot=foot)


def efficiency(runs: Sequence[RunFolder]) -> Figure:
    """Multiply-accumulates against mIoU."""
    from fume_mm.engine.complexity import complexity  # builds models: seconds to import

    costs, left_out, sizes = [], [], set()
    for run in runs:
        quality = estimate(run, 'seg/mIoU')
        cost = complexity(run.config, size=run.size())
        if not cost.macs or quality.value != quality.value:
            left_out.append(run.name)
            continue
        costs.append(Cost(run.name, cost.macs, cost.parameters, quality))
        sizes.add(f'{cost.size[1]}x{cost.size[0]}')
    if not costs:
        raise UserError(
            'none of the runs has both a cost and an mIoU; the figure is of networks '
            'that predict masks.'
        )
    sample = f'sample at {", ".join(sorted(sizes))} (all gases of the model)'
    foot = [f'Left out, no network or no masks: {", ".join(left_out)}.'] * bool(
        left_out
    )
    return draw_efficiency(costs, sample=sample, note=note_of(runs), foot=foot)


#: Figures of one run each.
OF_ONE: dict[str, Callable[[RunFolder], Figure]] = {
    'curves': curves,
    'confusion': confusion,
    'reliability': reliability,
    'roc_pr': roc_pr,
    'grid': grid,
    'errors': errors,
}
#: Figures of all runs together.
OF_ALL: dict[str, Callable[[Sequence[RunFolder]], Figure]] = {
    'radar': radar,
    'bars': bars,
    'efficiency': efficiency,
}
#: All of them in the order of the command line.
KINDS = (
    *('curves', 'confusion', 'radar', 'bars', 'efficiency', 'grid'),
    *('reliability', 'roc_pr', 'errors'),
)
