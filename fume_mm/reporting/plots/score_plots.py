"""Figures that compare runs: radar of F1, bars of mIoU, cost against quality."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .sheet import (
    EDGE,
    FONT,
    QUIET,
    SMALL,
    Estimate,
    label_of,
    marker,
    new_sheet,
    plain_axes,
    rgb,
    shade,
)

#: Signs of a run's name in a legend.
NAME = 40
INTERVALS = 'Bars: 95 % intervals, bootstrap over vessels.'
#: Shades of the bars of a run: all frames, then each gas.
BAR_SHADES = (rgb((0, 114, 178)), (0.25, 0.25, 0.25), (0.72, 0.72, 0.72))
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
    scores: Mapping[str, Mapping[str, Estimate]],
    *,
    title: str = 'F1 by class',
    note: str | None = None,
    foot: Sequence[str] = (),
) -> Figure:
    """A spoke for each class, a polygon for each run, intervals along the spokes.

    Args:
        scores: F1 by run and class; every run has the same classes. One that is
            undefined leaves a gap.
        title: Headline.
        note: See :func:`~fume_mm.reporting.plots.sheet.new_sheet`.
        foot: Lines at the bottom.
    """
    classes = list(next(iter(scores.values())))
    foot = [INTERVALS, *foot] if _any_interval(scores) else list(foot)
    height = max(4.6, 1.6 + 0.17 * len(scores))
    figure = new_sheet(title, (8, height), note=note, foot=foot)
    axes = figure.add_subplot(projection='polar')
    axes.set_theta_offset(math.pi / 2)  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    angles = 2 * math.pi * np.arange(len(classes)) / len(classes)
    for index, (name, by_class) in enumerate(scores.items()):
        # side by side, or the intervals of the runs would hide each other
        turned = angles + 0.06 * (index - (len(scores) - 1) / 2) / max(1, len(scores))
        values = np.array([by_class[c].value for c in classes])
        axes.plot(
            np.append(turned, turned[0] + 2 * math.pi),
            np.append(values, values[0]),
            color=shade(index),
            marker=marker(index),
            markersize=4,
            linewidth=1.3,
            label=label_of(name, NAME),
        )
        below, above = np.transpose([by_class[c].bars() for c in classes])
        axes.vlines(
            turned, values - below, values + above, color=shade(index), linewidth=1
        )
    axes.set_xticks(angles, classes, fontsize=FONT)
    axes.tick_params(axis='x', pad=6)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        # away from the circle: to the right of it on the right, to the left on the left
        side = round(math.sin(angle), 2)
        label.set_horizontalalignment(
            'center' if not side else 'left' if side > 0 else 'right'
        )
    axes.set_ylim(0, 1)
    axes.set_yticks([0.2, 0.4, 0.6, 0.8, 1], ['20', '40', '60', '80', '100 %'])
    axes.tick_params(axis='y', labelsize=SMALL, labelcolor=QUIET)
    for label in axes.get_yticklabels():
        label.set_bbox({'facecolor': 'white', 'edgecolor': 'none', 'pad': 0.5})
    axes.set_rlabel_position(180 / len(classes))  # type: ignore[attr-defined]
    axes.grid(color='0.85')
    axes.spines['polar'].set_color('0.7')
    axes.legend(
        loc='upper left', bbox_to_anchor=(1.36, 1), frameon=False, fontsize=FONT
    )
    return figure


def draw_bars(
    scores: Mapping[str, Mapping[str, Estimate]],
    *,
    score: str = 'mIoU',
    note: str | None = None,
    foot: Sequence[str] = (),
) -> Figure:
    """Bars of a score for each run, its number and interval beside them.

    Args:
        scores: By run, from top to bottom, and by kind of frame, in the order of the
            bars; at most three kinds. An undefined score has no bar.
        score: Its name.
        note: See :func:`~fume_mm.reporting.plots.sheet.new_sheet`.
        foot: Lines at the bottom.
    """
    kinds = list(dict.fromkeys(kind for kinds in scores.values() for kind in kinds))
    assert 0 < len(kinds) <= len(BAR_SHADES), kinds
    foot = [INTERVALS, *foot] if _any_interval(scores) else list(foot)
    cluster = BAR * len(kinds)
    step = cluster + 0.14
    height = 1.35 + 0.17 * len(foot) + step * len(scores)
    figure = new_sheet(f'{score} by run', (7, height), note=note, foot=foot)
    axes = figure.add_subplot()
    middles = -step * np.arange(len(scores))
    for row, kind in enumerate(kinds):
        chosen = [by_kind.get(kind, Estimate(math.nan)) for by_kind in scores.values()]
        places = middles + cluster / 2 - BAR * (row + 0.5)
        values = np.array([100 * estimate.value for estimate in chosen])
        errors = 100 * np.transpose([estimate.bars() for estimate in chosen])
        axes.barh(
            places,
            np.nan_to_num(values),
            0.86 * BAR,
            color=BAR_SHADES[row],
            edgecolor=EDGE,
            linewidth=0.5,
            label=kind,
        )
        known = np.array([not math.isnan(estimate.low) for estimate in chosen])
        if known.any():
            axes.errorbar(
                values[known],
                places[known],
                xerr=errors[:, known],
                fmt='none',
                # seen on the bar and beyond its end
                ecolor=rgb((213, 94, 0)),
                capsize=2,
                linewidth=1.2,
            )
        for place, estimate in zip(places, chosen, strict=True):
            axes.text(
                1.02,
                place,
                estimate.percent(),
                va='center',
                fontsize=SMALL,
                transform=axes.get_yaxis_transform(),
            )
    axes.set_yticks(middles, [label_of(name, NAME) for name in scores])
    axes.set_ylim(middles[-1] - step / 2, middles[0] + step / 2)
    axes.set_xlim(0, 100)
    axes.set_xlabel(f'{score} (%)')
    plain_axes(axes)
    axes.grid(axis='x', color='0.9')
    axes.set_axisbelow(True)
    if len(kinds) > 1:
        axes.legend(
            loc='lower left',
            bbox_to_anchor=(0, 1),
            ncols=len(kinds),
            frameon=False,
            fontsize=FONT,
            borderaxespad=0.2,
        )
    return figure


def draw_efficiency(
    runs: Sequence[Cost],
    *,
    score: str = 'mIoU',
    sample: str = 'sample',
    note: str | None = None,
    foot: Sequence[str] = (),
) -> Figure:
    """Multiply-accumulates against a score; the area of a run shows its parameters.

    Args:
        runs: Each with a cost above 0; its number in the figure is its place here.
        score: Name of the score.
        sample: Of what the MACs are, for the axis.
        note: See :func:`~fume_mm.reporting.plots.sheet.new_sheet`.
        foot: Lines at the bottom.
    """
    assert runs, 'no run to draw'
    foot = [f'Area: parameters. {INTERVALS}', *foot]
    height = max(4.2, 1.4 + 0.17 * len(foot) + 0.36 * len(runs))
    figure = new_sheet(f'Cost against {score}', (8.5, height), note=note, foot=foot)
    axes = figure.add_subplot()
    largest = max(run.parameters for run in runs)
    for index, run in enumerate(runs):
        x, y = run.macs / 1e9, 100 * run.quality.value
        colour = shade(index)
        errors = 100 * np.reshape(run.quality.bars(), (2, 1))
        axes.errorbar(x, y, yerr=errors, color=colour, capsize=3, linewidth=1.1)
        axes.scatter(
            x,
            y,
            s=BUBBLE * run.parameters / largest,
            color=colour,
            alpha=0.45,
            edgecolor=EDGE,
            linewidth=0.8,
            zorder=3,
        )
        axes.annotate(
            str(index + 1),
            (x, y),
            (5, 4),
            textcoords='offset points',
            fontsize=FONT,
            fontweight='bold',
            zorder=4,
        )
    macs = [run.macs / 1e9 for run in runs]
    if max(macs) > WIDE_RANGE * min(macs):
        axes.set_xscale('log')
        axes.set_xlim(min(macs) / 2, 2 * max(macs))
        axes.xaxis.set_major_formatter('{x:g}')
    else:
        room = 0.35 * max(macs)
        axes.set_xlim(max(0.0, min(macs) - room), max(macs) + room)
    ends = [
        100 * (r.quality.value + sign * r.quality.bars()[sign > 0])
        for r in runs
        for sign in (-1, 1)
    ]
    ends = [end for end in ends if not math.isnan(end)] or [0.0, 100.0]
    room = max(4.0, 0.2 * (max(ends) - min(ends)))
    axes.set_ylim(max(0.0, min(ends) - room), min(100.0, max(ends) + room))
    axes.set_xlabel(f'GMACs of a {sample}')
    axes.set_ylabel(f'{score} (%)')
    plain_axes(axes)
    axes.grid(color='0.9')
    axes.set_axisbelow(True)
    handles = [
        Line2D(
            [],
            [],
            linestyle='',
            marker='o',
            markersize=7,
            color=shade(index),
            markeredgecolor=EDGE,
            label=f'{index + 1}  {label_of(run.name, NAME)}\n'
            f'    {run.parameters / 1e6:.2f} M parameters, {run.macs / 1e9:.2f} GMACs, '
            f'{run.quality.value * 100:.1f}',
        )
        for index, run in enumerate(runs)
    ]
    axes.legend(
        handles=handles,
        loc='upper left',
        bbox_to_anchor=(1.01, 1),
        frameon=False,
        fontsize=SMALL,
    )
    return figure


def _any_interval(scores: Mapping[str, Mapping[str, Estimate]]) -> bool:
    return any(
        not math.isnan(estimate.low)
        for by_key in scores.values()
        for estimate in by_key.values()
    )
