"""The files of one vessel: frames, masks, clips, column densities, and their rows."""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.errors import UserError
from fume_mm.structures import GAS, HEALTH_CLASSES, TUBE, health_class

from .copies import augment
from .plan import Vessel
from .presets import CampaignParameters
from .render import Rendered, render_clip, render_vessel
from .seeding import stream

ANNOTATION_COLUMNS = (
    'frame_path',
    'mask_path',
    'gas_type',
    'ph_value',
    'class_id',
    'class_name',
    'original_sample_id',
    'augmentation_id',
    'vessel_id',
)
TRUTH_COLUMNS = (
    'split',
    'vessel_id',
    'original_sample_id',
    'augmentation_id',
    'gas_type',
    'ph_value',
    'frame_path',
    'release_ml',
    'release_ml_s',
    'log_release',
    'mode',
    'phase',
    'time_since_open_s',
    'background',
    'gas_sign',
    'tube_side',
    'gas_area',
    'tube_area',
    'column_path',
    'column_ppm_m_per_count',
)
#: Folders of a campaign; those of clips and columns are there where asked for.
FOLDERS = ('frames', 'masks', 'clips', 'column')
#: ppm m of one count in a column density's 16-bit PNG; it ends at 65,535 counts.
COLUMN_UNIT = {'co2': 0.01, 'ch4': 0.2}
FRAMES_PER_SECOND = 30

Job = tuple[Path, CampaignParameters, int, Vessel]
Rows = list[dict[str, Any]]


def write_vessel(job: Job) -> tuple[int, Rows]:
    """Write a vessel's files; returns its index and a row for each labelled frame."""
    out, parameters, seed, vessel = job
    if parameters.video_seconds:
        return vessel.index, [
            row
            for frame, gases in enumerate(vessel.present)
            for gas, there in gases.items()
            if there
            for row in _write_clip(job, frame, gas)
        ]
    rows: Rows = []
    frames = render_vessel(
        parameters,
        seed=seed,
        vessel=vessel.index,
        ph=vessel.ph,
        present=vessel.present,
    )
    for original in frames:
        sample_id = f'{vessel.vessel_id}_f{original.frame:02d}'
        gas = original.gas
        for copy in range(vessel.copies[original.frame][gas]):
            image, mask = original.image, original.mask
            name = f'{sample_id}_{gas}.png'
            if parameters.copies > 1:
                name = f'{sample_id}_a{copy:02d}_{gas}.png'
            if copy:
                image, mask = _copy(original, copy, seed=seed, vessel=vessel.index)
            paths = f'frames/{gas}/{name}', f'masks/{gas}/{name}'
            write_png(out / paths[0], image)
            write_png(out / paths[1], mask)
            row = _row(vessel, original, sample_id, paths, copy)
            if copy:
                row['gas_area'] = round(float((mask == GAS).mean()), 6)
                row['tube_area'] = round(float((mask == TUBE).mean()), 6)
            elif parameters.truth:
                row['column_path'] = _write_column(out, name, original)
            rows.append(row)
    return vessel.index, rows


def _copy(
    original: Rendered, copy: int, *, seed: int, vessel: int
) -> tuple[np.ndarray, np.ndarray]:
    frame = 100 * original.frame + copy
    return augment(
        original.image,
        original.mask,
        geometry=stream(seed, 'augmentation', vessel=vessel, frame=frame),
        photometry=stream(
            seed, 'augmentation', vessel=vessel, frame=frame, gas=original.gas
        ),
    )


def _write_clip(job: Job, frame: int, gas: Any) -> Iterator[dict[str, Any]]:
    out, parameters, seed, vessel = job
    clip = f'{vessel.vessel_id}_f{frame:02d}'
    folder = f'clips/{gas}/{clip}_{gas}'
    for part in ('frames', 'masks'):
        (out / folder / part).mkdir(parents=True, exist_ok=True)
    video = out / f'{folder}.avi'
    # Motion JPEG in AVI needs no codec beyond OpenCV's own, and has no time stamp. In
    # colour: OpenCV 5.0 garbles the gray pictures that it writes itself.
    writer = cv2.VideoWriter(
        str(video),
        cv2.CAP_OPENCV_MJPEG,
        cv2.VideoWriter.fourcc(*'MJPG'),
        FRAMES_PER_SECOND,
        parameters.size,
    )
    if not writer.isOpened():
        raise UserError(
            f'{video} cannot be written as Motion JPEG; free the space or the '
            'permission, or install an OpenCV with video support.'
        )
    rendered = render_clip(
        parameters, seed=seed, vessel=vessel.index, ph=vessel.ph, frame=frame, gas=gas
    )
    try:
        for number, taken in enumerate(rendered):
            paths = (
                f'{folder}/frames/{number:05d}.png',
                f'{folder}/masks/{number:05d}.png',
            )
            writer.write(cv2.cvtColor(taken.image, cv2.COLOR_GRAY2BGR))
            write_png(out / paths[0], taken.image)
            if number % parameters.label_every:
                continue
            write_png(out / paths[1], taken.mask)
            sample_id = f'{clip}_t{number:05d}'
            row = _row(vessel, taken, sample_id, paths, 0)
            if parameters.truth:
                row['column_path'] = _write_column(out, f'{sample_id}_{gas}.png', taken)
            yield row
    finally:
        writer.release()


def _row(
    vessel: Vessel,
    taken: Rendered,
    sample_id: str,
    paths: tuple[str, str],
    copy: int,
) -> dict[str, Any]:
    class_id = health_class(vessel.ph)
    return {
        'split': vessel.split,
        'vessel_id': vessel.vessel_id,
        'original_sample_id': sample_id,
        'augmentation_id': copy,
        'gas_type': taken.gas,
        'ph_value': vessel.ph,
        'class_id': class_id,
        'class_name': HEALTH_CLASSES[class_id],
        'frame_path': paths[0],
        'mask_path': paths[1],
        **taken.truth,
        'column_path': '',
        'column_ppm_m_per_count': COLUMN_UNIT[taken.gas],
    }


def _write_column(out: Path, name: str, taken: Rendered) -> str:
    counts = np.round(taken.column / np.float32(COLUMN_UNIT[taken.gas]))
    path = f'column/{taken.gas}/{name}'
    write_png(out / path, np.clip(counts, 0, 65_535).astype(np.uint16))
    return path


def write_png(path: Path, image: np.ndarray) -> None:
    """Write an 8- or 16-bit image."""
    _, data = cv2.imencode('.png', image)
    path.write_bytes(data.tobytes())


def write_json(path: Path, content: Any, *, indent: int | None = 2) -> None:
    """Write JSON as a whole: a crash leaves the former content, not half of it."""
    part = path.with_name(f'{path.name}.part')
    part.write_text(json.dumps(content, indent=indent) + '\n', encoding='utf-8')
    part.replace(path)


def write_tables(
    tables: dict[Path, tuple[str, ...]],
    rows: Iterable[tuple[tuple[Path, ...], dict[str, Any]]],
) -> None:
    """Write several CSVs in one pass, so that no table is ever whole in memory.

    Args:
        tables: Columns of each.
        rows: For each row, the paths of the tables that it goes to, and itself.
    """
    with ExitStack() as stack:
        writers = {}
        for path, columns in tables.items():
            file = stack.enter_context(path.open('w', newline='', encoding='utf-8'))
            writers[path] = csv.DictWriter(
                file, columns, extrasaction='ignore', lineterminator='\n'
            )
            writers[path].writeheader()
        for paths, row in rows:
            for path in paths:
                writers[path].writerow(row)
