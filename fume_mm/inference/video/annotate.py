"""From two videos to an annotated one, a table, a timeline and a verdict.

Decoding, inference, and drawing with encoding go on at once in threads of their own
(OpenCV and the inference engines let go of Python's lock), a few frames apart: memory
does not grow with the clip. OpenCV and NumPy only; the figure of the timeline needs
Matplotlib and is left out, with a remark, where there is none.
"""

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.drawing.side_by_side import SideBySide
from fume_mm.errors import UserError
from fume_mm.io.cells import RowWriter
from fume_mm.io.files import GrowingFile, disk_errors, make_folder, write_json
from fume_mm.io.progress import progress_bar, remark
from fume_mm.structures import GAS_LABELS, GASES
from fume_mm.structures.dual_gas_result import DualGasResult

from ..predictor import Predictor, labels_of
from ..trust.verdicts import trust_of, with_verdict
from .cameras import LivePairs, Source, open_pairs
from .clips import Instant, Pairs
from .encoder import H264, open_video
from .tally import Tally, values_of

#: What is tried, in this order: OpenCV is built with different codecs.
CODECS = ((H264, '.mp4'), ('mp4v', '.mp4'), ('avc1', '.mp4'), ('MJPG', '.avi'))
_FOR_BROWSERS = (H264, 'avc1')
TABLE, VERDICT = 'frames.csv', 'verdict.json'
TIMELINE, ANNOTATED = 'timeline', 'annotated'
_PENDING = 4
_LATENCIES = 1000


def run_video(
    predictor: Predictor,
    *,
    out_dir: str | Path,
    co2: Source | None = None,
    ch4: Source | None = None,
    about: dict[str, Any] | None = None,
    pbar: bool = True,
    **options: Any,
) -> dict[str, Any]:
    """:func:`annotate` of sources that are opened and closed here.

    ``co2`` and ``ch4`` are a file, a camera's number or a stream's URL, both files or
    both live, and None where the gas is not recorded; ``options`` are those of
    :func:`.cameras.open_pairs`.
    """
    given = {'co2': co2, 'ch4': ch4}
    sources = {gas: value for gas, value in given.items() if value is not None}
    with closing(open_pairs(sources, **options)) as pairs:
        return annotate(predictor, pairs, out_dir=out_dir, about=about, pbar=pbar)


def annotate(
    predictor: Predictor,
    pairs: Pairs,
    *,
    out_dir: str | Path,
    about: dict[str, Any] | None = None,
    pbar: bool = True,
) -> dict[str, Any]:
    """Annotate a clip or a live recording; see :mod:`.clips` for how clocks are kept.

    Writes ``annotated.mp4`` (or ``.avi``), ``frames.csv``, ``timeline.png`` and
    ``.svg`` and ``verdict.json``; files of these names are replaced. Ctrl-C ends a
    live recording like any other end.

    Args:
        predictor: The model.
        pairs: Of :func:`.cameras.open_pairs`; to be closed by who opened it.
        out_dir: Made if need be.
        about: Put into the verdict: the model, its weights.
        pbar: Whether to show progress and remarks.

    Returns:
        The content of ``verdict.json``.

    Raises:
        UserError: If the folder or the model cannot be used; and, with all files
            finished, if a file broke off or a stream stopped.
        KeyboardInterrupt: On Ctrl-C in files, with what was done so far finished.
    """
    usable = getattr(predictor, 'gases', GASES)
    if not set(pairs.sizes) & set(usable):
        names = ', '.join(GAS_LABELS[gas] for gas in usable)
        raise UserError(f'the model looks at {names} only; give such a video.')
    run = _Run(predictor, pairs, make_folder(out_dir), pbar)
    interrupted = None
    try:
        run.go()
    except KeyboardInterrupt as error:
        interrupted = error
    finally:
        run.close()
    content = run.finish(about or {}, interrupted=interrupted is not None)
    if interrupted is not None and not pairs.live:
        raise interrupted
    if problems := '; '.join(pairs.problems()):
        raise UserError(f'{problems}. What was seen of it is in {run.out_dir}.')
    return content


class _Run:
    """What is open while a clip is annotated; see :func:`annotate`."""

    def __init__(
        self, predictor: Predictor, pairs: Pairs, out_dir: Path, pbar: bool
    ) -> None:
        self.predictor, self.pairs, self.out_dir = predictor, pairs, out_dir
        self.pbar = pbar
        self.training_data = getattr(predictor, 'training_data', None)
        self.note = f'training data: {self.training_data}' * bool(self.training_data)
        self.labels, self.trust = labels_of(predictor), trust_of(predictor)
        self.drawing = SideBySide(
            pairs.sizes, note=self.note or None, labels=self.labels
        )
        self.tally = Tally(1 / pairs.rate, labels=self.labels)
        self.remarks: list[str] = []
        self.seconds = dict.fromkeys(('decode', 'infer', 'draw', 'encode'), 0.0)
        self.latencies: deque[float] = deque(maxlen=_LATENCIES)
        self._slots = 0
        self._picture: np.ndarray | None = None
        self._last: tuple[Any, DualGasResult | None] = (None, None)
        self.video, self.video_path = self._open_video()
        self.bar = progress_bar(total=pairs.count, unit='frame', show=pbar)
        self._file = GrowingFile(out_dir / TABLE)
        columns = ['time_s', *(f'{gas}_frame' for gas in GASES)]
        columns += list(DualGasResult('', {}, labels=self.labels).row())[1:]
        self.table = RowWriter(self._file, columns, extrasaction='ignore')
        self.table.writeheader()
        self.start = time.perf_counter()

    def _open_video(self) -> tuple[Any, Path]:
        inputs = {Path(x.source).resolve() for x in self.pairs.streams.values()}
        for codec, suffix in CODECS:
            path = self.out_dir / f'{ANNOTATED}{suffix}'
            if path.resolve() in inputs:
                raise UserError(
                    f'{path}: is one of the videos, and the annotated one would '
                    'replace it; choose another output folder.'
                )
            rate = round(self.pairs.rate, 3)
            video = open_video(path, codec, rate, self.drawing.size)
            if video is not None:
                if codec not in _FOR_BROWSERS:
                    self.remark(
                        f'{path.name} is {codec}, which browsers may not play; for '
                        "H.264: `pip install 'fume_mm[video]'`."
                    )
                return video, path
            path.unlink(missing_ok=True)
        raise UserError(
            f'{self.out_dir}: OpenCV can write none of '
            f'{", ".join(codec for codec, _ in CODECS)} here; check the disk, or '
            'install opencv-python from PyPI.'
        )

    def remark(self, text: str) -> None:
        """A remark, for the user at once and for the verdict."""
        self.remarks.append(text)
        if self.pbar:
            remark(text)

    def go(self) -> None:
        """All instants: decode, infer, hand on to the thread that draws and encodes."""
        depth = 1 if self.pairs.live else _PENDING
        pending: deque[Future[None]] = deque()
        ended: set[str] = set()
        with ThreadPoolExecutor(1) as pool:
            try:
                for instant in self.pairs:
                    for gas in self.pairs.ended.keys() - ended:
                        ended.add(gas)
                        self.remark(
                            f'{GAS_LABELS[gas]} ends at {self.pairs.ended[gas]:.2f} s; '
                            'from then on it is absent.'
                        )
                    result = self._predict(instant)
                    pending.append(pool.submit(self._put, instant, result))
                    if len(pending) > depth:
                        pending.popleft().result()
                    self.bar.update()
            finally:
                # also on Ctrl-C: what has been predicted is written
                for future in pending:
                    future.result()

    def _predict(self, instant: Instant) -> DualGasResult | None:
        """None for an instant without a gas that the model looks at."""
        usable = getattr(self.predictor, 'gases', GASES)
        if not any(gas in instant.shots for gas in usable):
            return None
        key = {gas: shot.index for gas, shot in instant.shots.items()}
        if self._last[0] != key:  # a rate above the clips' own shows frames again
            begin = time.perf_counter()
            sample: dict[str, Any] = {'name': f'{instant.time:.3f} s'}
            sample |= {gas: shot.frame for gas, shot in instant.shots.items()}
            (result,) = self.predictor.predict([sample])
            self._last = key, with_verdict(result, self.trust, given=sample)
            self.seconds['infer'] += time.perf_counter() - begin
        return self._last[1]

    def _put(self, instant: Instant, result: DualGasResult | None) -> None:
        """Draw, encode, and note an instant."""
        begin = time.perf_counter()
        result = result or DualGasResult('', {}, labels=self.labels)
        said, words = result.verdict, ''
        if said is not None:
            words = said.short
        minutes, hundredths = divmod(round(100 * instant.time), 6000)
        picture = self.drawing.draw(
            {gas: shot.frame for gas, shot in instant.shots.items()},
            result.masks,
            None if said is not None and said.reasons else result.health_scores,
            title=f'{minutes:02d}:{hundredths / 100:05.2f}',
            verdict=words,
        )
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        drawn = time.perf_counter()
        self._encode(picture, instant.time)
        row: dict[str, Any] = {
            f'{gas}_frame': shot.index for gas, shot in instant.shots.items()
        }
        row['time_s'] = f'{instant.time:.4f}'
        with disk_errors(self.out_dir):
            self.table.writerow({**row, **result.row()})
        self.tally.add(instant.time, values_of(result), said)
        self.seconds['draw'] += drawn - begin
        self.seconds['encode'] += time.perf_counter() - drawn
        if isinstance(self.pairs, LivePairs):
            oldest = min(shot.time for shot in instant.shots.values())
            self.latencies.append(time.monotonic() - self.pairs.zero - oldest)

    def _encode(self, picture: np.ndarray, time_: float) -> None:
        """Put a picture at its time: a live one stays until the next one comes."""
        slot = int(time_ * self.pairs.rate) if self.pairs.live else self._slots
        while self._slots <= slot:
            first = self._picture is None or self._slots == slot
            with disk_errors(self.out_dir):
                self.video.write(picture if first else self._picture)
            self._slots += 1
        self._picture = picture

    def close(self) -> None:
        """Close the files: they are complete."""
        self.elapsed = time.perf_counter() - self.start
        self.seconds['decode'] = self.pairs.decode_seconds
        self.bar.close()
        with disk_errors(self.out_dir):
            self.video.release()
        self._file.close()

    def finish(self, about: dict[str, Any], *, interrupted: bool) -> dict[str, Any]:
        """Write the timeline and the verdict; returns the latter."""
        verdict = self.tally.verdict(self.trust)
        files = {'video': self.video_path.name, 'table': TABLE}
        if self._draw_timeline(verdict):
            files['timeline'] = f'{TIMELINE}.png'
        gases = self.pairs.describe()
        for gas, source in gases.items():
            source['mean_share'] = self.tally.mean_areas(gas)
        content = {
            **about,
            'training_data': self.training_data,
            'verdict': verdict,
            'instants': self.tally.instants,
            'instants_per_second': self.pairs.rate,
            'interrupted': interrupted,
            'gases': gases,
            'remarks': [*self.remarks, *self.pairs.problems()],
            'speed': {
                'seconds': self.elapsed,
                'instants_per_second': self.tally.instants / max(self.elapsed, 1e-9),
                'busy_seconds': self.seconds,
            },
            'files': files,
        }
        if self.latencies:
            content['latency_seconds'] = {
                'median': float(np.median(self.latencies)),
                'largest': max(self.latencies),
                'of_last': len(self.latencies),
            }
        with disk_errors(self.out_dir):
            write_json(self.out_dir / VERDICT, content)
        return content

    def _draw_timeline(self, verdict: dict[str, Any] | None) -> bool:
        try:
            from fume_mm.drawing.timeline import draw_timeline, write_timeline
        except ModuleNotFoundError:
            self.remark(
                'no figure of the timeline, for Matplotlib is not installed; its '
                f'numbers are in {TABLE}.'
            )
            return False
        times, series = self.tally.series()
        if not len(times):
            return False
        title = 'Timeline'
        if verdict is not None:
            title = verdict['text']
        note = self.note or None
        figure = draw_timeline(
            times, series, title=title, note=note, labels=self.labels
        )
        with disk_errors(self.out_dir):
            write_timeline(figure, self.out_dir / TIMELINE)
        return True
