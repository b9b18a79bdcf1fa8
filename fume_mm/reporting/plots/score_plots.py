"""Figures that compare runs: radar of F1, bars of mIoU, cost against quality.

Every figure takes :class:`~fume_mm.drawing.sheet.SheetOptions`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from typing_extensions import Unpack

from fume_mm.drawing.sheet import (
    BLUE,
    EDGE,
    FONT,
    GAS_SHADES,
    QUIET,
    SMALL,
    VERMILION,
    SheetOptions,
    Style,
    label_of,
    legend_beside,
    marker,
    new_sheet,
    plain_axes,
    shade,
)
from fume_mm.evaluation.estimate import Estimate

#: Signs of a run's name in a legend.
NAME = 40
INTERVALS = 'Bars: 95 % intervals, bootstrap over vessels.'
#: Shades of the bars of a run: all frames, then each gas.
BAR_SHADES = (BLUE, *GAS_SHADES.values())
#: Inches of a bar.
BAR = 0.17
#: Area in square points of the bubble of the largest model.
BUBBLE = 900.0
#: A cost that varies more than so many times has a logarithmic axis.
WIDE_RANGE = 8


class Cost(NamedTuple):
    """A run in the figure of cost against quality."""

    name: str
    macs: int
    parameters: int
    quality: Estimate


def draw_radar(
    scores: Mapping[str, Mapping[str, Estimate]], **options: Unpack[SheetOptions]
) -> Figure:
    """A spoke for each class, a polygon for each run, intervals along the spokes.

    Args:
        scores: F1 by run and class; every run has the same classes. One that is
            undefined leaves a gap.
        options: See the module.
    """
    classes = list(next(iter(scores.values())))
    size = 8, max(4.4, 1.4 + 0.17 * len(scores))
    figure = new_sheet('F1 by class', size, *_intervals(scores), **options)
    axes = figure.add_subplot(projection='polar')
    axes.set_theta_offset(math.pi / 2)  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    angles = 2 * math.pi * np.arange(len(classes)) / len(classes)
    for index, (name, by_class) in enumerate(scores.items()):
        # side by side, or the intervals of the runs would hide each other
        turned = angles + 0.06 * (index - (len(scores) - 1) / 2) / len(scores)
        values = np.array([by_class[c].value for c in classes])
        closed = (
            np.append(turned, turned[0] + 2 * math.pi),
            np.append(values, values[0]),
        )
        style: Style = {'color': shade(index), 'marker': marker(index)}
        style |= {'markersize': 4, 'linewidth': 1.3}
        axes.plot(*closed, label=label_of(name, NAME), **style)
        below, above = np.transpose([by_class[c].bars() for c in classes])
        ends = values - below, values + above
        axes.vlines(turned, *ends, color=shade(index), linewidth=1)
    axes.set_xticks(angles, classes, fontsize=FONT)
    axes.tick_params(axis='x', pad=6)
    for label, side in zip(axes.get_xticklabels(), np.sin(angles), strict=True):
        # away from the circle: to the right of it on the right, to the left on the left
        away = 'left' if side > 0 else 'right'
        label.set(ha='center' if abs(side) < 0.005 else away)
    axes.set_ylim(0, 1)
    axes.set_yticks([0.2, 0.4, 0.6, 0.8, 1], ['20', '40', '60', '80', '100 %'])
    axes.tick_params(axis='y', labelsize=SMALL, labelcolor=QUIET)
    for label in axes.get_yticklabels():
        label.set_bbox({'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.5})
    axes.set_rlabel_position(180 / len(classes))  # type: ignore[attr-defined]
    axes.grid(color='0.85')
    axes.spines['polar'].set_color('0.7')
    legend_beside(axes, bbox_to_anchor=(1.36, 1))
    return figure


def draw_bars(
    scores: Mapping[str, Mapping[str, Estimate]], **options: Unpack[SheetOptions]
) -> Figure:
    """Bars of the mIoU of each run, its number and interval beside them.

    Args:
        scores: By run, from top to bottom, and by kind of frame, in the order of the
            bars; at most three kinds. An undefined score has no bar.
        options: See the module.
    """
    kinds = list(dict.fromkeys(kind for kinds in scores.values() for kind in kinds))
    assert 0 < len(kinds) <= len(BAR_SHADES), kinds
    cluster = BAR * len(kinds)
    step = cluster + 0.14
    size = 7, 1.25 + step * len(scores)
    figure = new_sheet('mIoU by run', size, *_intervals(scores), **options)
    axes = figure.add_subplot()
    middles = -step * np.arange(len(scores))
    for row, kind in enumerate(kinds):
        chosen = [by_kind.get(kind, Estimate(math.nan)) for by_kind in scores.values()]
        places = middles + cluster / 2 - BAR * (row + 0.5)
        values = np.array([100 * estimate.value for estimate in chosen])
        style: Style = {'color': BAR_SHADES[row], 'edgecolor': EDGE, 'linewidth': 0.5}
        axes.barh(places, np.nan_to_num(values), 0.86 * BAR, label=kind, **style)
        known = np.array([estimate.bounded for estimate in chosen])
        if known.any():
            errors = 100 * np.transpose([estimate.bars() for estimate in chosen])
            # a colour that is seen on the bar and beyond its end
            style = {'fmt': 'none', 'ecolor': VERMILION, 'capsize': 2, 'linewidth': 1.2}
            axes.errorbar(values[known], places[known], xerr=errors[:, known], **style)
        beside: Style = {'va': 'center', 'transform': axes.get_yaxis_transform()}
        for place, estimate in zip(places, chosen, strict=True):
            axes.text(1.02, place, estimate.text(), fontsize=SMALL, **beside)
    axes.set_yticks(middles, [label_of(name, NAME) for name in scores])
    axes.set_ylim(middles[-1] - step / 2, middles[0] + step / 2)
    axes.set(xlim=(0, 100), xlabel='mIoU (%)')
    _finish(axes, 'x')
    if len(kinds) > 1:
        above: Style = {'loc': 'lower left', 'bbox_to_anchor': (0, 1)}
        legend_beside(axes, ncols=len(kinds), borderaxespad=0.2, **above)
    return figure


def draw_efficiency(
    runs: Sequence[Cost], *, sample: str = 'sample', **options: Unpack[SheetOptions]
) -> Figure:
    """Multiply-accumulates against mIoU; the area of a run shows its parameters.

    Args:
        runs: Each with a cost above 0; its number in the figure is its place here.
        sample: Of what the MACs are, for the axis.
        options: See the module.
    """
    assert runs, 'no run to draw'
    size, legend = (8.5, max(4.0, 1.2 + 0.36 * len(runs))), 'Area: parameters. '
    figure = new_sheet('Cost against mIoU', size, legend + INTERVALS, **options)
    axes = figure.add_subplot()
    largest = max(run.parameters for run in runs)
    macs = np.array([run.macs for run in runs]) / 1e9
    values = 100 * np.array([run.quality.value for run in runs])
    errors = 100 * np.array([run.quality.bars() for run in runs])
    handles = []
    for index, run in enumerate(runs):
        place, colour = (macs[index], values[index]), shade(index)
        bars = errors[index, :, None]
        axes.errorbar(*place, yerr=bars, color=colour, capsize=3, linewidth=1.1)
        area = BUBBLE * run.parameters / largest
        style: Style = {'color': colour, 'edgecolor': EDGE, 'linewidth': 0.8}
        axes.scatter(*place, s=area, alpha=0.45, zorder=3, **style)
        offset: Style = {'xytext': (5, 4), 'textcoords': 'offset points', 'zorder': 4}
        name = str(index + 1)
        axes.annotate(name, place, fontsize=FONT, fontweight='bold', **offset)
        label = (
            f'{name}  {label_of(run.name, NAME)}\n'
            f'    {run.parameters / 1e6:.2f} M parameters, {macs[index]:.2f} GMACs, '
            f'{values[index]:.1f}'
        )
        dot: Style = {'linestyle': '', 'marker': 'o', 'markersize': 7, 'mec': EDGE}
        handles.append(Line2D([], [], label=label, color=colour, **dot))
    if macs.max() > WIDE_RANGE * macs.min():
        axes.set_xscale('log')
        axes.set_xlim(macs.min() / 2, 2 * macs.max())
        axes.xaxis.set_major_formatter('{x:g}')
    else:
        room = 0.35 * macs.max()
        axes.set_xlim(max(0.0, macs.min() - room), macs.max() + room)
    low, high = (values - errors[:, 0]).min(), (values + errors[:, 1]).max()
    room = max(4.0, 0.2 * (high - low))
    axes.set_ylim(max(0.0, low - room), min(100.0, high + room))
    axes.set(xlabel=f'GMACs of a {sample}', ylabel='mIoU (%)')
    _finish(axes, 'both')
    legend_beside(axes, handles=handles, bbox_to_anchor=(1.01, 1), fontsize=SMALL)
    return figure


def _finish(axes: Axes, lines: str) -> None:
    plain_axes(axes)
    axes.grid(axis=lines, color='0.9')  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def _intervals(scores: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """The line that says what the bars are, if there are any."""
    some = any(score.bounded for of_run in scores.values() for score in of_run.values())
    return [INTERVALS] if some else []
