"""The timeline of a clip: areas of the gases and class probabilities over time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fume_mm.io.files import write_whole
from fume_mm.structures import GAS_LABELS, GASES
from fume_mm.structures.labels import FUME_LABELS, Labels

from .sheet import (
    HEAD,
    Shade,
    figure_bytes,
    health_shades,
    legend_beside,
    new_sheet,
    plain_axes,
)

#: The gases have no colours of their own; a line's style tells them apart.
LINES: dict[str, dict[str, Any]] = {
    'co2': {'color': '0.15', 'linestyle': '-'},
    'ch4': {'color': '0.45', 'linestyle': (0, (4, 2))},
}
#: Inches of the sheet's width and of a panel's height.
WIDTH, PANEL = 9.0, 2.5


def draw_timeline(
    times: np.ndarray,
    series: Mapping[str, np.ndarray],
    *,
    title: str,
    note: str | None = None,
    labels: Labels = FUME_LABELS,
) -> Figure:
    """Draw a clip's timeline.

    Args:
        times: (T,) seconds.
        series: (T,) each, NaN where there is no value: ``<gas>_gas`` and
            ``<gas>_tube`` or whatever the classes of the masks are, shares of the
            frame, and ``p_<class>``. What a clip does not have is NaN throughout or no
            key.
        title: Headline.
        note: Put in a box beside it, such as ``'training data: simulated'``.
        labels: The model's.
    """
    known = {name: x for name, x in series.items() if not np.isnan(x).all()}
    scores = [known.get(name) for name in labels.score_columns]
    health = [values for values in scores if values is not None]
    rows = 2 if len(health) == len(scores) else 1
    figure = new_sheet(title, (WIDTH, HEAD + PANEL * rows), note=note)
    panels = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    areas = panels[0]
    for gas in GASES:
        for kind in sorted(labels.foreground, key=lambda name: name != 'gas'):
            if f'{gas}_{kind}' in known:
                percent = 100 * known[f'{gas}_{kind}']
                label = f'{GAS_LABELS[gas]}, {kind}'
                areas.plot(
                    times,
                    percent,
                    label=label,
                    lw=1.6 if kind == 'gas' else 0.7,
                    **LINES[gas],
                )
    areas.set_ylabel('area, % of the frame')
    areas.set_ylim(bottom=0)
    if areas.lines:
        legend_beside(areas)
    # the last value holds until the clip ends; where there is none, nothing is drawn
    step = times[1] - times[0] if len(times) > 1 else 1.0
    edges = np.append(times, times[-1] + step)
    if rows == 2:
        _draw_health(panels[1], edges, health, health_shades(labels))
    panels[-1].set_xlabel('time, s')
    panels[-1].set_xlim(edges[0], edges[-1])
    plain_axes(*panels)
    return figure


def _draw_health(
    axes: Axes,
    edges: np.ndarray,
    scores: list[np.ndarray],
    shades: Mapping[str, Shade],
) -> None:
    axes.set_ylim(0, 1)
    axes.set_ylabel('class probability')
    floor = np.zeros(len(edges))
    for (name, shade), values in zip(shades.items(), scores, strict=True):
        top = floor + np.append(values, values[-1])
        axes.fill_between(edges, floor, top, color=shade, label=name, linewidth=0)
        floor = top
    legend_beside(axes, reverse=True)


def write_timeline(figure: Figure, stem: str | Path) -> list[Path]:
    """Write ``<stem>.png`` and ``<stem>.svg``; returns their paths."""
    paths = [Path(stem).with_suffix(suffix) for suffix in ('.png', '.svg')]
    for path in paths:
        with write_whole(path) as part:
            part.write_bytes(figure_bytes(figure, path.suffix[1:]))
    return paths
