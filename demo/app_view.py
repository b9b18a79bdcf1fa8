"""What the page of demo/app.py says, as HTML, and its styles."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Colour = tuple[int, int, int]

CSS = """
.gradio-container {max-width: 1240px !important; margin: auto}
.notice {border-left: 4px solid #b23c00; padding: 6px 12px; margin: 2px 0;
    overflow-wrap: anywhere}
.error {border-left: 4px solid #c00; padding: 10px 12px; font-weight: 600;
    overflow-wrap: anywhere}
.verdict {font-size: 1.5rem; font-weight: 700}
.verdict::first-letter {text-transform: uppercase}
.areas {margin: 8px 0 !important}
.areas, .areas tr {border: none !important}
.areas td, .areas th {border: none !important; padding: 3px 18px 3px 0 !important;
    white-space: nowrap}
.areas th {font-weight: 400; color: #666; text-align: left}
.areas .number {text-align: right !important; font-variant-numeric: tabular-nums}
#status {min-height: 96px}
/* room for label and buttons, which would cover the picture */
.picture img, .picture video {box-sizing: border-box; padding-top: 38px}
.swatch {display: inline-block; width: 12px; height: 12px; margin-right: 7px}
.bars {margin: 10px 0; line-height: 1.5}
.bars > div {margin-top: 6px}
.bars > div > div:first-child {display: flex; justify-content: space-between;
    gap: 12px}
.bars span:last-child {font-variant-numeric: tabular-nums}
.bar {height: 8px; margin: 2px 0 8px; background: #8883}
.bar > div {height: 100%}
@media (max-width: 640px) {
    .areas td, .areas th {padding-right: 10px !important}
    /* one below the other, else each is a stamp */
    .pictures {flex-direction: column}
}
"""


def message(text: str) -> str:
    """An error as HTML."""
    return f'<div class="error" role="alert">{html.escape(text)}</div>'


def summary(result: Any) -> str:
    """Verdict, areas and notes of a :class:`app_analysis.AnalysisResult` as HTML."""
    rows = []
    for gas, name, pixels, share in result.areas:
        colour = result.colours[name]
        swatch = f'<span class="swatch" style="background: rgb{colour}"></span>'
        count = '' if pixels is None else f'{pixels:,}'
        rows.append(
            f'<tr><td>{gas}</td><td>{swatch}{name}</td>'
            f'<td class="number">{count}</td><td class="number">{share:.2%}</td></tr>'
        )
    count = '' if result.clip else 'pixels'
    table = (
        '<table class="areas"><tr><th>gas</th><th>area</th>'
        f'<th class="number">{count}</th><th class="number">of the frame</th></tr>'
        f'{"".join(rows)}</table>'
    )
    notes = ''.join(f'<li>{html.escape(note)}</li>' for note in result.notes)
    return (
        f'<div class="verdict">{html.escape(result.headline)}</div>'
        f'{table if rows else ""}<ul>{notes}</ul>'
    )


def bars(scores: Mapping[str, float], colours: Mapping[str, Colour]) -> str:
    """Probability by health class, in the order of the classes, as HTML."""
    return '<div class="bars">Health, probabilities{}</div>'.format(
        ''.join(
            f'<div><div><span>{html.escape(name)}</span><span>{score:.0%}</span></div>'
            f'<div class="bar"><div style="width: {score:.1%}; '
            f'background: rgb{colours[name]}"></div></div></div>'
            for name, score in scores.items()
        )
    )


def introduction(inferencer: Any, notice: str) -> str:
    """What stands above the page, as HTML: what it is, of what, and what it is not."""
    given = (inferencer.model_name, inferencer.weights_name)
    name = html.escape(', '.join(Path(path).name for path in given if path))
    data = inferencer.training_data
    data = f' Training data: {html.escape(data)}.' if data else ''
    return (
        '<h1>Rumen gas in infrared frames</h1>'
        '<p>Drop a CO2 frame or clip, a CH4 one, or both of the same vessel. A gas '
        'that was not recorded is left out.</p>'
        f'<div class="notice"><b>{html.escape(notice)}</b><br>'
        f'Model: {name}.{data}</div>'
    )
