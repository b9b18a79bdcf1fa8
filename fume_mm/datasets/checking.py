"""Everything that is wrong with a campaign, in one report.

Reading for training stops at the first kind of mistake; here every CSV, row, frame and
mask is looked at, and the splits are held against each other. The checks of rows are
those of the readers.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.images import check_mask_values, read_gray, read_mask_values
from fume_mm.io.progress import ordered_map
from fume_mm.io.tables import NO_CLASS, CsvTable, Defect
from fume_mm.structures import GAS, GASES, IGNORE, SPLITS

from .annotations import (
    ANNOTATION_COLUMNS,
    existing_root,
    is_simulated,
    parse_annotations,
)
from .pairing import PAIRED_COLUMNS, parse_paired
from .splitting import find_leaks

_RESTORE = 'restore the file or delete the row'
_PAIR = 'pair again with `python tools/dataset_converters/pair_gases.py {root}`'
_SPLIT = (
    'split again by whole groups with '
    '`python tools/dataset_converters/split_by_group.py {root} --out {root} --force`'
)


@dataclass
class CampaignReport:
    """What :func:`check_campaign` found.

    Attributes:
        root: The campaign.
        defects: All of them; CSVs in the order of the splits, then files, then splits.
        frames: The rows of all annotation CSVs, also those at fault: ``split`` and what
            :func:`~fume_mm.datasets.annotations.read_annotations` gives.
        notes: Sentences on what is no defect but good to know.
    """

    root: Path
    defects: list[Defect] = field(default_factory=list)
    frames: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: list[str] = field(default_factory=list)


def check_campaign(
    root: str | Path,
    *,
    splits: Sequence[str] = SPLITS,
    workers: int | None = None,
    track: Callable[[Iterable, int], Iterable] = lambda items, total: items,
) -> CampaignReport:
    """Look at every CSV, frame and mask of a campaign, and at its splits.

    Each frame and each mask is read and decoded once. Copies across splits are found by
    the content of the frames: a hash of the decoded gray pixels, as training sees them,
    so neither the file's name nor its format hides a copy.

    Args:
        root: The campaign's folder.
        splits: Those that must be there. ``paired_{split}_annotations.csv`` is checked
            where it exists.
        workers: Threads that read and decode; None is a few more than processors.
        track: Given an iterable and its length, shows progress as it is consumed.

    Raises:
        UserError: If there is no such folder, or no annotation CSV of these splits.
    """
    root = existing_root(root)
    paths = {split: root / f'{split}_annotations.csv' for split in splits}
    if not any(path.exists() for path in paths.values()):
        raise UserError(
            f'{root} has none of {", ".join(path.name for path in paths.values())}; '
            'name the folder that holds the annotation CSVs.'
        )
    report = CampaignReport(root)
    tables = {
        split: _parsed(path, ANNOTATION_COLUMNS, parse_annotations, report)
        for split, path in paths.items()
    }
    paired_paths = {s: root / f'paired_{s}_annotations.csv' for s in splits}
    paired = {
        split: _parsed(path, PAIRED_COLUMNS, parse_paired, report)
        for split, path in paired_paths.items()
        if path.exists()
    }
    known = {split: table for split, table in tables.items() if table}
    report.frames = pd.concat(
        [
            table.frame.assign(split=split, csv=str(table.path), line=table.lines)
            for split, table in known.items()
        ]
        or [pd.DataFrame(columns=['split', 'csv', 'line', *ANNOTATION_COLUMNS])],
        ignore_index=True,
    )
    in_pairs = {split: table for split, table in paired.items() if table}
    if len(known) == len(splits) == len(SPLITS):
        _check_against_annotations(in_pairs, report)
    digests = _check_files(
        [*known.values(), *in_pairs.values()], report, workers, track
    )
    _check_splits(in_pairs, digests, report)
    _note(in_pairs, report)
    return report


def _parsed(
    path: Path,
    columns: Sequence[str],
    parse: Callable[[CsvTable], None],
    report: CampaignReport,
) -> CsvTable | None:
    """The CSV, its mistakes noted; None if it is no table at all."""
    if not path.is_file():
        report.defects.append(
            Defect(str(path), None, '', 'the CSV does not exist', 'restore it')
        )
        return None
    try:
        table = CsvTable(path, columns, root=report.root, defects=report.defects)
        parse(table)
    except UserError as error:
        report.defects.append(_defect(path, None, error))
        return None
    return table


def _defect(path: Path, line: int | None, error: UserError, shown: str = '') -> Defect:
    """A defect of what a reader says of a file, ``path: problem; way out.``."""
    text = str(error).removeprefix(str(path)).lstrip(':, ').removesuffix('.')
    problem, _, way_out = text.partition('; ')
    return Defect(str(path), line, shown, problem, way_out)


def _check_against_annotations(
    paired: dict[str, CsvTable], report: CampaignReport
) -> None:
    """Note samples whose frames the annotation CSVs lack or describe otherwise."""
    rows = report.frames.drop_duplicates('frame_path').set_index('frame_path')
    again = _PAIR.format(root=report.root)
    resplit = _is_resplit(report.root)
    for split, table in paired.items():
        frame = table.frame
        for gas in GASES:
            names = frame[f'{gas}_frame']
            there = names.isin(rows.index)
            table.refuse(
                (names != '') & ~(there & (names.map(rows['gas_type']) == gas)),
                f'{gas}_frame',
                f'{gas}_frame is not a {gas} frame of the annotation CSVs',
                again,
            )
            table.refuse(
                there & (names.map(rows['split']) != split) & (not resplit),
                f'{gas}_frame',
                f'{gas}_frame is in another split of the annotation CSVs',
                again,
            )
            for column, own in (
                ('mask_path', f'{gas}_mask'),
                ('ph_value', 'ph_value'),
                ('class_id', 'class_id'),
            ):
                truth = names.map(rows[column])
                both_empty = truth.isna() & frame[own].isna()
                table.refuse(
                    there & (truth != frame[own]) & ~both_empty,
                    lambda row, names=names, own=own, frame=frame: (  # type: ignore[misc]
                        f"'{names.iat[row]}', {own} {frame[own].iat[row]}"
                    ),
                    f'{own} differs from the {column} of the frame in the annotation '
                    'CSVs',
                    again,
                )


def _check_files(
    tables: Sequence[CsvTable],
    report: CampaignReport,
    workers: int | None,
    track: Callable[[Iterable, int], Iterable],
) -> dict[str, bytes]:
    """Note what is wrong with the files; the digest of each readable frame's pixels."""
    jobs: dict[tuple[str, str], tuple[Path, int]] = {}
    for table in tables:
        sides = [('frame_path', 'mask_path')] if 'frame_path' in table.frame else []
        sides = sides or [(f'{gas}_frame', f'{gas}_mask') for gas in GASES]
        for frame, mask in sides:
            pairs = zip(table.frame[frame], table.frame[mask], strict=True)
            for pair, line in zip(pairs, table.lines.tolist(), strict=True):
                if any(pair):
                    jobs.setdefault(pair, (table.path, line))
    digests = {}
    ignored, gas_seen = 0, False
    found = ordered_map(lambda pair: _inspect(report.root, *pair), jobs, workers)
    seen = zip(jobs.items(), track(found, len(jobs)), strict=True)
    for ((name, _), (path, line)), (faults, digest, values) in seen:
        ignored += IGNORE in values
        gas_seen |= GAS in values
        if digest is not None:
            digests[name] = digest
        report.defects += [Defect(str(path), line, *fault) for fault in faults]
    if ignored and not gas_seen:
        report.defects.append(
            Defect(
                str(report.root),
                None,
                f'{ignored} masks with {IGNORE}',
                f'no mask has gas ({GAS}), and {IGNORE} is unlabelled',
                f'if {IGNORE} is meant as gas, bring the masks in with '
                '`python tools/dataset_converters/import_folders.py`',
            )
        )
    return digests


Fault = tuple[str, str, str]


def _inspect(
    root: Path, frame: str, mask: str
) -> tuple[list[Fault], bytes | None, set[int]]:
    """Faults of a frame and its mask, the frame's digest, GAS and IGNORE if there."""
    faults: list[Fault] = []
    values: set[int] = set()
    pixels = _read(read_gray, root, 'frame', frame, faults)
    classes = _read(read_mask_values, root, 'mask', mask, faults)
    if classes is not None:
        values = {value for value in (GAS, IGNORE) if (classes == value).any()}
        try:
            check_mask_values(classes, mask)
        except UserError as error:
            defect = _defect(Path(mask), None, error)
            faults.append((f"'{mask}'", defect.problem, defect.way_out))
    if pixels is None:
        return faults, None, values
    if classes is not None and pixels.shape != classes.shape[:2]:
        sizes = [f'{a.shape[1]}x{a.shape[0]}' for a in (pixels, classes)]
        faults.append(
            (
                f"'{frame}' is {sizes[0]}, its mask {sizes[1]}",
                'frame and mask differ in size',
                'give the frame the mask that was drawn on it',
            )
        )
    digest = blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return faults, digest.digest(), values


def _read(
    reader: Callable[[Path], np.ndarray],
    root: Path,
    kind: str,
    name: str,
    faults: list[Fault],
) -> np.ndarray | None:
    if not name:  # the row's defect is noted already
        return None
    path = root / name
    if not path.exists():
        faults.append((f"'{name}'", f'the {kind} does not exist', _RESTORE))
        return None
    try:
        return reader(path)
    except UserError as error:
        defect = _defect(path, None, error)
        problem = defect.problem.removeprefix('is ')
        faults.append((f"'{name}'", f'the {kind} is {problem}', defect.way_out))
        return None


def _check_splits(
    paired: dict[str, CsvTable], digests: dict[str, bytes], report: CampaignReport
) -> None:
    """Note groups and frames that more than one split has."""
    frames, root = report.frames, report.root
    if 'group' not in frames:
        return
    by_split = _by_split(frames)
    if not _is_resplit(root):
        _note_leaks(by_split, 'annotation', _SPLIT.format(root=root), report)
        side = frames[['split', 'csv', 'line', 'frame_path']]
    else:
        report.notes.append(
            'The paired CSVs were split anew (pair_gases.py --resplit): they, not the '
            'annotation CSVs, were held against each other.'
        )
        side = _frames_of(paired)
    again = _PAIR.format(root=root)
    group_of = frames.drop_duplicates('frame_path').set_index('frame_path')['group']
    of_pairs = {
        split: rows.assign(group=rows['frame_path'].map(group_of))
        for split, rows in _by_split(_frames_of(paired)).items()
    }
    _note_leaks(of_pairs, 'paired', again[:-1] + ' --resplit`', report)

    copies = side.assign(digest=side['frame_path'].map(digests)).dropna()
    by_content = copies.groupby('digest')
    crossing = copies[by_content['split'].transform('nunique') > 1]
    for _, same in crossing.groupby('digest', sort=False):
        first = same.iloc[0]
        for other in same[same['split'] != first['split']].itertuples():
            report.defects.append(
                Defect(
                    other.csv,
                    other.line,
                    f"'{other.frame_path}' is '{first['frame_path']}' of "
                    f'{first["split"]}',
                    'a frame has the same pixels as one of another split',
                    'delete one of the rows',
                )
            )
    # What is in other splits is a defect above; here the rest counts.
    own = copies.drop_duplicates(['split', 'digest'])
    if repeats := len(copies) - len(own):
        report.notes.append(
            f'{repeats} frames repeat the pixels of one of their split.'
        )


def _by_split(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(split): rows for split, rows in rows.groupby('split', sort=False)}


def _frames_of(paired: dict[str, CsvTable]) -> pd.DataFrame:
    """split, csv, line and frame_path of each frame of the paired CSVs."""
    parts = [
        pd.DataFrame(
            {
                'split': split,
                'csv': str(table.path),
                'line': table.lines,
                'frame_path': table.frame[f'{gas}_frame'].to_numpy(),
            }
        )
        for split, table in paired.items()
        for gas in GASES
    ]
    if not parts:
        return pd.DataFrame(columns=['split', 'csv', 'line', 'frame_path'])
    together = pd.concat(parts, ignore_index=True)
    return together[together['frame_path'] != '']


def _note_leaks(
    splits: dict[str, pd.DataFrame], kind: str, way_out: str, report: CampaignReport
) -> None:
    for group, where in find_leaks(splits).items():
        report.defects.append(
            Defect(
                str(report.root),
                None,
                f'{group} ({", ".join(where)})',
                f'a group is in more than one split of the {kind} CSVs',
                way_out,
            )
        )


def _is_resplit(root: Path) -> bool:
    try:
        text = (root / 'pairing_statistics.json').read_text(encoding='utf-8')
        return bool(json.loads(text).get('resplit'))
    except (OSError, ValueError, AttributeError):
        return False


def _note(paired: dict[str, CsvTable], report: CampaignReport) -> None:
    """Note what a user should know, and metadata that cannot be read."""
    frames = report.frames
    try:
        if is_simulated(report.root):
            report.notes.append('The campaign is simulated.')
    except UserError as error:
        path = report.root / 'campaign.json'
        report.defects.append(_defect(path, None, error))
    if 'group' not in frames:
        return
    empty = (frames['class_id'] == NO_CLASS) & (frames['class_name'] == '')
    if unlabelled := int(empty.sum()):
        report.notes.append(
            f'{unlabelled} frames have no health class: they serve segmentation only.'
        )
    if paired:
        used = _frames_of(paired)['frame_path']
        rows = frames[frames['split'].isin(paired)]
        if _is_resplit(report.root):
            rows = frames
        if unused := int((~rows['frame_path'].isin(used)).sum()):
            report.notes.append(f'{unused} annotated frames are in no paired CSV.')
