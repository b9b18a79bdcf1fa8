"""A campaign: vessels, splits, missing gases, frames and tables on disk.

Layout below the campaign's folder::

    {train,val,test}_annotations.csv   one row per frame; groups are vessels
    frames/<gas>/v0001_f00_<gas>.png   8-bit gray
    masks/<gas>/v0001_f00_<gas>.png    0 background, 1 tube, 2 gas
    truth.csv                          what only a simulator knows
    campaign.json                      parameters, seed, counts; there once complete
"""

import csv
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from fume_mm.errors import UserError
from fume_mm.structures import (
    GASES,
    HEALTH_CLASSES,
    NOMINAL_PH,
    SPLITS,
    Gas,
    health_class,
)

from .parameters import SIMULATOR_VERSION, CampaignParameters
from .render import render_vessel
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
TRUTH_KEYS = ('split', 'vessel_id', 'original_sample_id', 'gas_type', 'ph_value')
SPLIT_SHARES = {'train': 0.65, 'val': 0.15, 'test': 0.20}
MANIFEST = 'campaign.json'
# Written first and renamed to MANIFEST last: it says that a campaign is incomplete.
PARTIAL = 'campaign.partial.json'


@dataclass(frozen=True)
class Vessel:
    """A vessel of the plan.

    Attributes:
        index: 0, 1, ...
        ph: Its pH.
        split: Where its frames go.
        present: For each sample, which gases it has.
    """

    index: int
    ph: float
    split: str
    present: list[dict[Gas, bool]]

    @property
    def vessel_id(self) -> str:
        """``v0001`` for the first."""
        return f'v{self.index + 1:04d}'


Job = tuple[Path, CampaignParameters, int, Vessel]
Rows = list[dict[str, Any]]


def plan_vessels(parameters: CampaignParameters, *, seed: int) -> list[Vessel]:
    """Give every vessel its pH, its split and its samples their gases.

    Classes get equal numbers of vessels, and so do the pH values within a class.
    Splits are of vessels, with shares :data:`SPLIT_SHARES` of every stretch of the pH
    scale, to a vessel or two; from 18 vessels on, every split has every class.

    Raises:
        UserError: If ``seed`` is negative.
    """
    if seed < 0:
        raise UserError(f'seed is {seed}; choose 0 or more.')
    phs_of_class = [
        [ph for ph, of_class in NOMINAL_PH.items() if of_class == class_id]
        for class_id in range(len(HEALTH_CLASSES))
    ]
    values = []
    for number in range(parameters.vessels):
        turn, class_id = divmod(number, len(phs_of_class))
        choices = phs_of_class[class_id]
        values.append(choices[turn % len(choices)])
    phs = stream(seed, 'vessels').permutation(values).tolist()

    # Along the vessels in order of pH (at random within), each goes to the split
    # that is furthest behind its share.
    order = stream(seed, 'splits').permutation(parameters.vessels)
    counts = dict.fromkeys(SPLITS, 0)
    split_of = {}
    for done, index in enumerate(sorted(order.tolist(), key=lambda i: phs[i]), 1):
        split = max(SPLITS, key=lambda s: done * SPLIT_SHARES[s] - counts[s])
        counts[split] += 1
        split_of[index] = split
    return [
        Vessel(
            index=index,
            ph=phs[index],
            split=split_of[index],
            present=_draw_present(parameters, seed=seed, vessel=index),
        )
        for index in range(parameters.vessels)
    ]


def _draw_present(
    parameters: CampaignParameters, *, seed: int, vessel: int
) -> list[dict[Gas, bool]]:
    draws = stream(seed, 'missing', vessel=vessel).random(parameters.frames_per_vessel)
    no_co2 = draws < parameters.missing_co2
    no_ch4 = draws >= 1 - parameters.missing_ch4
    return [
        {'co2': not co2, 'ch4': not ch4}
        for co2, ch4 in zip(no_co2.tolist(), no_ch4.tolist(), strict=True)
    ]


def describe(parameters: CampaignParameters, *, seed: int) -> dict[str, Any]:
    """The part of campaign.json that identifies a campaign."""
    return {
        'simulated': True,
        'name': parameters.name,
        'seed': seed,
        'simulator_version': SIMULATOR_VERSION,
        'gas_free': parameters.gas_free,
        'parameters': parameters.as_dict(),
    }


def holds_campaign(out: Path, *, parameters: CampaignParameters, seed: int) -> bool:
    """Whether ``out`` holds this very campaign, complete.

    Raises:
        UserError: If ``out`` holds anything else than this campaign or a part of it,
            or cannot be read.
    """
    found, complete = _find_campaign(out)
    wanted = describe(parameters, seed=seed)
    if found is None or {key: found.get(key) for key in wanted} == wanted:
        return complete
    state = 'a campaign' if complete else 'an interrupted campaign'
    raise UserError(
        f'{out} holds {state} with other parameters (name {found.get("name")!r}, seed '
        f'{found.get("seed")}, simulator {found.get("simulator_version")}); name '
        'another folder, or pass --force to replace it.'
    )


def _find_campaign(out: Path) -> tuple[dict[str, Any] | None, bool]:
    """What identifies the campaign in ``out`` (None: no campaign), and if complete."""
    try:
        # A first write that failed leaves no more than this.
        entries = sorted({entry.name for entry in out.iterdir()} - {f'{PARTIAL}.part'})
        for name in (PARTIAL, MANIFEST):
            if name in entries:
                content = json.loads((out / name).read_text(encoding='utf-8'))
                if isinstance(content, dict) and content.get('simulated'):
                    return content, name == MANIFEST
    except FileNotFoundError:
        return None, False
    except NotADirectoryError:
        raise UserError(f'{out} is not a folder; name one for the campaign.') from None
    except OSError as error:
        raise UserError(
            f'{error.filename} cannot be read ({error.strerror}); name another folder.'
        ) from error
    except ValueError:  # not JSON, or not even text
        pass
    if entries:
        raise UserError(
            f'{out} is not empty and holds no simulated campaign (found {entries[0]}); '
            'name another folder.'
        )
    return None, False


def _remove_contents(out: Path) -> None:
    """Remove all of a campaign but what says that it is incomplete."""
    names = [MANIFEST, 'truth.csv', 'pairing_statistics.json']
    for split in SPLITS:
        # Pairs made from annotations that are gone would point nowhere.
        names += [f'{split}_annotations.csv', f'paired_{split}_annotations.csv']
    for name in names:
        (out / name).unlink(missing_ok=True)
    for folder in ('frames', 'masks'):
        for gas in GASES:
            if (out / folder / gas).exists():
                shutil.rmtree(out / folder / gas)


def write_campaign(
    out: Path,
    *,
    parameters: CampaignParameters,
    seed: int,
    workers: int = 1,
    on_frames: Callable[[int], object] | None = None,
) -> dict[str, Any]:
    """Render a campaign into ``out``; the same bytes for any number of workers.

    A simulated campaign that ``out`` holds is replaced: ask :func:`holds_campaign`
    first.

    Args:
        out: The campaign's folder.
        parameters: The campaign.
        seed: Its seed, 0 or more.
        workers: Processes; 1 renders in this one.
        on_frames: Called with the number of frames just written.

    Returns:
        What campaign.json holds.

    Raises:
        UserError: If ``seed`` or ``workers`` is out of range, ``out`` holds anything
            but a simulated campaign, or cannot be written.
    """
    if workers < 1:
        raise UserError(f'workers is {workers}; choose 1 or more.')
    vessels = plan_vessels(parameters, seed=seed)
    identity = describe(parameters, seed=seed)
    _find_campaign(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_json(out / PARTIAL, identity)
        _remove_contents(out)
        for folder in ('frames', 'masks'):
            for gas in GASES:
                (out / folder / gas).mkdir(parents=True)

        truths: list[Rows] = [[] for _ in vessels]
        jobs = [(out, parameters, seed, vessel) for vessel in vessels]
        # Closed, so that an interruption does not wait for all that is still to do.
        with closing(_run(jobs, workers=min(workers, len(jobs)))) as finished:
            for index, rows in finished:
                truths[index] = rows
                if on_frames is not None:
                    on_frames(len(rows))
        rows = [row for vessel_rows in truths for row in vessel_rows]
        for split in SPLITS:
            _write_annotations(
                out / f'{split}_annotations.csv',
                [row for row in rows if row['split'] == split],
            )
        _write_csv(out / 'truth.csv', rows, tuple(rows[0]))
        manifest = {**identity, 'counts': _count(rows, vessels)}
        _write_json(out / PARTIAL, manifest)
        (out / PARTIAL).replace(out / MANIFEST)
    except OSError as error:
        raise UserError(
            f'{error.filename or out} cannot be written ({error.strerror}); free the '
            'space or the permission and repeat the command, or name another folder.'
        ) from error
    return manifest


def _run(jobs: list[Job], *, workers: int) -> Generator[tuple[int, Rows], None, None]:
    if workers == 1:
        yield from map(_write_vessel, jobs)
        return
    # Spawned, not forked: a fork would copy the caller's threads' locks.
    context = multiprocessing.get_context('spawn')
    try:
        with ProcessPoolExecutor(workers, context, _start_worker) as pool:
            yield from pool.map(_write_vessel, jobs)
    except BrokenProcessPool as error:
        raise UserError(
            'a worker process was killed, perhaps for want of memory; repeat the '
            'command with fewer --workers.'
        ) from error


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _write_vessel(job: Job) -> tuple[int, Rows]:
    out, parameters, seed, vessel = job
    rows = []
    frames = render_vessel(
        parameters,
        seed=seed,
        vessel=vessel.index,
        ph=vessel.ph,
        present=vessel.present,
    )
    for rendered in frames:
        sample_id = f'{vessel.vessel_id}_f{rendered.frame:02d}'
        name = f'{sample_id}_{rendered.gas}.png'
        _write_png(out / 'frames' / rendered.gas / name, rendered.image)
        _write_png(out / 'masks' / rendered.gas / name, rendered.mask)
        keys = (vessel.split, vessel.vessel_id, sample_id, rendered.gas, vessel.ph)
        rows.append({**dict(zip(TRUTH_KEYS, keys, strict=True)), **rendered.truth})
    return vessel.index, rows


def _write_png(path: Path, image: np.ndarray) -> None:
    _, data = cv2.imencode('.png', image)
    path.write_bytes(data.tobytes())


def _write_annotations(path: Path, rows: Rows) -> None:
    annotations = []
    for row in rows:
        name = f'{row["gas_type"]}/{row["original_sample_id"]}_{row["gas_type"]}.png'
        class_id = health_class(row['ph_value'])
        annotations.append(
            {
                **row,
                'frame_path': f'frames/{name}',
                'mask_path': f'masks/{name}',
                'class_id': class_id,
                'class_name': HEALTH_CLASSES[class_id],
                'augmentation_id': 0,
            }
        )
    _write_csv(path, annotations, ANNOTATION_COLUMNS)


def _write_csv(path: Path, rows: Rows, columns: tuple[str, ...]) -> None:
    with path.open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(
            file, columns, extrasaction='ignore', lineterminator='\n'
        )
        writer.writeheader()
        writer.writerows(rows)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    # Replaced whole: a crash leaves the former content, not half of the new one.
    part = path.with_name(f'{path.name}.part')
    part.write_text(json.dumps(content, indent=2) + '\n', encoding='utf-8')
    part.replace(path)


def _count(rows: Rows, vessels: list[Vessel]) -> dict[str, Any]:
    samples = {row['original_sample_id']: row for row in rows}.values()
    return {
        'vessels': len(vessels),
        'samples': len(samples),
        'frames': len(rows),
        'vessels_by_split': _tally(vessel.split for vessel in vessels),
        'samples_by_split': _tally(row['split'] for row in samples),
        'samples_by_class': _tally(
            HEALTH_CLASSES[health_class(row['ph_value'])] for row in samples
        ),
        'frames_by_gas': _tally(row['gas_type'] for row in rows),
        'frames_without_gas': sum(row['gas_area'] == 0 for row in rows),
    }


def _tally(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
