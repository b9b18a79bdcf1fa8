"""Figures of what a campaign holds, from tables and histograms.

Colours of classes are those of the campaign's ``labels``; the two gases, which have no
colour of their own, are dark and light gray. Every figure takes
:class:`~fume_mm.drawing.sheet.SheetOptions`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from typing_extensions import Unpack

from fume_mm.drawing.sheet import (
    EDGE,
    GAS_SHADES,
    SMALL,
    Shade,
    SheetOptions,
    Style,
    health_shades,
    legend_beside,
    new_sheet,
    plain_axes,
    rgb,
)
from fume_mm.structures import AVAILABILITY, GAS_LABELS, GASES
from fume_mm.structures.labels import FUME_LABELS, Labels

OTHER_SHADE = (0.9, 0.9, 0.9)
CLUSTER = 0.8
HEIGHT = 4.0
TENTH = 0.1
#: Up to so many pH values are ticks of their own.
PH_TICKS = 12
WHISKERS = (5, 95)
BOXES = f'boxes: quartiles; whiskers: percentiles {WHISKERS[0]} and {WHISKERS[1]}'


def draw_counts(
    by_class: pd.DataFrame,
    groups: Sequence[str],
    *,
    labels: Labels = FUME_LABELS,
    **options: Unpack[SheetOptions],
) -> Figure:
    """Bars of the frames of each split, by health class.

    Args:
        by_class: Columns ``split``, ``health``, ``frames``.
        groups: The values of ``health``, in the order of the bars.
        labels: What the classes are.
        options: See the module.
    """
    figure, (axes,) = _figure('Frames by split and health class', 1, options)
    table = by_class.pivot_table(index='split', columns='health', values='frames')
    table = table.reindex(index=by_class['split'].unique(), columns=list(groups))
    _labelled_bars(axes, table.fillna(0), health_shades(labels))
    _count_axis(axes, 'frames')
    legend_beside(axes)
    plain_axes(*figure.axes)
    return figure


def draw_ph(
    by_ph: pd.DataFrame,
    *,
    labels: Labels = FUME_LABELS,
    **options: Unpack[SheetOptions],
) -> Figure:
    """Histogram of the pH, by gas, with the limits between the health classes.

    Args:
        by_ph: Columns ``ph``, to a tenth, and one for each gas; rows whose pH is NaN
            are left out.
        labels: What the classes are.
        options: See the module.
    """
    figure, (axes,) = _figure('Frames by pH and gas', 1, options)
    known = by_ph.dropna(subset='ph')
    _bars(axes, known['ph'].to_numpy(), known[list(GASES)], GAS_SHADES, step=TENTH)
    between = labels.ph_limits or ()
    low = min(known['ph'].min(), *between) - 2 * TENTH
    high = max(known['ph'].max(), *between) + 2 * TENTH
    limits = [high, *between, low]
    shades = health_shades(labels) if between else {}
    for index, (name, shade) in enumerate(shades.items()):
        style: Style = {'color': shade, 'alpha': 0.25, 'linewidth': 0, 'zorder': 0}
        axes.axvspan(limits[index + 1], limits[index], label=name, **style)
    axes.set(xlim=(low, high), xlabel='pH, to a tenth')
    if len(known) <= PH_TICKS:
        axes.set_xticks(known['ph'], known['ph'].map('{:.1f}'.format))
    _count_axis(axes, 'frames')
    legend_beside(axes)
    plain_axes(*figure.axes)
    return figure


def draw_availability(
    counts: pd.DataFrame,
    *,
    labels: Labels = FUME_LABELS,
    **options: Unpack[SheetOptions],
) -> Figure:
    """Stacked bars of the samples by the gases they have, a panel for each split.

    Args:
        counts: Columns ``split``, ``health`` and one for each of
            :data:`~fume_mm.structures.AVAILABILITY`.
        labels: What the classes are.
        options: See the module.
    """
    splits = counts.groupby('split', sort=False)
    title = 'Samples by the gases that they have'
    figure, panels = _figure(title, len(splits), options)
    for axes, (split, rows) in zip(panels, splits, strict=True):
        bottom = np.zeros(len(rows))
        for pattern in AVAILABILITY:
            gas = pattern.removesuffix('_only')
            label = f'{GAS_LABELS[gas]} only' if gas in GASES else pattern
            style: Style = {'color': GAS_SHADES.get(gas, 'white'), 'edgecolor': EDGE}
            heights = rows[pattern].to_numpy()
            axes.bar(rows['health'], heights, 0.6, bottom, label=label, **style)
            bottom += heights
        axes.set_title(str(split))
        axes.margins(x=0.1)
        _count_axis(axes, 'samples')
    legend_beside(panels[-1])
    plain_axes(*figure.axes)
    return figure


def draw_areas(
    measured: pd.DataFrame,
    groups: Sequence[str],
    *,
    labels: Labels = FUME_LABELS,
    **options: Unpack[SheetOptions],
) -> Figure:
    """Area of gas and tube, and how many frames have no gas, by gas and health class.

    Args:
        measured: A row per frame: ``gas_type``, ``health``, ``gas_share`` and
            ``tube_share``, of the labelled pixels, 0 to 1 or NaN. The area of the gas
            is drawn of the frames that have gas.
        groups: The values of ``health``, in the order of the boxes.
        labels: What the classes are.
        options: See the module.
    """
    shades = _group_shades(groups, labels)
    title = f'Areas by gas and health class ({BOXES})'
    figure, (area, tube, empty) = _figure(title, 3, options)
    percent = measured.assign(
        gas=100 * measured['gas_share'].where(measured['gas_share'] > 0),
        tube=100 * measured['tube_share'],
        without=100 * (measured['gas_share'] == 0),
    )
    titles = {'gas': 'gas, in frames that have gas', 'tube': 'tube'}
    for axes, (column, name) in zip((area, tube), titles.items(), strict=True):
        _boxes(axes, percent, column, shades)
        axes.set(title=name, ylabel='% of the labelled pixels', ylim=(0, None))
    known = percent.dropna(subset='gas_share')
    means = known.pivot_table(index='gas_type', columns='health', values='without')
    means = means.reindex(index=_gases(measured), columns=list(groups)).fillna(0)
    _labelled_bars(empty, means.rename(index=GAS_LABELS), shades)
    top = max(empty.get_ylim()[1] * 1.1, 10)
    empty.set(ylim=(0, top), title='frames without gas', ylabel='% of the frames')
    _health_legend(empty, shades)
    plain_axes(*figure.axes)
    return figure


def draw_intensity(
    measured: pd.DataFrame,
    groups: Sequence[str],
    *,
    labels: Labels = FUME_LABELS,
    **options: Unpack[SheetOptions],
) -> Figure:
    """Gray level of the background, and contrast of the gas against it.

    Args:
        measured: A row per frame: ``gas_type``, ``health``, ``background_gray`` and
            ``contrast`` in gray levels, NaN where there is none.
        groups: The values of ``health``, in the order of the boxes.
        labels: What the classes are.
        options: See the module.
    """
    shades = _group_shades(groups, labels)
    title = f'Gray levels by gas and health class ({BOXES})'
    figure, (background, contrast) = _figure(title, 2, options)
    _boxes(background, measured, 'background_gray', shades)
    background.set(title='background', ylabel='median gray level of a frame')
    _boxes(contrast, measured, 'contrast', shades)
    contrast.axhline(0, color=EDGE, linewidth=0.8, zorder=0)
    contrast.set_title('gas minus the background around it')
    contrast.set_ylabel('gray levels (mean minus median)')
    _health_legend(contrast, shades)
    plain_axes(*figure.axes)
    return figure


def draw_gray_levels(
    histograms: dict[str, np.ndarray],
    *,
    labels: Labels = FUME_LABELS,
    **options: Unpack[SheetOptions],
) -> Figure:
    """Histograms of the gray levels of background, tube and gas, a panel for each gas.

    Args:
        histograms: (classes, 256) pixels by class and gray level, by gas; gases
            without a pixel are left out.
        labels: What the classes are.
        options: See the module.
    """
    gases = [gas for gas in GASES if gas in histograms and histograms[gas].any()]
    figure, panels = _figure('Gray levels by class of the mask', len(gases), options)
    classes = list(zip(labels.seg_classes, labels.seg_palette, strict=True))
    for axes, gas in zip(panels, gases, strict=True):
        for (name, colour), counts in zip(classes, histograms[gas], strict=True):
            if counts.any():
                percent = 100 * counts / counts.sum()
                axes.plot(percent, color=rgb(colour), label=name)
        axes.set(title=f'{GAS_LABELS[gas]} frames', xlabel='gray level')
        axes.set(xlim=(0, 255), ylim=(0, None))
    panels[0].set_ylabel("% of the class's pixels")
    legend_beside(panels[-1])
    plain_axes(*figure.axes)
    return figure


def _figure(
    title: str, panels: int, options: SheetOptions
) -> tuple[Figure, list[Axes]]:
    """A sheet with axes side by side."""
    width = {1: 7.0, 2: 10.0}.get(panels, 13.0)
    figure = new_sheet(title, (width, HEIGHT), **options)
    axes = figure.subplots(1, max(panels, 1), squeeze=False)[0].tolist()
    return figure, axes


def _clusters(names: Sequence[str]) -> list[tuple[str, float, float]]:
    """Each name with the shift of its bar from the middle of the cluster, its width."""
    width = CLUSTER / len(names)
    first = -(len(names) - 1) / 2
    return [(name, (first + index) * width, width) for index, name in enumerate(names)]


def _bars(
    axes: Axes,
    places: np.ndarray,
    table: pd.DataFrame,
    shades: Mapping[str, Shade],
    *,
    step: float = 1.0,
) -> None:
    """At each row's place, ``step`` apart, a cluster with a bar for each column."""
    for name, shift, width in _clusters(table.columns.tolist()):
        label, shade = GAS_LABELS.get(name, name), shades.get(name, OTHER_SHADE)
        style: Style = {'label': label, 'color': shade, 'edgecolor': EDGE}
        axes.bar(places + step * shift, table[name], step * width, **style)


def _labelled_bars(
    axes: Axes, table: pd.DataFrame, shades: Mapping[str, Shade]
) -> None:
    """A cluster for each row of a table with a numbered bar for each column."""
    places = np.arange(len(table))
    _bars(axes, places, table, shades)
    for bars in axes.containers:
        axes.bar_label(bars, fmt='{:.0f}', fontsize=SMALL)  # type: ignore[arg-type]
    axes.set_xticks(places, table.index)


def _gases(rows: pd.DataFrame) -> list[str]:
    return [gas for gas in GASES if (rows['gas_type'] == gas).any()]


def _boxes(
    axes: Axes, rows: pd.DataFrame, column: str, shades: Mapping[str, Shade]
) -> None:
    """A cluster for each gas with a box for each health class that has values."""
    gases = _gases(rows)
    for group, shift, width in _clusters(list(shades)):
        known = rows[rows['health'] == group].dropna(subset=column)
        values = [known.loc[known['gas_type'] == gas, column] for gas in gases]
        if len(known):
            axes.boxplot(
                [part.to_numpy() for part in values if len(part)],
                positions=[i + shift for i, part in enumerate(values) if len(part)],
                widths=0.8 * width,
                whis=WHISKERS,
                showfliers=False,
                patch_artist=True,
                manage_ticks=False,
                boxprops={'facecolor': shades[group], 'ec': EDGE},
                medianprops={'color': EDGE, 'linewidth': 2},
            )
    axes.set_xticks(range(len(gases)), [GAS_LABELS[gas] for gas in gases])
    axes.set_xlim(-0.5, len(gases) - 0.5)


def _count_axis(axes: Axes, what: str) -> None:
    axes.set(ylabel=what, ylim=(0, 1.1 * axes.dataLim.ymax))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _group_shades(groups: Sequence[str], labels: Labels) -> dict[str, Shade]:
    """Colours of the values of ``health``."""
    shades = health_shades(labels)
    return {group: shades.get(group, OTHER_SHADE) for group in groups}


def _health_legend(axes: Axes, shades: Mapping[str, Shade]) -> None:
    handles = [Patch(facecolor=shade, edgecolor=EDGE) for shade in shades.values()]
    legend_beside(axes, handles=handles, labels=list(shades))
