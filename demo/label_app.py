"""A page for the browser to review masks: accept, repaint, no gas, reject.

Steps through the review.csv that tools/dataset_converters/prelabel.py writes. Each
decision is written at once. The page runs on this machine, for one reviewer, and sends
nothing anywhere. Needs the extra [app].

Example:
    python demo/label_app.py data/clips/review.csv
"""

import argparse
import html
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import app
import numpy as np

from fume_mm.datasets.reviewing import Review
from fume_mm.drawing import overlay
from fume_mm.drawing.brushes import legend, paint
from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GAS_LABELS
from fume_mm.structures.labels import GAS_NAME

#: Frames are shown enlarged by a whole number, up to this width in pixels.
SHOWN_WIDTH, EDITOR_HEIGHT = 960, 780
#: What else a row may say that a reviewer wants to know.
KNOWN = ('recording', 'time_s', 'camera', 'ph_value')
#: What the buttons that decide write.
DECISIONS = {'accept': 'accepted', 'no-gas': 'no gas', 'reject': 'rejected'}
#: By row the buttons: key, id and label.
BUTTONS = (
    [('a', 'accept', 'Accept')],
    [('g', 'no-gas', 'No gas'), ('r', 'reject', 'Reject')],
    [('b', 'back', 'Back'), ('n', 'next', 'Next')],
    [('p', 'apply', 'Apply paint'), ('u', 'undo', 'Undo')],
)
KEYS = {key: name for row in BUTTONS for key, name, _ in row}
CSS = """
.gradio-container {width: 100%; max-width: 1500px !important}
.where {font-size: 1.15rem; font-weight: 700; overflow-wrap: anywhere}
.state {display: inline-block; padding: 1px 10px; border-radius: 10px; color: white;
    background: #666; font-weight: 600}
.state.accepted, .state.no-gas {background: #00774f}
.state.rejected {background: #b23c00}
.brushes {display: flex; flex-wrap: wrap; gap: 4px 16px}
.brushes .swatch {border: 1px solid #888; vertical-align: -1px}
.facts td {padding: 1px 14px 1px 0 !important; border: none !important}
.facts, .facts tr {border: none !important; margin: 6px 0 !important}
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('review', type=Path, help='review.csv, or its folder')
    parser.add_argument(
        '--port', type=int, default=7861, help='of the page (default: %(default)s)'
    )
    return parser.parse_args()


def enlarged(image: np.ndarray) -> np.ndarray:
    """An image (H, W) by the largest whole number that fits the page."""
    times = max(1, SHOWN_WIDTH // image.shape[1])
    return image.repeat(times, axis=0).repeat(times, axis=1)


def painted(review: Review, index: int, drawn: dict[str, Any] | None) -> np.ndarray:
    """The mask of a frame with the strokes that the page's editor holds."""
    _, mask = review.read(index)
    layers = [np.asarray(x) for x in (drawn or {}).get('layers') or ()]
    return paint(mask, layers, review.labels)


def facts(review: Review, index: int) -> str:
    """What is known of a frame, and how far the review is, as HTML."""
    row: dict[Any, Any] = review.rows.loc[index].astype(object).to_dict()
    counts = review.counts()
    status = review.status(index)
    shown = {'gas': GAS_LABELS[row['gas_type']]}
    shown |= {key: str(row[key]) for key in KNOWN if key in row}
    table = ''.join(
        f'<tr><td>{html.escape(key)}</td><td>{html.escape(value)}</td></tr>'
        for key, value in shown.items()
        if value not in ('', 'nan')
    )
    if not review.mask_file(index).exists():
        table += '<tr><td>mask</td><td>none yet: all background</td></tr>'
    done = ', '.join(f'{number} {name}' for name, number in counts.items())
    return (
        f'<div class="where">{html.escape(row["frame_path"])}</div>'
        f'<p><span class="state {status.replace(" ", "-")}">{status}</span></p>'
        f'<table class="facts">{table}</table>'
        f'<p>Frame {index + 1} of {len(review)}: {done}.</p>'
    )


def brushes(colours: dict[str, tuple[int, int, int]]) -> str:
    """What each colour of the brush paints, as HTML."""
    return '<div class="brushes">{}</div>'.format(
        ''.join(
            f'<span><span class="swatch" style="background: rgb{colour}"></span>'
            f'{html.escape(name)}</span>'
            for name, colour in colours.items()
        )
    )


def build(review: Review) -> Any:
    """The page, not yet served."""
    import gradio as gr

    def show(index: int, masked: bool, text: str = '') -> list[Any]:
        """Updates of ``outputs``."""
        try:
            frame, mask = review.read(index)
        except UserError as error:
            return [gr.skip(), facts(review, index), index, index + 1, str(error)]
        picture = enlarged(frame)
        if masked:
            palette = review.labels.seg_palette
            picture = overlay(picture, enlarged(mask), palette=palette)
        else:
            picture = np.stack([picture] * 3, axis=2)
        editor = {'background': picture, 'layers': [], 'composite': picture}
        return [editor, facts(review, index), index, index + 1, text]

    def keep(index: int, drawn: dict[str, Any] | None) -> None:
        """Write strokes that are on the page, so that moving on loses none."""
        mask = painted(review, index, drawn)
        if (mask != review.read(index)[1]).any():
            review.save(index, mask, review.status(index))

    def reported(action: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def run(index: int, drawn: Any, masked: bool, number: float) -> list[Any]:
            try:
                *found, text = action(index, drawn, masked, number)
            except UserError as error:
                *found, text = show(index, masked, str(error))
            note = app.message(text) if text else ''
            return [*found, gr.update(value=note, visible=bool(text))]

        return run

    def decide(status: str) -> Callable[..., list[Any]]:
        def action(index: int, drawn: Any, masked: bool, number: float) -> list[Any]:
            review.save(index, painted(review, index, drawn), status)
            following = review.next_new(index)
            if following is None:
                return show(index, masked, 'All frames are reviewed.')
            return show(following, masked)

        return action

    def move(step: int) -> Callable[..., list[Any]]:
        def action(index: int, drawn: Any, masked: bool, number: float) -> list[Any]:
            keep(index, drawn)
            return show((index + step) % len(review), masked)

        return action

    def jump(index: int, drawn: Any, masked: bool, number: float) -> list[Any]:
        keep(index, drawn)
        return show(min(max(int(number or 1), 1), len(review)) - 1, masked)

    def undo(index: int, drawn: Any, masked: bool, number: float) -> list[Any]:
        changed = review.undo()
        if changed is None:
            return show(index, masked, 'There is nothing to undo.')
        return show(changed, masked)

    first = review.next_new(-1) or 0
    known = legend(review.labels)
    colours = [f'rgb{colour}' for colour in reversed(known.values())]
    with gr.Blocks(
        title='Review of masks', analytics_enabled=False, fill_width=True
    ) as page:
        index = gr.State(first)
        with gr.Row():
            with gr.Column(scale=7, min_width=280):
                editor = gr.ImageEditor(
                    elem_id='editor',
                    show_label=False,
                    sources=[],
                    transforms=[],
                    layers=False,
                    format='png',
                    buttons=['fullscreen'],
                    height=EDITOR_HEIGHT,
                    canvas_size=(SHOWN_WIDTH, SHOWN_WIDTH * 3 // 4),
                    brush=gr.Brush(
                        colors=[*colours],
                        default_color=f'rgb{known[GAS_NAME]}',
                        color_mode='fixed',
                    ),
                )
                gr.HTML(brushes(known))
                masked = gr.Checkbox(True, label='Show the mask', elem_id='masked')
            with gr.Column(scale=3, min_width=280):
                note = gr.HTML(visible=False, elem_id='note')
                text = gr.HTML(elem_id='facts')
                buttons = {}
                for row in BUTTONS:
                    with gr.Row():
                        for key, name, label in row:
                            buttons[name] = gr.Button(
                                f'{label} ({key})',
                                elem_id=name,
                                min_width=120,
                                variant='primary' if name == 'accept' else 'secondary',
                            )
                number = gr.Number(
                    first + 1, label='Go to frame', precision=0, elem_id='number'
                )
        inputs = [index, editor, masked, number]
        outputs = [editor, text, index, number, note]
        actions = {name: decide(status) for name, status in DECISIONS.items()}
        actions |= {'next': move(1), 'back': move(-1), 'apply': move(0), 'undo': undo}
        events = [(buttons[name].click, action) for name, action in actions.items()]
        events += [(masked.input, move(0)), (number.submit, jump)]
        for event, action in events:
            event(
                reported(action),
                inputs,
                outputs,
                api_visibility='private',
                show_progress_on=text,
            )
        page.load(
            reported(lambda index, drawn, masked, number: show(index, masked)),
            inputs,
            outputs,
            api_visibility='private',
            js=_KEYS_JS,
        )
    page.queue(default_concurrency_limit=1)
    return page


#: Keys press the buttons, unless something is being typed.
_KEYS_JS = f"""
(...given) => {{
    const names = {KEYS!r};
    document.addEventListener('keydown', (event) => {{
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (['INPUT', 'TEXTAREA'].includes(event.target.tagName)
            && event.target.type !== 'checkbox') return;
        document.getElementById(names[event.key])?.click();
    }});
    return given;
}}
"""


def main() -> None:
    """Serve the page until Ctrl-C."""
    args = parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    review = Review(args.review)
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    with tempfile.TemporaryDirectory(prefix='fume_review_') as name:
        os.environ['GRADIO_TEMP_DIR'] = name  # read when Gradio is imported
        app.require_gradio()
        app.serve(build(review), host='127.0.0.1', port=args.port, css=app.CSS + CSS)


if __name__ == '__main__':
    run_cli(main)
