"""Recordings cut into frames: pictures on disk and one CSV that says what they are."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.files import disk_errors, make_folder, write_whole, written_file
from fume_mm.io.images import write_png
from fume_mm.io.naming import split_gas
from fume_mm.io.progress import progress_bar
from fume_mm.io.recordings import Recording, open_recording
from fume_mm.io.stretch import format_limits
from fume_mm.io.tables import CsvTable, repeated, write_csv
from fume_mm.structures import ANNOTATION_COLUMNS, GASES, HEALTH_COLUMNS

from .annotations import parse_health

#: The CSV, and the folder of the recordings' folders.
TABLE, FRAMES = 'frames.csv', 'frames'
#: ``limits`` are of frames kept at more than 8 bits, ``time_s`` from the first frame.
COLUMNS = ('frame_path', 'gas_type', 'recording', 'frame', 'time_s', 'camera', 'limits')
#: Changes are looked for in means over squares of so many pixels, not in the noise.
_SQUARE = 8


@dataclass(frozen=True)
class Choice:
    """Which frames of a recording are kept.

    Attributes:
        every: Every so many, beginning with the first.
        change: Of these, the ones whose gray levels are so far from the last kept one
            (mean over the picture); 0 keeps all.
        keep_depth: Whether frames of more than 8 bits stay as they are.
        rate: Frames per second, of recordings that do not tell.
    """

    every: int = 10
    change: float = 0.0
    keep_depth: bool = False
    rate: float | None = None


def cut_recordings(
    paths: Sequence[str | Path],
    out: str | Path,
    *,
    gas: str | None = None,
    about: str | Path | None = None,
    choice: Choice | None = None,
    force: bool = False,
) -> pd.DataFrame:
    """Write frames of recordings, ``frames/<recording>/<recording>_<number>``.

    Each recording is opened, and looked at for its limits and palette, before the first
    frame is written. ``frames.csv`` keeps the rows of recordings that were cut before.

    Args:
        paths: Recordings, see :func:`~fume_mm.io.recordings.open_recording`.
        out: Folder to write to.
        gas: Of all of them; None where ``about`` says it, or each name ends in ``_co2``
            or ``_ch4``.
        about: CSV with a column ``recording`` (a clip's name without ending) and
            whatever is known of each: ``gas_type``, ``vessel_id``, ``ph_value``, ...;
            each frame gets it.
        choice: Which frames.
        force: Whether recordings that were cut before are cut again.

    Returns:
        The rows that were written now, columns :data:`COLUMNS` and those of ``about``.

    Raises:
        UserError: If a recording cannot be read, its gas is not known, its name is not
            its own, or it was cut before; and, with all frames written, if one broke
            off.
    """
    choice = choice or Choice()
    if choice.every < 1 or choice.change < 0:
        raise UserError(
            f'every {choice.every}, change {choice.change:g}: give at least 1 and 0.'
        )
    out = Path(out)
    said = _about(Path(about), out, [Path(p).stem for p in paths]) if about else {}
    gases = {
        Path(path): gas
        or said.get(Path(path).stem, {}).get('gas_type')
        or _gas_of(Path(path))
        for path in paths
    }
    known = _known(out)
    _refuse_names(list(gases), out, known, force)
    limits = {}
    for path in gases:
        with closing(open_recording(path)) as recording:
            limits[path] = recording.limits
    make_folder(out / FRAMES)
    parts, problems = [], []
    for path, shown in gases.items():
        with closing(open_recording(path)) as recording:
            recording.limits = limits[path]
            rows = list(_cut(recording, path.stem, shown, out, choice))
            problems += [recording.problem] if recording.problem else []
        cut = pd.DataFrame(rows, columns=list(COLUMNS))
        parts.append(cut.assign(**said.get(path.stem, {}) | {'gas_type': shown}))
        known = pd.concat([known[known['recording'] != path.stem], parts[-1]])
        with written_file(out / TABLE) as part:
            write_csv(known, part)
    if problems:
        raise UserError(f'{"; ".join(problems)}. The frames until then are in {out}.')
    return pd.concat(parts, ignore_index=True)


def _about(path: Path, out: Path, names: list[str]) -> dict[str, dict[Any, Any]]:
    """What a CSV says of each recording of these names."""
    if not path.is_file():
        raise UserError(f'{path}: there is no such CSV; give one with a row per clip.')
    table = CsvTable(path, ['recording'], root=out, known=ANNOTATION_COLUMNS)
    frame = table.frame
    table.refuse(repeated(frame['recording']), 'recording', 'recording is in two rows')
    missing = [name for name in names if name not in set(frame['recording'])]
    if missing:
        raise UserError(
            f'{path} says nothing of {", ".join(missing[:3])}; add a row for each '
            'clip, its recording being the name without the ending.'
        )
    of_frames = {*COLUMNS, 'mask_path'} - {'gas_type', 'recording'}
    if taken := sorted(of_frames & set(frame)):
        raise UserError(f'{path}: the column {taken[0]} is of frames; rename it.')
    if 'gas_type' in frame:
        frame['gas_type'] = frame['gas_type'].str.lower()
        unknown = ~frame['gas_type'].isin(['', *GASES])
        table.refuse(unknown, 'gas_type', f'gas_type is none of {", ".join(GASES)}')
    if set(HEALTH_COLUMNS) & set(frame):
        parse_health(table)
        frame['class_id'] = [str(i) if i >= 0 else '' for i in frame['class_id']]
    return {row.pop('recording'): row for row in frame.to_dict('records')}


def _gas_of(path: Path) -> str:
    gas = split_gas(path.stem)[1]
    if gas is None:
        raise UserError(
            f'{path}: its name does not say which gas it shows; give --gas co2 or '
            '--gas ch4.'
        )
    return gas


def _known(out: Path) -> pd.DataFrame:
    if not (out / TABLE).is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    return CsvTable(out / TABLE, COLUMNS, root=out).frame


def _refuse_names(
    paths: list[Path], out: Path, known: pd.DataFrame, force: bool
) -> None:
    """A recording's name stands in the names of its frames, and in no other's."""
    by_name: dict[str, Path] = {}
    for path in paths:
        other = by_name.setdefault(path.stem, path)
        if other is not path:
            raise UserError(
                f'{path} and {other}: both are named {path.stem}; rename one.'
            )
        folder = out / FRAMES / path.stem
        there = path.stem in set(known['recording']) or folder.exists()
        if there and not force:
            raise UserError(
                f'{folder}: {path.stem} was cut before; give --force to cut it again, '
                'or another --out.'
            )
        if path.resolve() == folder.resolve():
            raise UserError(f'{path}: is where its frames go; give another --out.')


def _cut(
    recording: Recording, name: str, gas: str, out: Path, choice: Choice
) -> Iterator[tuple[object, ...]]:
    """Write the frames of one recording; their rows."""
    folder = make_folder(out / FRAMES / name)
    for old in folder.glob(f'{name}_*'):  # of an earlier choice
        old.unlink()
    last: np.ndarray | None = None
    rate = recording.rate or choice.rate
    bar = progress_bar(total=recording.count, unit='frame', show=True)
    try:
        for frame in recording:
            bar.update()
            if frame.index % choice.every:
                continue
            gray = recording.gray(frame)
            size = [max(side // _SQUARE, 1) for side in gray.shape[::-1]]
            small = cv2.resize(
                gray.astype(np.float32), size, interpolation=cv2.INTER_AREA
            )
            if last is not None and np.abs(small - last).mean() < choice.change:
                continue
            last = small
            deep = choice.keep_depth and frame.values.dtype != np.uint8
            path = folder / f'{name}_{frame.index:06d}.png'
            with disk_errors(out):
                if deep and frame.values.dtype.kind == 'f':
                    path = path.with_suffix('.tif')
                    _write_tiff(path, frame.values)
                else:
                    write_png(path, frame.values if deep else gray)
            when = frame.time
            if when is None and rate:
                when = frame.index / rate
            yield (
                path.relative_to(out).as_posix(),
                gas,
                name,
                frame.index,
                '' if when is None else f'{when:.3f}',
                recording.camera or '',
                format_limits(recording.limits) if deep else '',
            )
    finally:
        bar.close()


def _write_tiff(path: Path, values: np.ndarray) -> None:
    content = cv2.imencode('.tif', values.astype(np.float32))[1]
    with write_whole(path) as part:
        part.write_bytes(content.tobytes())
