"""Everything that is wrong with a campaign, in one report.

Reading for training stops at the first kind of mistake; here every CSV, row, frame and
mask is looked at, and the splits are held against each other. The checks of rows are
those of the readers.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.images import (
    check_mask_values,
    read_gray,
    read_mask_values,
    read_pixels,
)
from fume_mm.io.label_file import read_labels
from fume_mm.io.progress import ordered_map
from fume_mm.io.stretch import Limits
from fume_mm.io.tables import NO_CLASS, CsvTable
from fume_mm.structures import GASES, IGNORE, SPLITS
from fume_mm.structures.labels import Labels

from .annotations import (
    ANNOTATION_COLUMNS,
    annotation_csvs,
    existing_root,
    is_simulated,
    parse_annotations,
)
from .campaign_report import PAIR_AGAIN, CampaignReport, problem_of
from .frame_limits import frame_limits, limits_of_rows
from .grouping import by_frame_note
from .paired_csv import PAIRED_COLUMNS, parse_paired
from .probing import Trace, frames_to_read, probe, trace_frame
from .split_checks import check_split_config, check_splits, is_resplit

#: Where a row of the report stands.
_PLACE = ['split', 'csv', 'line']
_RESTORE = 'restore the file or delete the row'


def check_campaign(
    root: str | Path,
    *,
    ann_root: str | Path | None = None,
    splits: Sequence[str] = SPLITS,
    workers: int | None = None,
    deep: bool = False,
) -> CampaignReport:
    """Look at every CSV, frame and mask of a campaign, and at its splits.

    Each frame and each mask is read and decoded once. Copies across splits are found by
    the content of the frames: a hash of the decoded gray pixels, as training sees them,
    so neither the file's name nor its format hides a copy. The probes look for leaks
    that no name tells (:mod:`.probing`).

    Args:
        root: The campaign's folder.
        ann_root: Where its CSVs lie, if not there.
        splits: Those that must be there. ``paired_{split}_annotations.csv`` is checked
            where it exists.
        workers: Threads that read and decode; None is a few more than processors.
        deep: Whether to try if the class can be told with the gas erased, too.

    Raises:
        UserError: If there is no such folder, or no annotation CSV of these splits.
    """
    root = existing_root(root)
    csvs = root if ann_root is None else Path(ann_root)
    annotation_csvs(csvs, splits)  # refuses a folder without any
    report = CampaignReport(root)
    tables, paired = {}, {}
    for split in splits:
        path = csvs / f'{split}_annotations.csv'
        if table := _parsed(path, ANNOTATION_COLUMNS, parse_annotations, report):
            tables[split] = table
    for split in splits:
        path = csvs / f'paired_{split}_annotations.csv'
        if path.exists() and (
            table := _parsed(path, PAIRED_COLUMNS, parse_paired, report)
        ):
            paired[split] = table
    report.frames = pd.concat(
        [
            table.frame.assign(split=split, csv=str(table.path), line=table.lines)
            for split, table in tables.items()
        ]
        or [pd.DataFrame(columns=[*_PLACE, *ANNOTATION_COLUMNS])],
        ignore_index=True,
    )
    of_pairs = _frames_of(paired)
    resplit = is_resplit(csvs)
    if len(tables) == len(splits) == len(SPLITS):
        _check_against_annotations(paired, report, resplit)
    files = pd.concat([report.frames[list(of_pairs)], of_pairs], ignore_index=True)
    limits = _limits(paired, report, workers)
    digests, traces = _check_files(files, report, workers, limits, deep=deep)
    check_split_config(csvs, report)
    if 'group' in report.frames:
        check_splits(of_pairs, digests, report, resplit)
        side = of_pairs if resplit else report.frames
        found = probe(report.frames, side, traces, digests, root=root)
        report.defects += found.defects
        report.warnings += found.warnings
        report.notes += found.notes
    _note(of_pairs, report, resplit)
    return report


def _parsed(
    path: Path,
    columns: Sequence[str],
    parse: Callable[[CsvTable], None],
    report: CampaignReport,
) -> CsvTable | None:
    """The CSV, its mistakes noted; None if it is no table at all."""
    if not path.is_file():
        report.add(path, None, '', 'the CSV does not exist', 'restore it')
        return None
    try:
        table = CsvTable(path, columns, root=report.root, defects=report.defects)
        parse(table)
    except UserError as error:
        report.add(path, None, '', *problem_of(path, error))
        return None
    return table


def _check_against_annotations(
    paired: dict[str, CsvTable], report: CampaignReport, resplit: bool
) -> None:
    """Note samples whose frames the annotation CSVs lack or describe otherwise."""
    rows = report.frames.drop_duplicates('frame_path').set_index('frame_path')
    again = PAIR_AGAIN.format(root=report.root)
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
    files: pd.DataFrame,
    report: CampaignReport,
    workers: int | None,
    limits: dict[str, Limits],
    *,
    deep: bool,
) -> tuple[dict[str, bytes], dict[str, Trace]]:
    """Note what is wrong with the files; digest and trace of each readable frame."""
    names = ['frame_path', 'mask_path']
    jobs = files[(files[names] != '').any(axis=1)].drop_duplicates(names)
    digests: dict[str, bytes] = {}
    traces: dict[str, Trace] = {}
    ignored, gas_seen = 0, False
    labels = read_labels(report.root)
    to_read = frames_to_read(report.frames)
    rows = jobs.to_dict('records')
    found = ordered_map(
        lambda row: _inspect(
            report.root,
            row['frame_path'],
            row['mask_path'],
            limits.get(row['frame_path']),
            labels,
            read=row['frame_path'] in to_read,
            deep=deep,
        ),
        rows,
        workers,
        frames=len(rows),
    )
    for row, (faults, digest, values, trace) in zip(rows, found, strict=True):
        ignored += IGNORE in values
        gas_seen |= labels.gas in values
        if digest is not None:
            digests[row['frame_path']] = digest
        if trace is not None:
            traces.setdefault(row['frame_path'], trace)
        for fault in faults:
            report.add(row['csv'], row['line'], *fault)
    if ignored and not gas_seen:
        report.add(
            report.root,
            None,
            f'{ignored} masks with {IGNORE}',
            f'no mask has gas ({labels.gas}), and {IGNORE} is unlabelled',
            f'if {IGNORE} is meant as gas, bring the masks in with '
            '`python tools/dataset_converters/import_dataset.py`',
        )
    return digests, traces


def _limits(
    paired: dict[str, CsvTable], report: CampaignReport, workers: int | None
) -> dict[str, Limits]:
    """By frame the limits that training uses: the paired CSVs', where there are."""
    if 'group' not in report.frames:
        return {}
    try:
        limits = frame_limits(report.frames, report.root, workers=workers)
    except UserError as error:
        report.add(report.root, None, '', *problem_of(report.root, error))
        return {}
    for table in paired.values():
        of_pairs = limits_of_rows(table.frame)
        frames = {x for gas in GASES for x in table.frame[f'{gas}_frame']}
        without = sorted(frames & limits.keys() - of_pairs.keys())
        if without:
            again = PAIR_AGAIN.format(root=report.root)
            report.notes.append(
                f'{len(without)} frames of more than 8 bits (as {without[0]}) have no '
                f'limits in {table.path.name}, so each is stretched by itself, not '
                f'by its recording; {again}.'
            )
        limits = {k: x for k, x in limits.items() if k not in without} | of_pairs
    return limits


Fault = tuple[str, str, str]


def _inspect(
    root: Path,
    frame: str,
    mask: str,
    limits: Limits | None,
    labels: Labels,
    *,
    read: bool,
    deep: bool,
) -> tuple[list[Fault], bytes | None, set[int], Trace | None]:
    """Faults of a frame and its mask, digest, gas and IGNORE if there, the trace."""
    faults: list[Fault] = []
    values: set[int] = set()
    decoded: list[np.ndarray] = []  # what colours the file had

    def as_trained(path: Path) -> np.ndarray:
        decoded.append(read_pixels(path))
        return read_gray(decoded[0], what=str(path), limits=limits)

    pixels = _read(as_trained, root, 'frame', frame, faults)
    classes = _read(read_mask_values, root, 'mask', mask, faults)
    if classes is not None:
        values = {value for value in (labels.gas, IGNORE) if (classes == value).any()}
        try:
            check_mask_values(classes, mask, labels.seg_classes)
        except UserError as error:
            faults.append((f"'{mask}'", *problem_of(mask, error)))
    if pixels is None:
        return faults, None, values, None
    if classes is not None and pixels.shape != classes.shape:
        sizes = [f'{a.shape[1]}x{a.shape[0]}' for a in (pixels, classes)]
        shown = f"'{frame}' is {sizes[0]}, its mask {sizes[1]}"
        way_out = 'give the frame the mask that was drawn on it'
        faults.append((shown, 'frame and mask differ in size', way_out))
    digest = blake2b(repr(pixels.shape).encode(), digest_size=16)
    digest.update(pixels.data)
    sound = None if faults else classes
    trace = trace_frame(
        frame, decoded[0], pixels, sound, gas=labels.gas, read=read, deep=deep
    )
    return faults, digest.digest(), values, trace


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
        problem, way_out = problem_of(path, error)
        faults.append((f"'{name}'", f'the {kind} {problem}', way_out))
        return None


def _frames_of(paired: dict[str, CsvTable]) -> pd.DataFrame:
    """split, csv, line, frame_path and mask_path of what the paired CSVs name."""
    parts = [pd.DataFrame(columns=[*_PLACE, 'frame_path', 'mask_path'])]
    for split, table in paired.items():
        place = table.frame.assign(split=split, csv=str(table.path), line=table.lines)
        for gas in GASES:
            names = {f'{gas}_frame': 'frame_path', f'{gas}_mask': 'mask_path'}
            parts.append(place.rename(columns=names)[list(parts[0])])
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _note(of_pairs: pd.DataFrame, report: CampaignReport, resplit: bool) -> None:
    """Note what a user should know, and metadata that cannot be read."""
    frames = report.frames
    try:
        if is_simulated(report.root):
            report.notes.append('The campaign is simulated.')
    except UserError as error:
        path = report.root / 'campaign.json'
        report.add(path, None, '', *problem_of(path, error))
    if 'group' not in frames:
        return
    if note := by_frame_note(frames):
        report.notes.append(note)
    empty = (frames['class_id'] == NO_CLASS) & (frames['class_name'] == '')
    if unlabelled := int(empty.sum()):
        report.notes.append(
            f'{unlabelled} frames have no health class: they serve segmentation only.'
        )
    if bare := int((frames['mask_path'] == '').sum()):
        report.notes.append(f'{bare} frames have no mask: they serve health only.')
    if len(of_pairs):
        splits = of_pairs['split'].unique()
        rows = frames if resplit else frames[frames['split'].isin(splits)]
        if unused := int((~rows['frame_path'].isin(of_pairs['frame_path'])).sum()):
            report.notes.append(f'{unused} annotated frames are in no paired CSV.')
