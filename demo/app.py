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
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from app_view import CSS, bars, introduction, message, summary

from fume_mm.errors import UserError, run_cli
from fume_mm.structures import GAS_LABELS, GASES

#: How long uploads and results are kept, in seconds.
KEPT = 3600
#: How long a result lies beside Gradio's copy of it, likewise.
FRESH = 60
#: Requests that may wait for the model, which works on one at a time.
WAITING = 8
#: A phone shows the results below all else.
SCROLL = '() => innerWidth < 640 && document.getElementById("status").scrollIntoView()'
FONTS = ('system-ui', 'sans-serif')


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
        '--allow-host',
        action='append',
        default=[],
        metavar='NAME',
        help='a further name by which browsers may ask for the page, such as that of '
        'a proxy; may be given again',
    )
    parser.add_argument(
        '--device',
        default='cpu',
        help="where a config's model runs: cpu, cuda or cuda:1 (default: %(default)s)",
    )
    return parser.parse_args()


def build(
    inferencer: Any,
    *,
    folder: Path,
    uploads: Any,
    examples: Sequence[tuple[str, list[str | None]]] = (),
) -> Any:
    """The page, not yet served.

    Args:
        inferencer: A :class:`fume_mm.apis.DualGasInferencer`.
        folder: Where results are written.
        uploads: :class:`app_uploads.Uploads`.
        examples: As :func:`app_examples.example_rows` gives them.
    """
    import gradio as gr
    from app_analysis import NOTICE, AnalysisResult, analyse, prune
    from app_uploads import CancelledError

    limits = uploads.limits
    one_at_a_time = threading.Lock()
    stops: dict[str | None, threading.Event] = {}
    picture: dict[str, Any] = {
        'format': 'png',
        'buttons': ['download', 'fullscreen'],
        'visible': False,
        'interactive': False,
        'elem_classes': 'picture',
    }

    def updates(result: AnalysisResult | None) -> Iterator[Any]:
        """Updates of what shows results, in the order of ``outputs``."""
        yield gr.update(visible=False)
        yield gr.update(visible=result is not None)
        yield '' if result is None else summary(result)
        shown = bars(result.scores, result.colours) if result and result.scores else ''
        yield gr.update(value=shown, visible=bool(shown))
        for kind in ('overlays', 'frames'):
            for gas in GASES:
                image = None if result is None else getattr(result, kind).get(gas)
                yield gr.update(value=image, visible=image is not None)
        for kind in ('video', 'timeline', 'archive'):
            path = None if result is None else getattr(result, kind)
            yield gr.update(value=path and str(path), visible=path is not None)

    def run(
        co2: str | None,
        ch4: str | None,
        offset: float | None,
        request: gr.Request,
        progress: Any = gr.Progress(track_tqdm=True),  # noqa: B008
    ) -> list[Any]:
        stop = stops[request.session_hash] = threading.Event()
        work = Path(tempfile.mkdtemp(prefix='fume_', dir=folder))
        try:
            # a cancelled run may still be at its last frame
            with one_at_a_time:
                # Gradio has its own copy of what it shows
                prune(folder, older_than=FRESH, now=time.time())
                result = analyse(
                    inferencer,
                    {'co2': co2, 'ch4': ch4},
                    out_dir=work / 'fume_results',
                    limits=limits,
                    offset=offset or 0.0,
                    stopped=stop.is_set,
                )
        except CancelledError:
            shutil.rmtree(work)
            return [gr.update(visible=False), *updates(None)]
        except UserError as error:
            shutil.rmtree(work)
            return [gr.update(value=message(str(error)), visible=True), *updates(None)]
        finally:
            stops.pop(request.session_hash, None)
        return [gr.update(value='', visible=False), *updates(result)]

    def stop(session: str | None) -> None:
        if session in stops:
            stops[session].set()

    def cancel(request: gr.Request) -> list[Any]:
        stop(request.session_hash)
        hidden = gr.update(visible=False)
        return [gr.update(value='Cancelled.', visible=True), hidden, hidden]

    # these two in the event loop, as Uploads wants it
    async def hold(co2: str | None, ch4: str | None, request: gr.Request) -> None:
        for gas, path in (('co2', co2), ('ch4', ch4)):
            uploads.hold(request.session_hash or '', gas, path)

    async def leave(request: gr.Request) -> None:
        stop(request.session_hash)
        uploads.leave(request.session_hash or '')

    with gr.Blocks(
        title='Rumen gas in infrared frames',
        analytics_enabled=False,
        delete_cache=(KEPT, KEPT),
    ) as page:
        gr.HTML(introduction(inferencer, NOTICE))
        with gr.Row():
            with gr.Column(scale=2, min_width=280):
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
                stop_button = gr.Button('Cancel', visible=False, elem_id='cancel')
                gr.Markdown(limits.text(), elem_id='limits')
                if examples:
                    gr.Examples(
                        [files for _, files in examples],
                        inputs,
                        example_labels=[label for label, _ in examples],
                        label='Examples',
                    )
            with gr.Column(scale=5, min_width=280):
                error = gr.HTML(visible=False, elem_id='error')
                status = gr.HTML('Results appear here.', elem_id='status')
                with gr.Column(visible=False, elem_id='results') as results:
                    with gr.Row():
                        # columns, for an HTML of its own does not keep its share
                        with gr.Column(scale=3, min_width=280):
                            text = gr.HTML(elem_id='summary')
                        with gr.Column(scale=2, min_width=200):
                            scores = gr.HTML(elem_id='scores')
                    pictures = []
                    labels = {'overlay': 'with tube and gas', 'frame': 'as read'}
                    for kind, label in labels.items():
                        with gr.Row(elem_classes='pictures'):
                            pictures += [
                                gr.Image(
                                    label=f'{GAS_LABELS[gas]}, {label}',
                                    elem_id=f'{kind}-{gas}',
                                    **picture,
                                )
                                for gas in GASES
                            ]
                    video = gr.Video(
                        label='Annotated clip',
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
        now: dict[str, Any] = {'queue': False, 'api_visibility': 'private'}
        # else the results of the last run would stand beside other uploads
        hidden = button.click(
            lambda: [
                gr.update(value='', visible=True),
                gr.update(visible=False),
                gr.update(visible=True),
            ],
            None,
            [status, results, stop_button],
            **now,
        )
        hidden.then(None, js=SCROLL, **now)
        analysed = hidden.then(
            run,
            [*inputs, offset],
            outputs,
            api_name='analyse',
            show_progress_on=status,
        )
        analysed.then(lambda: gr.update(visible=False), None, stop_button, **now)
        stop_button.click(
            cancel, None, [status, results, stop_button], cancels=[analysed], **now
        )
        for upload in inputs:
            upload.change(hold, inputs, None, show_progress='hidden', **now)
        page.unload(leave)
    page.queue(max_size=WAITING, default_concurrency_limit=1)
    return page


def serve(
    page: Any,
    *,
    host: str,
    port: int | None,
    uploads: Any = None,
    hosts: Sequence[str] = (),
    block: bool = True,
    css: str = CSS,
) -> str:
    """Serve the page until Ctrl-C, or at once return its address if not ``block``.

    Args:
        page: As :func:`build` gives it.
        host: The address to listen on.
        port: None for any that is free.
        uploads: That of :func:`build`; None for the usual limits.
        hosts: Further names by which browsers may ask for the page.
        block: Whether to wait for Ctrl-C.
        css: The page's styles.

    Raises:
        UserError: If the address cannot be listened on.
    """
    import gradio as gr
    from app_guard import Guard, limited
    from app_uploads import Limits, Uploads
    from starlette.middleware import Middleware

    uploads = uploads or Uploads(Limits())
    guard = Middleware(Guard, uploads=uploads, host=host, hosts=hosts)
    try:
        _, url, _ = page.launch(
            server_name=host,
            server_port=port,
            share=False,
            ssr_mode=False,
            prevent_thread_lock=True,
            max_file_size=uploads.limits.file_bytes,
            footer_links=[],
            theme=gr.themes.Base(primary_hue='blue', font=FONTS, font_mono=FONTS),
            css=css,
            app_kwargs={'middleware': [guard]},
            quiet=True,
        )
    except OSError as error:
        raise UserError(
            f'{host}:{port}: cannot be listened on ({error}); choose another --port '
            'or --host.'
        ) from error
    uploads.keep()
    # Gradio has no option for it; uvicorn asks for it at each connection.
    config = page.server.config
    config.http_protocol_class = limited(config.http_protocol_class, uploads.limits)
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
        from app_examples import example_rows
        from app_uploads import Limits, Uploads

        from fume_mm.apis import DualGasInferencer

        inferencer = DualGasInferencer(args.model, args.checkpoint, device=args.device)
        uploads = Uploads(Limits())
        results, clips = folder / 'results', folder / 'clips'
        results.mkdir()
        clips.mkdir()
        page = build(
            inferencer, folder=results, uploads=uploads, examples=example_rows(clips)
        )
        serve(
            page,
            host=args.host,
            port=args.port,
            uploads=uploads,
            hosts=args.allow_host,
        )


if __name__ == '__main__':
    run_cli(main)
