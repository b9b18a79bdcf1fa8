"""From the folders of runs to their figures: what is drawn, and of which samples."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fume_mm.drawing.sheet import SheetOptions, figure_bytes, health_shades
from fume_mm.errors import UserError
from fume_mm.evaluation.layout import FRAMES
from fume_mm.io.files import make_folder
from fume_mm.structures import GAS_LABELS, GASES

from .examples import choose_examples, frame_table, worst_frames
from .plots import FIGURES
from .plots.frame_plots import Example, draw_gallery, draw_grid
from .plots.score_plots import Cost, draw_bars, draw_efficiency, draw_radar
from .plots.training_plots import (
    Curve,
    draw_confusion,
    draw_curves,
    draw_ranking,
    draw_reliability,
)
from .run_folder import RunFolder, name_runs, note_of

#: Scores of the validation that are drawn, and what they are called.
VALIDATION = {
    'seg/mIoU': 'mIoU',
    'seg/gas_IoU': 'gas IoU',
    'cls/balanced_accuracy': 'balanced accuracy',
    'cls/macro_f1': 'macro F1',
    'joint/score': 'joint score',
}
GALLERY = 12


def curves(run: RunFolder) -> Figure:
    """Losses by task and gas, learning rate, validation scores."""
    training = [row for row in run.scalars if 'loss' in row]
    validation = [row for row in run.scalars if 'loss' not in row]
    if not training and not validation:
        raise UserError(f'{run.path}: its scalars.json holds no loss and no score.')
    logger = run.config.get('default_hooks', {}).get('logger', {})
    if logger.get('log_metric_by_epoch', True):  # then an epoch's end is its step
        ends = {row['epoch']: row['step'] for row in training if 'epoch' in row}
        validation = [
            row | {'step': ends.get(row['step'], row['step'])} for row in validation
        ]
    keys = dict.fromkeys(key for row in training for key in row if 'loss' in key)
    panels = ('total', *GAS_LABELS.values(), 'health')
    losses: dict[str, list[Curve]] = {panel: [] for panel in panels}
    for key in keys:
        gas = key.partition('.')[0]
        panel = 'total' if key == 'loss' else GAS_LABELS.get(gas, 'health')
        label = key.removeprefix(f'{gas}.') if gas in GASES else key
        label = label.replace('loss_', '').replace('_', ' ')
        losses[panel].append(_curve(label, training, key))
    rates = [_curve('learning rate', training, 'lr')] if training else []
    scores = [
        _curve(label, validation, key)
        for key, label in VALIDATION.items()
        if any(key in row for row in validation)
    ]
    return draw_curves(losses, rates, scores, **_head(run))


def _head(run: RunFolder, *foot: str) -> SheetOptions:
    return {'subtitle': run.name, 'note': note_of([run]), 'foot': foot}


def _curve(label: str, rows: Sequence[Mapping], key: str) -> Curve:
    rows = [row for row in rows if key in row]
    return Curve(label, [row['step'] for row in rows], [row[key] for row in rows])


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
    return draw_confusion(parts, run.labels.health_classes, **_head(run, *foot))


def reliability(run: RunFolder) -> Figure:
    """Calibration of the health class."""
    bins = _health(run, probabilities=True)['reliability']
    return draw_reliability(bins, run.scores.estimate('cls/ece'), **_head(run))


def roc_pr(run: RunFolder) -> Figure:
    """ROC and precision-recall curves of the health classes."""
    details = _health(run, probabilities=True)
    counts = np.array(details['confusion']['all']).sum(axis=1)
    names = run.labels.health_classes
    shares = dict(zip(names, counts / counts.sum(), strict=True))
    areas = [
        {name: run.scores.estimate(f'cls/{score}/{name}') for name in names}
        for score in ('roc_auc', 'average_precision')
    ]
    shades = health_shades(run.labels)
    return draw_ranking(
        details['curves'], *areas, shares=shares, shades=shades, **_head(run)
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
    frames = frame_table(run.predictions, run.labels)
    chosen = choose_examples(frames, run.labels.health_classes)
    if not chosen:
        raise UserError(
            f'{run.path}: none of its frames has a gas IoU to choose by; the model '
            'predicts no masks, or no frame has gas.'
        )
    examples = {
        gas: {
            row: _example(run, frame, f'gas IoU {frame["gas_iou"]:.2f}')
            for row, frame in of_gas.items()
        }
        for gas, of_gas in chosen.items()
    }
    foot = 'Median, best and worst by IoU of the gas; of equals the first by name.'
    return draw_grid(examples, labels=run.labels, **_head(run, foot))


def errors(run: RunFolder, *, count: int = GALLERY) -> Figure:
    """The worst frames and what went wrong in each."""
    examples = []
    frames = frame_table(run.predictions, run.labels)
    worst = worst_frames(frames, count=count, masks=run.labels.foreground)
    for _, frame in worst.iterrows():
        of = filter(None, (GAS_LABELS[frame['gas']], frame['true_class']))
        examples.append(_example(run, frame, ', '.join(of), frame['words']))
    foot = 'Worst: 1 minus IoU of the gas, plus 1 minus probability of the true class.'
    return draw_gallery(examples, labels=run.labels, **_head(run, foot))


def _example(
    run: RunFolder, frame: pd.Series, remark: str, words: Sequence[str] = ()
) -> Example:
    seen, truth, *predicted = run.read_example(frame['sample_id'], frame['gas'])
    caption = f'{remark}   {frame["sample_id"]}'
    return Example(caption, seen, truth, predicted[0] if predicted else None, words)


def radar(runs: Sequence[RunFolder]) -> Figure:
    """F1 of the health classes and of the pixels of tube and gas."""
    scored = {key for run in runs for key in run.results['metrics']}
    known = {f'cls/f1/{x}': x for run in runs for x in run.labels.health_classes}
    for name in (name for run in runs for name in reversed(run.labels.foreground)):
        known[f'seg/Dice/{name}'] = f'{name}\n(pixels)'
    spokes = {key: label for key, label in known.items() if key in scored}
    if len(spokes) < 2:
        raise UserError('none of the runs has an F1 by class; test them again.')
    scores, gaps = {}, []
    for run in runs:
        of_run = {label: run.scores.estimate(key) for key, label in spokes.items()}
        scores[run.name] = of_run
        if any(math.isnan(score.value) for score in of_run.values()):
            gaps.append(run.name)
    return draw_radar(
        scores, **_compared(runs, 'Gaps, not predicted or undefined', gaps)
    )


def _compared(
    runs: Sequence[RunFolder], what: str, names: Sequence[str]
) -> SheetOptions:
    """What stands beside a figure of several runs; ``what`` the ``names`` are."""
    foot = [f'{what}: {", ".join(names)}.'] if names else []
    return {'note': note_of(runs), 'foot': foot}


def bars(runs: Sequence[RunFolder]) -> Figure:
    """Bars of the mIoU of all frames and of each gas."""
    columns = {f'seg/{frames}'.format('mIoU'): name for frames, name in FRAMES.items()}
    scores, left_out = {}, []
    for run in runs:
        keys = [key for key in columns if key in run.results['metrics']]
        if keys:
            scores[run.name] = {columns[key]: run.scores.estimate(key) for key in keys}
        else:
            left_out.append(run.name)
    if not scores:
        raise UserError('none of the runs has an mIoU; their models predict no masks.')
    return draw_bars(scores, **_compared(runs, 'Without masks', left_out))


def efficiency(runs: Sequence[RunFolder]) -> Figure:
    """Multiply-accumulates against mIoU."""
    costs, left_out, sizes = [], [], set()
    for run in runs:
        quality = run.scores.estimate('seg/mIoU')
        cost = run.cost
        if not cost.macs or math.isnan(quality.value):
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
    options = _compared(runs, 'Left out, no network or no masks', left_out)
    return draw_efficiency(costs, sample=sample, **options)


#: Figures of one run each, and of all runs together.
_ONE = (curves, confusion, reliability, roc_pr, grid, errors)
OF_ONE: dict[str, Callable[..., Figure]] = {draw.__name__: draw for draw in _ONE}
OF_ALL: dict[str, Callable[[Sequence[RunFolder]], Figure]] = {
    draw.__name__: draw for draw in (radar, bars, efficiency)
}


def draw_figure(
    kind: str, runs: Sequence[RunFolder], *, gallery: int = GALLERY
) -> Figure:
    """A figure of :data:`~fume_mm.reporting.plots.FIGURES`.

    Args:
        kind: Its name.
        runs: All runs, or the one that a figure of one run is of.
        gallery: How many frames the gallery of errors has.

    Raises:
        UserError: If the runs lack what it is drawn of.
    """
    if kind in OF_ALL:
        return OF_ALL[kind](runs)
    (run,) = runs
    return errors(run, count=gallery) if kind == 'errors' else OF_ONE[kind](run)


def write_figures(
    paths: Sequence[str],
    kinds: Sequence[str] | None,
    out: Path,
    *,
    formats: Sequence[str] = ('svg', 'pdf'),
    data_root: str | Path | None = None,
    gallery: int = GALLERY,
) -> None:
    """Draw figures of runs, write each as ``<kind>.<format>``, and print what was done.

    Of several runs, those of one run each are ``<kind>-<run>.<format>``.

    Args:
        paths: Work dirs of the runs.
        kinds: Which figures; None draws all that the runs have files for.
        out: Folder, made if need be.
        formats: Some of :data:`~fume_mm.drawing.sheet.FORMATS`.
        data_root: The campaign's folder, if it is not where the runs' configs say.
        gallery: How many frames the gallery of errors has.

    Raises:
        UserError: If the folder cannot be made, no figure can be drawn, or, with
            ``kinds``, one cannot.
    """
    runs = [RunFolder(path, data_root=data_root) for path in paths]
    name_runs(runs)
    make_folder(out)
    jobs: dict[str, tuple[str, Sequence[RunFolder]]] = {}
    for kind in kinds or FIGURES:
        if kind in OF_ALL or len(runs) == 1:
            jobs[kind] = kind, runs
        else:
            jobs |= {f'{kind}-{x.name.replace("/", "-")}': (kind, [x]) for x in runs}
    left_out: dict[str, list[str]] = {}
    for name, (kind, shown) in jobs.items():
        try:
            figure = draw_figure(kind, shown, gallery=gallery)
        except UserError as error:
            if kinds:
                raise
            left_out.setdefault(str(error), []).append(name)
            continue
        for file_format in formats:
            path = out / f'{name}.{file_format}'
            path.write_bytes(figure_bytes(figure, file_format))
            print(f'written: {path}')
    if len(jobs) == sum(map(len, left_out.values())):
        raise UserError(f'no figure can be drawn: {"; ".join(left_out)}')
    for reason, names in left_out.items():
        print(f'left out: {", ".join(names)} ({reason})')
