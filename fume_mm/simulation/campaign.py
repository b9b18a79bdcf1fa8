"""A campaign on disk: written by vessels, continued where it was killed.

Layout below the campaign's folder::

    {train,val,test}_annotations.csv   one row per frame; groups are vessels
    frames/<gas>/v0001_f00_<gas>.png   8-bit gray (..._a07_<gas>.png: a copy)
    masks/<gas>/v0001_f00_<gas>.png    0 background, 1 tube, 2 gas (palette PNG)
    clips/<gas>/v0001_f00_<gas>.avi    video, and a folder with frames/ and masks/
    column/<gas>/v0001_f00_<gas>.png   16 bit, true column density where asked for
    truth.csv                          what only a simulator knows
    README.md                          the data card
    campaign.json                      parameters, seed, counts; there once complete
    parts/                             rows of the vessels done, until complete

With fixed counts (the presets ``paper`` and ``founding``) the frames lie as FUME's
owners hold theirs: originals of one gas named after their recording, copies in the
splits under names that tell it no more::

    original_annotated/ph_6.5/co2_{frame,mask}/MOV0001_frame_0000.png
    annotations.csv                    one row per original
    {train,val,test}/{frames,masks}/sample_00001_{orig,aug_000,...}.png
    {train,val,test}_annotations.csv   split at random after copying, as theirs
    split_config.json                  shares and counts
"""

import csv
import json
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import cv2
from threadpoolctl import threadpool_limits

from fume_mm.errors import UserError
from fume_mm.io.files import read_json, sole_writer, write_json
from fume_mm.structures import ANNOTATION_COLUMNS, GASES, SPLITS

from .card import Counts, data_card
from .parameters import SIMULATOR_VERSION
from .plan import Vessel, frames_of, plan_vessels
from .presets import CampaignParameters
from .writing import FOLDERS, NOT_IN_TRUTH, OWNERS_FOLDERS, Job, Row, write_vessel

MANIFEST = 'campaign.json'
# Written first and renamed to MANIFEST last: it says that a campaign is incomplete.
PARTIAL = 'campaign.partial.json'
# There from when the folder is clean until the campaign is complete.
PARTS = 'parts'


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
    if found is None or describe(parameters, seed=seed).items() <= found.items():
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
        # A first write that was killed leaves no more than a temporary file.
        entries = sorted(x.name for x in out.iterdir() if x.suffix != '.part')
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
    names = [MANIFEST, 'README.md', 'truth.csv', 'pairing_statistics.json']
    names += ['annotations.csv', 'split_config.json']
    # Pairs made from annotations that are gone would point nowhere.
    for made in ('', 'paired_'):
        names += [f'{made}{split}_annotations.csv' for split in SPLITS]
    for name in names:
        (out / name).unlink(missing_ok=True)
    for folder in (*FOLDERS, *OWNERS_FOLDERS):
        if (out / folder).exists():
            shutil.rmtree(out / folder)


def write_campaign(
    out: Path,
    *,
    parameters: CampaignParameters,
    seed: int,
    workers: int = 1,
    resume: bool = True,
    on_frames: Callable[[int], object] = lambda frames: None,
) -> dict[str, Any]:
    """Render a campaign into ``out``; the same bytes for any number of workers.

    With ``resume``, vessels that an interrupted call with the same arguments has
    finished are kept. Any other simulated campaign that ``out`` holds is replaced: ask
    :func:`holds_campaign` first. One worker renders in this process; ``on_frames`` is
    called with the number of frames just written, or found finished.

    Returns:
        What campaign.json holds.

    Raises:
        UserError: If ``seed`` or ``workers`` is out of range, ``out`` holds anything
            but a simulated campaign, another process writes there, or it cannot be
            written.
    """
    if workers < 1:
        raise UserError(f'workers is {workers}; choose 1 or more.')
    vessels = plan_vessels(parameters, seed=seed)
    identity = describe(parameters, seed=seed)
    found, complete = _find_campaign(out)
    parts = out / PARTS
    same = found is not None and identity.items() <= found.items()
    resume = resume and same and not complete and parts.is_dir()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with sole_writer(out):
            return _fill(
                out,
                parameters,
                seed=seed,
                vessels=vessels,
                identity=identity,
                resume=resume,
                workers=workers,
                on_frames=on_frames,
            )
    except OSError as error:
        raise UserError(
            f'{error.filename or out} cannot be written ({error.strerror}); free the '
            'space or the permission and repeat the command, or name another folder.'
        ) from error


def _fill(
    out: Path,
    parameters: CampaignParameters,
    *,
    seed: int,
    vessels: Sequence[Vessel],
    identity: dict[str, Any],
    resume: bool,
    workers: int,
    on_frames: Callable[[int], object],
) -> dict[str, Any]:
    """Write what a campaign lacks; what campaign.json holds."""
    parts = out / PARTS
    if not resume:
        # First, lest another campaign's vessels be taken for this one's.
        if parts.exists():
            shutil.rmtree(parts)
        write_json(out / PARTIAL, identity)
        _remove_contents(out)
        folders = ['clips'] if parameters.video_seconds else ['frames', 'masks']
        parents: Sequence[str] = GASES
        if parameters.counts is not None:
            folders, parents = ['frames', 'masks'], SPLITS
        for parent in parents:
            for folder in folders:
                place = (parent, folder) if parents == SPLITS else (folder, parent)
                out.joinpath(*place).mkdir(parents=True)
        for gas in GASES if parameters.truth else ():
            (out / 'column' / gas).mkdir(parents=True)
        parts.mkdir()
    for path in out.rglob('.*.part'):  # of writes that were killed
        path.unlink()

    jobs = []
    files = [parts / f'{vessel.vessel_id}.json' for vessel in vessels]
    for vessel, file in zip(vessels, files, strict=True):
        if file.exists():
            on_frames(frames_of(vessel, parameters))
        else:
            jobs.append((out, parameters, seed, vessel))
    # Closed, so that an interruption does not wait for all that is still to do.
    with closing(_run(jobs, workers=min(workers, len(jobs)))) as finished:
        for index, rows in finished:
            write_json(files[index], rows, indent=None)
            on_frames(frames_of(vessels[index], parameters))
    counts = _write_tables(out, files).as_dict()
    if parameters.counts is not None:
        write_json(out / 'split_config.json', _split_config(counts, parameters))
    manifest = {**identity, 'counts': counts}
    (out / 'README.md').write_text(data_card(manifest), encoding='utf-8')
    write_json(out / PARTIAL, manifest)
    (out / PARTIAL).replace(out / MANIFEST)
    shutil.rmtree(parts)
    return manifest


def _write_tables(out: Path, files: list[Path]) -> Counts:
    """Write all CSVs in one pass, so that no table is ever whole in memory."""
    counts = Counts()
    first = read_json(files[0])[0]
    owners = 'recording' in first
    annotated = [*ANNOTATION_COLUMNS, 'vessel_id']
    if owners:
        annotated = ['sample_id', *ANNOTATION_COLUMNS, 'is_augmented']
    columns = {f'{split}_annotations': annotated for split in SPLITS}
    columns['truth'] = [key for key in first if key not in NOT_IN_TRUTH]
    if owners:
        kept = ('ph_value', 'class_id', 'class_name', 'gas_type')
        columns['annotations'] = ['sample_id', 'frame_path', 'mask_path', *kept]
    with ExitStack() as stack:
        tables = {}
        for name, fields in columns.items():
            path = out / f'{name}.csv'
            text = stack.enter_context(path.open('w', newline='', encoding='utf-8'))
            tables[name] = csv.DictWriter(
                text, fields, extrasaction='ignore', lineterminator='\n'
            )
            tables[name].writeheader()
        for file in files:
            rows = read_json(file)
            counts.add(rows)
            tables['truth'].writerows(rows)
            for row in rows:
                tables[f'{row["split"]}_annotations'].writerow(
                    {key: _as_theirs(row[key]) for key in annotated} if owners else row
                )
                if owners and not row['is_augmented']:
                    tables['annotations'].writerow(_original(row))
    return counts


def _as_theirs(value: Any) -> Any:
    """A path as the owners' Windows scripts write it; anything else as it is."""
    if not isinstance(value, str) or '/' not in value:
        return value
    return f'mmseg_dataset/{value}'.replace('/', '\\')


def _original(row: Row) -> Row:
    """The root CSV's row of an original, of the row of its copy in a split."""
    paths = {f'{part}_path': row[f'original_{part}_path'] for part in ('frame', 'mask')}
    return row | paths | {'sample_id': row['original_sample_id']}


def _split_config(
    counts: dict[str, Any], parameters: CampaignParameters
) -> dict[str, Any]:
    """The owners' split_config.json."""
    return {
        'dataset_info': {
            'simulated': True,
            'total_originals': sum(counts['originals_by_gas'].values()),
            'total_samples': counts['frames'],
        },
        'split_ratios': parameters.split_shares,
        'split_counts': {split: counts['frames_by_split'][split] for split in SPLITS},
        'directory_structure': {
            split: {'frames': f'{split}/frames', 'masks': f'{split}/masks'}
            for split in SPLITS
        },
    }


def _run(
    jobs: list[Job], *, workers: int
) -> Generator[tuple[int, list[Row]], None, None]:
    if workers <= 1:
        yield from map(write_vessel, jobs)
        return
    # Spawned, not forked: a fork would copy the caller's threads' locks.
    context = multiprocessing.get_context('spawn')
    try:
        with ProcessPoolExecutor(workers, context, _start_worker) as pool:
            yield from pool.map(write_vessel, jobs)
    except BrokenProcessPool as error:
        raise UserError(
            'a worker process was killed, perhaps for want of memory; repeat the '
            'command with fewer --workers.'
        ) from error


def use_one_thread() -> None:
    """Keep this process to one thread: its matrices are too small to share out.

    OpenBLAS would wait for them on every core, which other workers need.
    """
    cv2.setNumThreads(1)
    threadpool_limits(1, 'blas')


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    use_one_thread()
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
