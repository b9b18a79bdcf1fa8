"""The files of one vessel: frames, masks, clips, column densities, and their rows."""

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.images import write_mask, write_png
from fume_mm.structures import HEALTH_CLASSES, SPLITS, Gas, health_class

from .copies import augment
from .parameters import FRAMES_PER_SECOND
from .plan import Vessel
from .presets import CampaignParameters
from .render import Rendered, areas, render_clip, render_vessel
from .seeding import stream

#: What truth.csv leaves out of a row, since the annotations have it.
NOT_IN_TRUTH = (
    *('class_id', 'class_name', 'mask_path', 'is_augmented'),
    *('sample_id', 'original_frame_path', 'original_mask_path'),
)
#: Folders of a campaign; those of clips and columns are there where asked for.
FOLDERS = ('frames', 'masks', 'clips', 'column')
#: In the owners' form: the originals, and the splits with their copies.
OWNERS_FOLDERS = ('original_annotated', *SPLITS)
#: ppm m of one count in a column density's 16-bit PNG; it ends at 65,535 counts.
COLUMN_UNIT = {'co2': 0.01, 'ch4': 0.2}
Job = tuple[Path, CampaignParameters, int, Vessel]
Row = dict[str, Any]


def write_vessel(job: Job) -> tuple[int, list[Row]]:
    """Write a vessel's files; returns its index and a row for each labelled frame."""
    _, parameters, _, vessel = job
    if not parameters.video_seconds:
        return vessel.index, list(_write_stills(job))
    rows: list[Row] = []
    for frame, sample in enumerate(vessel.copies):
        for gas, copies in sample.items():
            if copies:
                rows += _write_clip(job, frame, gas)
    return vessel.index, rows


def _write_stills(job: Job) -> Iterator[Row]:
    _, parameters, seed, vessel = job
    for original in render_vessel(parameters, vessel, seed=seed):
        sample_id, gas = f'{vessel.vessel_id}_f{original.frame:02d}', original.gas
        if vessel.recording:
            yield from _write_owners(job, original)
            continue
        for copy in range(vessel.copies[original.frame][gas]):
            name = f'{sample_id}_{gas}.png'
            if parameters.copies > 1:
                name = f'{sample_id}_a{copy:02d}_{gas}.png'
            yield _write_labelled(
                job,
                _copy(original, copy, seed, vessel) if copy else original,
                sample_id=sample_id,
                paths=(f'frames/{gas}/{name}', f'masks/{gas}/{name}'),
                column=f'column/{gas}/{name}',
                copy=copy,
            )


def _write_owners(job: Job, original: Rendered) -> Iterator[Row]:
    """An original under its recording's name, and again, with its copies, in splits."""
    out, _, seed, vessel = job
    gas, number = original.gas, vessel.first + original.frame + 1
    name = f'{vessel.recording}_frame_{original.frame:04d}.png'
    folder = f'original_annotated/ph_{vessel.ph:.1f}/{gas}'
    originals = [f'{folder}_{part}/{name}' for part in ('frame', 'mask')]
    for path in originals:
        (out / path).parent.mkdir(parents=True, exist_ok=True)
    write_png(out / originals[0], original.image)
    write_mask(out / originals[1], original.mask)
    sample_id = f'sample_{number:05d}'
    for copy, split in enumerate(vessel.splits[original.frame]):
        stem = f'{sample_id}_aug_{copy - 1:03d}' if copy else f'{sample_id}_orig'
        row = _write_labelled(
            job,
            _copy(original, copy, seed, vessel) if copy else original,
            sample_id=sample_id,
            paths=(f'{split}/frames/{stem}.png', f'{split}/masks/{stem}.png'),
            column=f'column/{gas}/{sample_id}_{gas}.png',
            copy=copy,
        )
        yield row | {
            'split': split,
            'sample_id': stem,
            'augmentation_id': copy - 1,
            'original_frame_path': originals[0],
            'original_mask_path': originals[1],
        }


def _copy(original: Rendered, copy: int, seed: int, vessel: Vessel) -> Rendered:
    frame = 100 * original.frame + copy
    draw = partial(stream, seed, 'augmentation', vessel=vessel.index, frame=frame)
    image, mask = augment(
        original.image,
        original.mask,
        geometry=draw(),
        photometry=draw(gas=original.gas),
    )
    truth = original.truth | areas(mask)
    return dataclasses.replace(original, image=image, mask=mask, truth=truth)


def _write_clip(job: Job, frame: int, gas: Gas) -> Iterator[Row]:
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
    rendered = render_clip(parameters, vessel, seed=seed, frame=frame, gas=gas)
    try:
        for number, taken in enumerate(rendered):
            writer.write(cv2.cvtColor(taken.image, cv2.COLOR_GRAY2BGR))
            paths = tuple(f'{folder}/{x}/{number:05d}.png' for x in ('frames', 'masks'))
            if number % parameters.label_every:
                write_png(out / paths[0], taken.image)
                continue
            sample_id = f'{clip}_t{number:05d}'
            column = f'column/{gas}/{sample_id}_{gas}.png'
            yield _write_labelled(
                job, taken, sample_id=sample_id, paths=paths, column=column
            )
    finally:
        writer.release()


def _write_labelled(
    job: Job,
    taken: Rendered,
    *,
    sample_id: str,
    paths: tuple[str, ...],
    column: str,
    copy: int = 0,
) -> Row:
    """Write frame, mask and, where asked for, the column density of an original."""
    out, parameters, _, vessel = job
    write_png(out / paths[0], taken.image)
    write_mask(out / paths[1], taken.mask)
    unit = COLUMN_UNIT[taken.gas]
    if copy or not parameters.truth:
        column = ''
    else:
        counts = np.round(taken.column / np.float32(unit))
        write_png(out / column, np.clip(counts, 0, 65_535).astype(np.uint16))
    class_id = health_class(vessel.ph)
    return {
        'split': vessel.split,
        ('recording' if vessel.recording else 'vessel_id'): vessel.vessel_id,
        'original_sample_id': sample_id,
        'augmentation_id': copy,
        'is_augmented': copy > 0,
        'gas_type': taken.gas,
        'ph_value': vessel.ph,
        'class_id': class_id,
        'class_name': HEALTH_CLASSES[class_id],
        'frame_path': paths[0],
        'mask_path': paths[1],
        **taken.truth,
        'column_path': column,
        'column_ppm_m_per_count': unit,
    }
