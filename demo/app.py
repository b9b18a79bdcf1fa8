r"""A page for the browser: CO2 and CH4 frames or clips in, masks, health and files out.

It runs on this machine and sends nothing anywhere. There is no login: with --host
0.0.0.0 everybody in the network can use it. Uploads and results are removed when the
page stops; those older than an hour, sooner. Needs the extra [app].

Examples:
    python demo/app.py
    python demo/app.py configs/fume/fume_fastscnn.py work_dirs/fume_fastscnn/last.pth
    python demo/app.py model.onnx --port 8080
"""

import argparse
import dataclasses
import html
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GAS_LABELS, GASES

EXAMPLES = Path(__file__).parent / 'examples'
CLASSES = ('healthy', 'transitional', 'acidotic')
#: Of the campaign that the examples are from: see demo/examples/README.md.
PRESET, SEED, VESSELS, VESSEL = 'benchmark', 7, 18, 2
CLIP_SECONDS, CLIP_RATE = 1.0, 30
#: How long uploads and results are kept, in seconds.
KEPT = 3600
#: Requests that may wait for the model, which works on one at a time.
WAITING = 8
FONTS = ('system-ui', 'sans-serif')
CSS = """
.gradio-container {max-width: 1240px !important; margin: auto}
.notice {border-left: 4px solid #b23c00; padding: 6px 12px; margin: 2px 0}
.error {border-left: 4px solid #c00; padding: 10px 12px; font-weight: 600}
.verdict {font-size: 1.5rem; font-weight: 700}
.areas {margin: 8px 0 !important}
.areas, .areas tr {border: none !important}
.areas td, .areas th {border: none !important; padding: 3px 18px 3px 0 !important;
    white-space: nowrap}
.areas th {font-weight: 400; color: #666; text-align: left}
.areas .number {text-align: right !important; font-variant-numeric: tabular-nums}
#status {min-height: 64px}
/* room for label and buttons, which would cover the picture */
.picture img, .picture video {box-sizing: border-box; padding-top: 38px}
.swatch {display: inline-block; width: 12px; height: 12px; margin-right: 7px}
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('model', nargs='?', help='config (.py) or exported file')
    parser.add_argument('checkpoint', nargs='?', help='checkpoint of a config')
    parser.add_argument(
        '--port', type=int, default=7860, help='of the page (default: %(default)s)'
    )
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen on (default: %(default)s, this machine only)',
    )
    parser.add_argument(
        '--device',
        default='cpu',
        help="where a config's model runs: cpu, cuda or cuda:1 (default: %(default)s)",
    )
    return parser.parse_args()


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


def example_parameters() -> Any:
    """The simulated campaign that the examples are from."""
    from fume_mm.simulation import PRESETS

    return dataclasses.replace(
        PRESETS[PRESET],
        vessels=VESSELS,
        frames_per_vessel=1,
        size=(320, 240),
        missing_co2=0.0,
        missing_ch4=0.0,
    )


def simulated_clips(folder: Path) -> list[str]:
    """Short clips of the vessel of the Healthy examples, CO2 and CH4."""
    import cv2

    from fume_mm.simulation import plan_vessels, render_clip

    parameters = dataclasses.replace(example_parameters(), video_seconds=CLIP_SECONDS)
    vessel = plan_vessels(parameters, seed=SEED)[VESSEL]
    paths = []
    for gas in GASES:
        path = folder / f'simulated_clip_{gas}.avi'
        video = cv2.VideoWriter(
            str(path), cv2.VideoWriter.fourcc(*'MJPG'), CLIP_RATE, parameters.size
        )
        for frame in render_clip(parameters, vessel, seed=SEED, frame=0, gas=gas):
            video.write(cv2.cvtColor(frame.image, cv2.COLOR_GRAY2BGR))
        video.release()
        paths.append(str(path))
    return paths


def example_rows(folder: Path) -> list[tuple[str, list[str | None]]]:
    """Examples, all simulated: a label, and the CO2 and the CH4 file or None."""
    rows: list[tuple[str, list[str | None]]] = []
    for name in CLASSES:
        frames = [str(EXAMPLES / f'simulated_{name}_{gas}.png') for gas in GASES]
        rows.append((f'Simulated: {name.capitalize()}', [*frames]))
    rows.append(('Simulated: Healthy, CO2 alone', [rows[0][1][0], None]))
    rows.append(('Simulated: a clip', [*simulated_clips(folder)]))
    return rows


def build(
    inferencer: Any,
    *,
    folder: Path,
    limits: Any = None,
    examples: Sequence[tuple[str, list[str | None]]] = (),
) -> Any:
    """The page, not yet served.

    Args:
        inferencer: A :class:`fume_mm.apis.DualGasInferencer`.
        folder: Where results are written.
        limits: :class:`app_uploads.Limits`; None for the usual ones.
        examples: As :func:`example_rows` gives them.
    """
    import gradio as gr
    from app_analysis import NOTICE, AnalysisResult, analyse, prune
    from app_uploads import Limits

    limits = limits or Limits()
    picture: dict[str, Any] = {
        'format': 'png',
        'buttons': ['download', 'fullscreen'],
        'visible': False,
        'interactive': False,
        'elem_classes': 'picture',
    }

    def shown(result: AnalysisResult | None) -> Iterator[Any]:
        """Updates of what shows results, in the order of ``outputs``."""
        yield gr.update(visible=False)
        yield gr.update(visible=result is not None)
        yield '' if result is None else summary(result)
        scores = None if result is None else result.scores
        yield gr.update(value=scores or None, visible=bool(scores))
        for kind in ('overlays', 'masks'):
            for gas in GASES:
                image = None if result is None else getattr(result, kind).get(gas)
                shown_as = str(image) if isinstance(image, Path) else image
                yield gr.update(value=shown_as, visible=image is not None)
        for kind in ('video', 'timeline', 'archive'):
            path = None if result is None else getattr(result, kind)
            yield gr.update(value=path and str(path), visible=path is not None)

    def run(
        co2: str | None,
        ch4: str | None,
        offset: float | None,
        progress: Any = gr.Progress(track_tqdm=True),  # noqa: B008
    ) -> list[Any]:
        prune(folder, older_than=KEPT, now=time.time())
        work = Path(tempfile.mkdtemp(prefix='fume_', dir=folder))
        given = {'co2': co2, 'ch4': ch4}
        try:
            result = analyse(
                inferencer,
                given,
                out_dir=work / 'fume_results',
                limits=limits,
                offset=offset or 0.0,
            )
        except UserError as error:
            return [gr.update(value=message(str(error)), visible=True), *shown(None)]
        return [gr.update(value='', visible=False), *shown(result)]

    with gr.Blocks(
        title='Rumen gas in infrared frames',
        analytics_enabled=False,
        delete_cache=(KEPT, KEPT),
    ) as page:
        gr.HTML(introduction(inferencer, NOTICE))
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                inputs: list[Any] = [
                    gr.File(
                        label=f'{GAS_LABELS[gas]} frame or clip',
                        elem_id=f'upload-{gas}',
                        height=150,
                    )
                    for gas in GASES
                ]
                with gr.Accordion('Clips: offset', open=False):
                    offset = gr.Number(
                        0,
                        label='Seconds from the first CO2 frame to the first CH4 frame',
                        info='negative if CH4 began earlier',
                    )
                button = gr.Button('Analyse', variant='primary', elem_id='analyse')
                gr.Markdown(limits.text(), elem_id='limits')
                if examples:
                    gr.Examples(
                        [files for _, files in examples],
                        inputs,
                        example_labels=[label for label, _ in examples],
                        label='Examples',
                    )
            with gr.Column(scale=5, min_width=480):
                error = gr.HTML(visible=False, elem_id='error')
                status = gr.HTML('Results appear here.', elem_id='status')
                with gr.Column(visible=False, elem_id='results') as results:
                    with gr.Row():
                        # columns, for an HTML of its own does not keep its share
                        with gr.Column(scale=3, min_width=330):
                            text = gr.HTML(elem_id='summary')
                        with gr.Column(scale=2, min_width=200):
                            scores = gr.Label(
                                label='Health, probabilities',
                                show_heading=False,
                                elem_id='scores',
                            )
                    pictures = []
                    for kind in ('overlay', 'mask'):
                        with gr.Row():
                            pictures += [
                                gr.Image(
                                    label=f'{GAS_LABELS[gas]}, {kind}',
                                    elem_id=f'{kind}-{gas}',
                                    **picture,
                                )
                                for gas in GASES
                            ]
                    video = gr.Video(
                        label='Annotated clip (preview; the MP4 is in the ZIP)',
                        buttons=[],
                        visible=False,
                        interactive=False,
                        elem_id='video',
                        elem_classes='picture',
                    )
                    timeline = gr.Image(label='Timeline', elem_id='timeline', **picture)
                    archive = gr.DownloadButton(
                        'Download results (ZIP)', visible=False, elem_id='download'
                    )
        outputs = [error, status, results, text, scores, *pictures]
        outputs += [video, timeline, archive]
        # else the results of the last run would stand beside other uploads
        hidden = button.click(
            lambda: (gr.update(value='', visible=True), gr.update(visible=False)),
            None,
            [status, results],
            queue=False,
            api_visibility='private',
        )
        hidden.then(
            run,
            [*inputs, offset],
            outputs,
            api_name='analyse',
            show_progress_on=status,
        )
    page.queue(max_size=WAITING, default_concurrency_limit=1)
    return page


def serve(
    page: Any,
    *,
    host: str,
    port: int | None,
    limits: Any = None,
    block: bool = True,
    css: str = CSS,
) -> str:
    """Serve the page until Ctrl-C, or at once return its address if not ``block``.

    Args:
        page: As :func:`build` gives it.
        host: The address to listen on.
        port: None for any that is free.
        limits: :class:`app_uploads.Limits`; None for the usual ones.
        block: Whether to wait for Ctrl-C.
        css: The page's styles.

    Raises:
        UserError: If the address cannot be listened on.
    """
    import gradio as gr
    from app_analysis import OwnHostOnly
    from app_uploads import Limits
    from starlette.middleware import Middleware

    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            ssr_mode=False,
            prevent_thread_lock=True,
            max_file_size=(limits or Limits()).file_bytes,
            footer_links=[],
            theme=gr.themes.Base(primary_hue='blue', font=FONTS, font_mono=FONTS),
            css=css,
            app_kwargs={'middleware': [Middleware(OwnHostOnly)]},
            quiet=True,
        )
    except OSError as error:
        raise UserError(
            f'{host}:{port}: cannot be listened on ({error}); choose another --port '
            'or --host.'
        ) from error
    if block:
        print(f'The page is at {url} (Ctrl-C stops it).', flush=True)
        page.block_thread()
    return url


def require_gradio() -> None:
    """Raise a UserError if Gradio is not installed."""
    try:
        import gradio  # noqa: F401
    except ModuleNotFoundError:
        raise UserError(
            "the page needs Gradio; install it with `pip install 'gradio>=6,<7'`."
        ) from None


def main() -> None:
    """Load the model and serve the page until Ctrl-C."""
    args = parse_args()
    # `kill` ends the page as Ctrl-C does, so that what was uploaded is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Read when Gradio is imported; uploads lie in a folder that ends with the page.
    os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
    # Read when OpenCV is: four times what the page takes, in case no header tells.
    os.environ.setdefault('OPENCV_IO_MAX_IMAGE_PIXELS', str(2**26))
    with tempfile.TemporaryDirectory(prefix='fume_page_') as name:
        folder = Path(name)
        os.environ['GRADIO_TEMP_DIR'] = str(folder / 'uploads')
        require_gradio()
        from app_uploads import Limits

        from fume_mm.apis import DualGasInferencer

        inferencer = DualGasInferencer(args.model, args.checkpoint, device=args.device)
        limits = Limits()
        results, clips = folder / 'results', folder / 'clips'
        results.mkdir()
        clips.mkdir()
        page = build(
            inferencer, folder=results, limits=limits, examples=example_rows(clips)
        )
        serve(page, host=args.host, port=args.port, limits=limits)


if __name__ == '__main__':
    run_cli(main)
