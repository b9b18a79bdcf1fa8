"""Figures of what a campaign holds, from tables and histograms.

Colours of classes are those of :mod:`fume_mm.structures`; the two gases, which have no
colour of their own, are dark and light gray.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from fume_mm.drawing.canvas import INK, WARNING
from fume_mm.structures import (
    ACIDOTIC_BELOW_PH,
    AVAILABILITY,
    GAS_LABELS,
    GASES,
    HEALTH_CLASSES,
    HEALTH_PALETTE,
    HEALTHY_ABOVE_PH,
    SEG_CLASSES,
    SEG_PALETTE,
)

Shade = tuple[float, float, float]


def _rgb(colour: tuple[int, int, int]) -> Shade:
    red, green, blue = (value / 255 for value in colour)
    return red, green, blue


def _gray(level: float) -> Shade:
    return level, level, level


EDGE = _rgb(INK)
GAS_SHADES: dict[str, Shade] = {'co2': _gray(0.25), 'ch4': _gray(0.72)}
PATTERN_SHADES: dict[str, Shade] = {
    'both': _gray(1.0),
    'co2_only': GAS_SHADES['co2'],
    'ch4_only': GAS_SHADES['ch4'],
}
PATTERN_LABELS = {
    'both': 'both',
    **{f'{gas}_only': f'{label} only' for gas, label in GAS_LABELS.items()},
}
HEALTH_SHADES = dict(zip(HEALTH_CLASSES, map(_rgb, HEALTH_PALETTE), strict=True))
OTHER_SHADE = _gray(0.9)
CLUSTER = 0.8
HEIGHT, DPI = 4.0, 120
TENTH = 0.1
#: Up to so many pH values are ticks of their own.
PH_TICKS = 12
WHISKERS = (5, 95)
BOXES = f'boxes: quartiles; whiskers: percentiles {WHISKERS[0]} and {WHISKERS[1]}'


def draw_counts(
    by_class: pd.DataFrame, groups: Sequence[str], *, note: str | None = None
) -> Figure:
    """Bars of the frames of each split, by health class.

    Args:
        by_class: Columns ``split``, ``health``, ``frames``.
        groups: The values of ``health``, in the order of the bars.
        note: Put in a box at the top, such as ``'simulated'``.
    """
    figure, (axes,) = _figure('Frames by split and health class', 1, note)
    table = by_class.pivot_table(index='split', columns='health', values='frames')
    splits = list(by_class['split'].unique())
    for group, shift, width in _clusters(groups):
        heights = table.reindex(splits)[group].fillna(0)
        bars = axes.bar(
            np.arange(len(splits)) + shift,
            heights,
            width,
            label=group,
            color=_health_shade(group),
            edgecolor=EDGE,
        )
        axes.bar_label(bars, fmt='{:.0f}', fontsize='small')
    axes.set_xticks(range(len(splits)), splits)
    _count_axis(axes, 'frames')
    _legend(axes)
    return figure


def draw_ph(by_ph: pd.DataFrame, *, note: str | None = None) -> Figure:
    """Histogram of the pH, by gas, with the limits between the health classes.

    Args:
        by_ph: Columns ``ph``, to a tenth, and one for each gas; rows whose pH is NaN
            are left out.
        note: As for :func:`draw_counts`.
    """
    figure, (axes,) = _figure('Frames by pH and gas', 1, note)
    known = by_ph.dropna(subset='ph')
    for gas, shift, width in _clusters(GASES):
        axes.bar(
            known['ph'] + TENTH * shift,
            known[gas],
            TENTH * width,
            label=GAS_LABELS[gas],
            color=GAS_SHADES[gas],
            edgecolor=EDGE,
        )
    low = min(known['ph'].min(), ACIDOTIC_BELOW_PH) - 2 * TENTH
    high = max(known['ph'].max(), HEALTHY_ABOVE_PH) + 2 * TENTH
    limits = [high, HEALTHY_ABOVE_PH, ACIDOTIC_BELOW_PH, low]
    for index, name in enumerate(HEALTH_CLASSES):
        axes.axvspan(
            limits[index + 1],
            limits[index],
            color=HEALTH_SHADES[name],
            alpha=0.25,
            linewidth=0,
            zorder=0,
            label=name,
        )
    axes.set_xlim(low, high)
    if len(known) <= PH_TICKS:
        axes.set_xticks(known['ph'], known['ph'].map('{:.1f}'.format))
    axes.set_xlabel('pH, to a tenth')
    _count_axis(axes, 'frames')
    _legend(axes)
    return figure


def draw_availability(counts: pd.DataFrame, *, note: str | None = None) -> Figure:
    """Stacked bars of the samples by the gases they have, a panel for each split.

    Args:
        counts: Columns ``split``, ``health`` and one for each of
            :data:`~fume_mm.structures.AVAILABILITY`.
        note: As for :func:`draw_counts`.
    """
    splits = list(counts['split'].unique())
    title = 'Samples by the gases that they have'
    figure, panels = _figure(title, len(splits), note)
    for axes, split in zip(panels, splits, strict=True):
        rows = counts[counts['split'] == split]
        bottom = np.zeros(len(rows))
        for pattern in AVAILABILITY:
            heights = rows[pattern].to_numpy()
            axes.bar(
                rows['health'],
                heights,
                0.6,
                bottom=bottom,
                label=PATTERN_LABELS[pattern],
                color=PATTERN_SHADES[pattern],
                edgecolor=EDGE,
            )
            bottom += heights
        axes.set_title(split)
        axes.margins(x=0.1)
        _count_axis(axes, 'samples')
    _legend(panels[-1])
    return figure


def draw_areas(
    measured: pd.DataFrame, groups: Sequence[str], *, note: str | None = None
) -> Figure:
    """Area of gas and tube, and how many frames have no gas, by gas and health class.

    Args:
        measured: A row per frame: ``gas_type``, ``health``, ``gas_share`` and
            ``tube_share``, of the labelled pixels, 0 to 1 or NaN. The area of the gas
            is drawn of the frames that have gas.
        groups: The values of ``health``, in the order of the boxes.
        note: As for :func:`draw_counts`.
    """
    figure, panels = _figure(f'Areas by gas and health class ({BOXES})', 3, note)
    area, tube, empty = panels
    shares = 100 * measured['gas_share']
    with_gas = measured.assign(percent=shares.where(shares > 0))
    _boxes(area, with_gas, 'percent', groups)
    area.set_title('gas, in frames that have gas')
    _boxes(
        tube, measured.assign(percent=100 * measured['tube_share']), 'percent', groups
    )
    tube.set_title('tube')
    for axes in (area, tube):
        axes.set_ylabel('% of the labelled pixels')
        axes.set_ylim(bottom=0)
    known = measured.dropna(subset='gas_share')
    gases = _gases(measured)
    for group, shift, width in _clusters(groups):
        percent = [
            100 * (_values(known, 'gas_share', gas, group) == 0).mean()
            if len(_values(known, 'gas_share', gas, group))
            else 0.0
            for gas in gases
        ]
        bars = empty.bar(
            np.arange(len(gases)) + shift,
            percent,
            width,
            color=_health_shade(group),
            edgecolor=EDGE,
        )
        empty.bar_label(bars, fmt='{:.0f}', fontsize='small')
    empty.set_xticks(range(len(gases)), [GAS_LABELS[gas] for gas in gases])
    empty.set_ylim(0, max(empty.get_ylim()[1] * 1.1, 10))
    empty.set_title('frames without gas')
    empty.set_ylabel('% of the frames')
    _health_legend(empty, groups)
    return figure


def draw_intensity(
    measured: pd.DataFrame, groups: Sequence[str], *, note: str | None = None
) -> Figure:
    """Gray level of the background, and contrast of the gas against it.

    Args:
        measured: A row per frame: ``gas_type``, ``health``, ``background_gray`` and
            ``contrast`` in gray levels, NaN where there is none.
        groups: The values of ``health``, in the order of the boxes.
        note: As for :func:`draw_counts`.
    """
    title = f'Gray levels by gas and health class ({BOXES})'
    figure, (background, contrast) = _figure(title, 2, note)
    _boxes(background, measured, 'background_gray', groups)
    background.set_title('background')
    background.set_ylabel('median gray level of a frame')
    _boxes(contrast, measured, 'contrast', groups)
    contrast.axhline(0, color=EDGE, linewidth=0.8, zorder=0)
    contrast.set_title('gas minus the background around it')
    contrast.set_ylabel('gray levels (mean minus median)')
    _health_legend(contrast, groups)
    return figure


def draw_gray_levels(
    histograms: dict[str, np.ndarray], *, note: str | None = None
) -> Figure:
    """Histograms of the gray levels of background, tube and gas, a panel for each gas.

    Args:
        histograms: (3, 256) pixels by class and gray level, by gas; gases without a
            pixel are left out.
        note: As for :func:`draw_counts`.
    """
    gases = [gas for gas in GASES if gas in histograms and histograms[gas].any()]
    figure, panels = _figure('Gray levels by class of the mask', len(gases), note)
    for axes, gas in zip(panels, gases, strict=True):
        for name, colour, counts in zip(
            SEG_CLASSES, SEG_PALETTE, histograms[gas], strict=True
        ):
            if counts.any():
                percent = 100 * counts / counts.sum()
                axes.plot(percent, color=_rgb(colour), label=name)
        axes.set_title(f'{GAS_LABELS[gas]} frames')
        axes.set_xlabel('gray level')
        axes.set_xlim(0, 255)
        axes.set_ylim(bottom=0)
    panels[0].set_ylabel("% of the class's pixels")
    _legend(panels[-1])
    return figure


def _figure(title: str, panels: int, note: str | None) -> tuple[Figure, list[Axes]]:
    """A figure with axes side by side, a title at the left and a note at the right."""
    width = {1: 7.0, 2: 10.0}.get(panels, 13.0)
    figure = Figure((width, HEIGHT), dpi=DPI, layout='constrained')
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha='left', fontsize='medium', fontweight='bold')
    if note:
        warning = _rgb(WARNING)
        figure.text(
            0.99,
            0.98,
            note,
            ha='right',
            va='top',
            color=warning,
            fontweight='bold',
            bbox={'boxstyle': 'square', 'facecolor': 'white', 'edgecolor': warning},
        )
    axes = figure.subplots(1, max(panels, 1), squeeze=False)[0].tolist()
    for panel in axes:
        panel.spines[['top', 'right']].set_visible(False)
        panel.tick_params(labelsize='small')
    return figure, axes


def _clusters(names: Sequence[str]) -> list[tuple[str, float, float]]:
    """Each name with the shift of its bar from the middle of the cluster, its width."""
    width = CLUSTER / len(names)
    first = -(len(names) - 1) / 2
    return [(name, (first + index) * width, width) for index, name in enumerate(names)]


def _health_shade(name: str) -> Shade:
    return HEALTH_SHADES.get(name, OTHER_SHADE)


def _gases(rows: pd.DataFrame) -> list[str]:
    return [gas for gas in GASES if (rows['gas_type'] == gas).any()]


def _values(rows: pd.DataFrame, column: str, gas: str, group: str) -> np.ndarray:
    chosen = (rows['gas_type'] == gas) & (rows['health'] == group)
    return rows.loc[chosen, column].dropna().to_numpy()


def _boxes(axes: Axes, rows: pd.DataFrame, column: str, groups: Sequence[str]) -> None:
    """A cluster for each gas with a box for each health class that has values."""
    gases = _gases(rows)
    for group, shift, width in _clusters(groups):
        for place, gas in enumerate(gases):
            values = _values(rows, column, gas, group)
            if not len(values):
                continue
            axes.boxplot(
                values,
                positions=[place + shift],
                widths=0.8 * width,
                whis=WHISKERS,
                showfliers=False,
                patch_artist=True,
                manage_ticks=False,
                boxprops={'facecolor': _health_shade(group), 'edgecolor': EDGE},
                medianprops={'color': EDGE, 'linewidth': 2},
            )
    axes.set_xticks(range(len(gases)), [GAS_LABELS[gas] for gas in gases])
    axes.set_xlim(-0.5, len(gases) - 0.5)


def _count_axis(axes: Axes, what: str) -> None:
    axes.set_ylabel(what)
    axes.set_ylim(0, 1.1 * axes.dataLim.ymax)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _legend(axes: Axes) -> None:
    axes.legend(loc='upper left', bbox_to_anchor=(1, 1), frameon=False)


def _health_legend(axes: Axes, groups: Sequence[str]) -> None:
    handles = [
        Patch(facecolor=_health_shade(group), edgecolor=EDGE, label=group)
        for group in groups
    ]
    axes.legend(handles=handles, loc='upper left', bbox_to_anchor=(1, 1), frameon=False)
