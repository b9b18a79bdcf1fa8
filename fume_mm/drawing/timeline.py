"""The timeline of a clip: areas of the gases and class probabilities over time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fume_mm.structures import GAS_LABELS, GASES, HEALTH_CLASSES, HEALTH_PALETTE

#: The gases have no colours of their own; a line's style tells them apart.
LINES: dict[str, dict[str, Any]] = {
    'co2': {'color': '0.15', 'linestyle': '-'},
    'ch4': {'color': '0.45', 'linestyle': (0, (4, 2))},
}
SIZE, DPI = (9.0, 5.2), 120
WARNING = '#b23c00'
PROBABILITIES = tuple(f'p_{name.lower()}' for name in HEALTH_CLASSES)


def draw_timeline(
    times: np.ndarray,
    series: Mapping[str, np.ndarray],
    *,
    title: str,
    note: str | None = None,
) -> Figure:
    """Draw a clip's timeline.

    Args:
        times: (T,) seconds.
        series: (T,) each, NaN where there is no value: ``<gas>_gas`` and
            ``<gas>_tube``, shares of the frame, and ``p_<class>``. What a clip does not
            have is NaN throughout or no key.
        title: Headline.
        note: Put in a box beside it, such as ``'training data: simulated'``.
    """
    width, height = SIZE
    rows = 2 if _has_health(series) else 1
    figure = Figure(figsize=(width, height * rows / 2), dpi=DPI, layout='constrained')
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    areas = panels[0]
    figure.suptitle(title, x=0.01, ha='left', fontsize=12, fontweight='bold')
    if note:
        figure.text(
            0.99,
            0.985,
            note,
            ha='right',
            va='top',
            color=WARNING,
            bbox={'facecolor': 'white', 'edgecolor': WARNING, 'pad': 3},
        )
    for gas in GASES:
        for kind, thickness in (('gas', 1.6), ('tube', 0.7)):
            values = series.get(f'{gas}_{kind}')
            if values is None or np.isnan(values).all():
                continue
            label = f'{GAS_LABELS[gas]}, {kind}'
            areas.plot(
                times, 100 * values, label=label, linewidth=thickness, **LINES[gas]
            )
    areas.set_ylabel('area, % of the frame')
    areas.set_ylim(bottom=0)
    if areas.lines:
        areas.legend(loc='upper left', bbox_to_anchor=(1, 1), frameon=False)
    if rows == 2:
        _draw_health(panels[1], times, series)
    panels[-1].set_xlabel('time, s')
    step = times[1] - times[0] if len(times) > 1 else 1.0
    panels[-1].set_xlim(times[0], times[-1] + step)
    for axes in panels:
        axes.spines[['top', 'right']].set_visible(False)
    return figure


def _has_health(series: Mapping[str, np.ndarray]) -> bool:
    return all(
        name in series and not np.isnan(series[name]).all() for name in PROBABILITIES
    )


def _draw_health(
    axes: Axes, times: np.ndarray, series: Mapping[str, np.ndarray]
) -> None:
    axes.set_ylim(0, 1)
    axes.set_ylabel('class probability')
    # the last value holds until the clip ends; where there is none, nothing is drawn
    step = times[1] - times[0] if len(times) > 1 else 1.0
    edges = np.append(times, times[-1] + step)
    floor = np.zeros(len(edges))
    for label, name, colour in zip(
        HEALTH_CLASSES, PROBABILITIES, HEALTH_PALETTE, strict=True
    ):
        values = np.append(series[name], series[name][-1])
        shade = tuple(part / 255 for part in colour)
        axes.fill_between(
            edges, floor, floor + values, color=shade, label=label, linewidth=0
        )
        floor = floor + values
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1],
        labels[::-1],
        loc='upper left',
        bbox_to_anchor=(1, 1),
        frameon=False,
    )


def write_timeline(figure: Figure, stem: str | Path) -> list[Path]:
    """Write ``<stem>.png`` and ``<stem>.svg``; returns their paths."""
    paths = [Path(stem).with_suffix(suffix) for suffix in ('.png', '.svg')]
    for path in paths:
        figure.savefig(path)
    return paths
