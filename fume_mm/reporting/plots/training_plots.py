"""Figures of one run: training curves, confusion, calibration, ROC and PR curves.

Every figure takes :class:`~fume_mm.drawing.sheet.SheetOptions`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import Normal, Stroke
from matplotlib.ticker import MaxNLocator
from typing_extensions import Unpack

from fume_mm.drawing import sheet
from fume_mm.evaluation.estimate import Estimate

#: Values that vary more than so many times have a logarithmic axis.
WIDE_RANGE = 100
#: So many points of a curve have markers of their own.
FEW_POINTS = 25
#: A cell whose share is above this is dark, and its text white.
DARK = 0.55
LINE_STYLES = ('-', '--', '-.', ':')
#: A dark casing, so that a line in a light colour shows on white.
CASING = [Stroke(linewidth=3.2, foreground=sheet.EDGE), Normal()]


class Curve(NamedTuple):
    """Values over the steps of a training."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]


def draw_curves(
    losses: Mapping[str, Sequence[Curve]],
    rates: Sequence[Curve],
    scores: Sequence[Curve],
    **options: Unpack[sheet.SheetOptions],
) -> Figure:
    """Losses, learning rate and validation scores over the steps of a training.

    Args:
        losses: By what they are of (a panel each, in this order).
        rates: Learning rates.
        scores: Scores of the validation, 0 to 1; the best step of each is ringed. No
            panel without any.
        options: See the module.
    """
    named = {f'loss: {name}': curves for name, curves in losses.items()}
    named |= {'learning rate': rates, 'validation': scores}
    panels = [(name, curves) for name, curves in named.items() if curves]
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = sheet.new_sheet('Training', (4.6 * columns, 0.7 + 2.5 * rows), **options)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    last = max(max(c.steps) for _, curves in panels for c in curves)
    for axes, (name, curves) in zip(grid, panels, strict=False):
        scale = 100 if curves is scores else 1
        for index, curve in enumerate(curves):
            _draw_curve(axes, curve, index, scale=scale, ring=curves is scores)
        axes.set_title(name, loc='left', fontsize=sheet.FONT + 1)
        axes.set(xlabel='step', xlim=(0, 1.03 * last))
        if curves is scores:
            axes.set_ylabel('% (best step ringed)')
        else:
            values = np.concatenate([c.values for c in curves]).astype(float)
            values = values[np.isfinite(values)]
            if len(values) and 0 < values.min() * WIDE_RANGE < values.max():
                axes.set_yscale('log')
            elif curves is rates:
                axes.yaxis.set_major_formatter('{x:g}')  # no factor above the axis
            else:
                axes.set_ylim(bottom=min(0, values.min(initial=0)))
        sheet.plain_axes(axes)
        axes.grid(color='0.92')
        if len(curves) > 1 or curves is scores:
            axes.legend(fontsize=sheet.SMALL, frameon=False, loc='best')
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    return figure


def _draw_curve(
    axes: Axes, curve: Curve, index: int, *, scale: float, ring: bool
) -> None:
    values = scale * np.asarray(curve.values, dtype=float)
    style: sheet.Style = {'linestyle': LINE_STYLES[index % len(LINE_STYLES)]}
    if len(values) <= FEW_POINTS:
        style |= {'marker': sheet.marker(index), 'markersize': 3}
    colour = sheet.shade(index)
    axes.plot(curve.steps, values, color=colour, lw=1.3, label=curve.name, **style)
    if ring and not np.isnan(values).all():
        best = int(np.nanargmax(values))
        ring_style: sheet.Style = {'markersize': 9, 'mfc': 'none', 'mec': colour}
        axes.plot(curve.steps[best], values[best], marker='o', **ring_style)


def draw_confusion(
    confusions: Mapping[str, Sequence[Sequence[int]]],
    names: Sequence[str],
    **options: Unpack[sheet.SheetOptions],
) -> Figure:
    """Confusion matrices side by side: counts, and the shares of each true class.

    Args:
        confusions: (C, C) counts by what is counted, rows truth, columns prediction.
        names: Of the C classes.
        options: See the module.
    """
    size = max(0.6 + 3.8 * len(confusions), 5.4), 4.3
    figure = sheet.new_sheet('Health classes: truth and prediction', size, **options)
    grid = figure.subplots(1, len(confusions), squeeze=False)[0]
    for axes, (title, counted) in zip(grid, confusions.items(), strict=True):
        counts = np.asarray(counted)
        totals = counts.sum(axis=1, keepdims=True)
        shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
        axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            share = f'\n{100 * shares[row, column]:.0f} %' if totals[row, 0] else ''
            colour = 'white' if shares[row, column] > DARK else sheet.EDGE
            style: sheet.Style = {'color': colour, 'fontsize': sheet.FONT + 1}
            text = f'{count}{share}'
            axes.text(column, row, text, ha='center', va='center', **style)
        places = range(len(names))
        axes.set_xticks(places, names)
        axes.set_yticks(places, names, rotation=90, va='center')
        heading = f'{title} ({counts.sum()})'
        axes.set(xlabel='predicted', ylabel='true', title=heading)
        sheet.plain_axes(axes)
        axes.spines[:].set_visible(False)
        axes.set_xticks(np.arange(0.5, len(names) - 1), minor=True)
        axes.set_yticks(np.arange(0.5, len(names) - 1), minor=True)
        axes.grid(which='minor', color='white', linewidth=2)
        axes.tick_params(which='both', length=0)
    return figure


def draw_reliability(
    reliability: Mapping[str, Sequence[Any]],
    ece: Estimate,
    **options: Unpack[sheet.SheetOptions],
) -> Figure:
    """How often a prediction is right, by the probability it is given; counts below.

    Args:
        reliability: ``edges`` (B + 1); ``samples``, ``confidence`` and ``accuracy`` (B)
            of each bin, None for the means of an empty one.
        ece: Expected calibration error.
        options: See the module.
    """
    text = f'Expected calibration error: {ece.text()} % over equally wide bins.'
    title, size = 'Reliability of the health class', (5.4, 5.4)
    figure = sheet.new_sheet(title, size, text, **options)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    edges = np.asarray(reliability['edges'], dtype=float)
    samples = np.asarray(reliability['samples'])
    filled = samples > 0
    left, width = edges[:-1][filled], np.diff(edges)[filled]
    # None, of an empty bin, is NaN
    confidence = np.array(reliability['confidence'], dtype=float)[filled]
    accuracy = np.array(reliability['accuracy'], dtype=float)[filled]
    bars: sheet.Style = {'align': 'edge', 'edgecolor': 'white'}
    upper.plot((0, 1), (0, 1), color=sheet.QUIET, linestyle='--', linewidth=1)
    upper.bar(left, accuracy, width, color=sheet.BLUE, alpha=0.75, **bars)
    upper.vlines(confidence, accuracy, confidence, color=sheet.VERMILION)
    style: sheet.Style = {'marker': 'o', 'markersize': 5, 'mec': 'white'}
    upper.plot(confidence, accuracy, linestyle='', color=sheet.VERMILION, **style)
    upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel='share that is right')
    handles = [
        Patch(facecolor=sheet.BLUE, alpha=0.75, label='share that is right'),
        Patch(facecolor=sheet.VERMILION, label='gap to the mean confidence'),
        Patch(facecolor='none', edgecolor=sheet.QUIET, ls='--', label='perfect'),
    ]
    place: sheet.Style = {'loc': 'upper left', 'frameon': False}
    upper.legend(handles=handles, fontsize=sheet.SMALL, **place)
    counts = lower.bar(left, samples[filled], width, color='0.6', **bars)
    lower.bar_label(counts, fontsize=sheet.SMALL)
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    lower.set(ylim=(0, 1.25 * max(samples.max(), 1)), ylabel='samples')
    lower.set_xlabel('probability of the predicted class')
    sheet.plain_axes(upper, lower)
    return figure


def draw_ranking(
    curves: Mapping[str, Mapping[str, Any]],
    roc_auc: Mapping[str, Estimate],
    average_precision: Mapping[str, Estimate],
    *,
    shares: Mapping[str, float],
    shades: Mapping[str, sheet.Shade],
    **options: Unpack[sheet.SheetOptions],
) -> Figure:
    """ROC and precision-recall curves of each class against the rest.

    Args:
        curves: By class ``roc`` (``fpr``, ``tpr``) and ``pr`` (``recall``,
            ``precision``), None where undefined.
        roc_auc: Area under the ROC curve, by class.
        average_precision: By class.
        shares: Of the samples, by true class: the precision of a guess.
        shades: Colours, by class.
        options: See the module.
    """
    text = (
        'One class against the rest. Dashed: a guess. In brackets: 95 % intervals, '
        'bootstrap over vessels.'
    )
    figure = sheet.new_sheet('ROC and precision-recall', (8.6, 4.7), text, **options)
    roc, pr = figure.subplots(1, 2)
    guess: sheet.Style = {'color': sheet.QUIET, 'linestyle': '--', 'linewidth': 1}
    roc.plot((0, 1), (0, 1), **guess)
    for name, of_class in curves.items():
        style: sheet.Style = {'color': shades[name], 'linewidth': 1.8}
        style |= {'path_effects': CASING}
        if points := of_class.get('roc'):
            label = f'{name}: AUC {roc_auc[name].text()}'
            roc.plot(points['fpr'], points['tpr'], label=label, **style)
        if points := of_class.get('pr'):
            style |= {'label': f'{name}: AP {average_precision[name].text()}'}
            # the points run from recall 1 to 0, as scikit-learn gives them
            pr.step(points['recall'], points['precision'], where='post', **style)
            pr.axhline(shares[name], **guess)
    roc.set(xlabel='false positive rate', ylabel='true positive rate')
    pr.set(xlabel='recall', ylabel='precision')
    for axes, title in ((roc, 'ROC'), (pr, 'precision-recall')):
        axes.set_title(title, loc='left', fontsize=sheet.FONT + 1)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect='equal')
        sheet.plain_axes(axes)
        if axes.get_legend_handles_labels()[0]:
            sheet.legend_beside(axes, bbox_to_anchor=(0, -0.16))
        else:
            axes.text(0.5, 0.5, 'undefined', ha='center', color=sheet.QUIET)
    return figure
