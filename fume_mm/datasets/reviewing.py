"""Masks that a model or nobody has drawn, reviewed frame by frame, into a campaign.

A review is a folder::

    <out>/review.csv             one row per frame: paths, gas, status, what is known
    <out>/masks/*.png            its mask, predicted and then repainted
    <out>/reviewed_annotations.csv   the accepted ones (:func:`collect_reviewed`)

Paths in ``review.csv`` are relative to its folder; frames that lie elsewhere have
absolute ones. Every decision is written at once, file by file and whole.
"""

import filecmp
import os
import shutil
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.files import disk_errors, make_folder, write_whole
from fume_mm.io.images import (
    IMAGES,
    check_same_size,
    read_gray,
    read_labelled,
    read_mask,
    write_mask,
)
from fume_mm.io.label_file import LABELS_FILE, read_labels
from fume_mm.io.progress import ordered_map
from fume_mm.io.stretch import Limits, parse_limits
from fume_mm.io.tables import CsvTable, repeated, write_table
from fume_mm.structures import (
    ANNOTATION_COLUMNS,
    BACKGROUND,
    GASES,
    HEALTH_COLUMNS,
)

from .annotations import parse_health
from .frame_limits import check_limits

#: What a reviewer may say of a mask; those before a decision are ``new``.
STATUSES = ('new', 'accepted', 'no gas', 'rejected')
#: Of these the frames that go into the campaign.
TAKEN = ('accepted', 'no gas')
REVIEW, COLLECTED = 'review.csv', 'reviewed_annotations.csv'
_COLUMNS = ('frame_path', 'mask_path', 'gas_type', 'status', *HEALTH_COLUMNS)


def open_review(
    source: str | Path, out: str | Path, *, gas: str | None = None
) -> tuple['Review', int]:
    """The review of the frames of ``source`` that have no mask, begun or gone on with.

    Args:
        source: A folder of frames, or a CSV with ``frame_path`` (relative to its
            folder), ``gas_type`` unless ``gas`` is given, and whatever else is known:
            recording, time_s, camera, ph_value, ... Rows with a ``mask_path`` are left
            out.
        out: The review's folder. Rows that its ``review.csv`` has stay as they are.
        gas: The gas of all frames.

    Returns:
        The review, and the number of frames left out.

    Raises:
        UserError: Naming what is no frame, of no gas, or twice there.
    """
    source, out = Path(source), _whole(out)
    rows, left_out = _of_folder(source, out, gas), 0
    if rows is None:
        rows, left_out = _of_csv(source, gas)
    make_folder(out / 'masks')
    rows['frame_path'] = [_below(path, out) or path for path in rows['frame_path']]
    rows['mask_path'] = [_mask_path(path) for path in rows['frame_path']]
    rows['status'] = STATUSES[0]
    path = out / REVIEW
    if path.exists():
        old = Review(path).rows
        added = rows[~rows['frame_path'].isin(old['frame_path'])]
        rows = pd.concat([old, added], ignore_index=True).astype(object).fillna('')
    twice = rows.loc[rows['mask_path'].duplicated(keep=False), 'frame_path']
    if len(twice):
        raise UserError(
            f'{source}: {" and ".join(twice[:2])} would have one mask, '
            f'{rows["mask_path"][twice.index[0]]}; rename one of the frames.'
        )
    others = [column for column in rows if column not in _COLUMNS]
    with disk_errors(out):
        write_table(rows[[*_COLUMNS, *others]], path)
    return Review(path), left_out


def _of_folder(source: Path, out: Path, gas: str | None) -> pd.DataFrame | None:
    if not source.is_dir():
        return None
    if gas is None:
        raise UserError(f'{source}: say which gas its frames show, with --gas.')
    paths = [
        _whole(path)
        for path in sorted(source.rglob('*'))
        if path.suffix.lower() in IMAGES and not path.name.startswith('.')
    ]
    paths = [path for path in paths if not _below(path, out / 'masks')]
    if not paths:
        raise UserError(f'{source}: holds no image ({", ".join(IMAGES)}).')
    rows = pd.DataFrame({'frame_path': [path.as_posix() for path in paths]})
    return rows.assign(gas_type=gas, ph_value=np.nan, class_id=-1, class_name='')


def _of_csv(source: Path, gas: str | None) -> tuple[pd.DataFrame, int]:
    if not source.is_file():
        raise UserError(
            f'{source}: there is no such folder or CSV; name one that lists frames.'
        )
    root = _whole(source.parent)
    table = CsvTable(source, ['frame_path'], root=root, known=ANNOTATION_COLUMNS)
    frame = table.frame
    if gas is not None:
        frame['gas_type'] = gas
    elif 'gas_type' not in frame:
        raise UserError(
            f'{source}: has no column gas_type; add it, or say which gas the frames '
            'show, with --gas.'
        )
    frame['gas_type'] = frame['gas_type'].str.lower()
    named = ', '.join(GASES)
    table.refuse(
        ~frame['gas_type'].isin(GASES), 'gas_type', f'gas_type must be one of {named}'
    )
    frame['frame_path'] = table.paths('frame_path', anywhere=True)
    table.refuse(
        repeated(frame['frame_path']), 'frame_path', 'frame_path is in two rows'
    )
    parse_health(table)
    table.check_files('frame_path')
    frame['frame_path'] = [
        _whole(root / name).as_posix() for name in frame['frame_path']
    ]
    if 'mask_path' not in frame:
        return frame, 0
    bare = frame['mask_path'] == ''
    if not bare.any():
        raise UserError(f'{source}: every row has a mask_path; there is nothing to do.')
    return frame[bare].reset_index(drop=True), int((~bare).sum())


def _whole(path: str | Path) -> Path:
    """The absolute path; unlike ``resolve`` it leaves links what they are."""
    return Path(os.path.normpath(Path(path).absolute()))


def _below(path: str | Path, folder: Path) -> str:
    """``path`` relative to ``folder``; '' if it is not below it."""
    try:
        return Path(path).relative_to(folder).as_posix()
    except ValueError:
        return ''


def _mask_path(frame_path: str) -> str:
    path = PurePosixPath(frame_path)
    if Path(frame_path).is_absolute():
        path = PurePosixPath(path.name)
    elif path.parts[0] == 'frames':
        path = path.relative_to('frames')
    return f'masks/{path.with_suffix(".png")}'


class Review:
    """The frames of a ``review.csv``, their masks, and what was decided of each.

    Attributes:
        path: The CSV.
        folder: Its folder, which paths are relative to.
        labels: What the classes are, by the ``labels.json`` of the folder.
        rows: As the CSV has them, health parsed as
            :meth:`~fume_mm.io.tables.CsvTable.parse_health` does.

    Raises:
        UserError: If the CSV is not there or a row is not right.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            self.path /= REVIEW
        if not self.path.is_file():
            raise UserError(
                f'{self.path}: there is no such review; make one with `python '
                'tools/dataset_converters/prelabel.py`.'
            )
        self.folder = self.path.parent
        table = CsvTable(self.path, _COLUMNS, root=self.folder)
        self.rows, self.labels = table.frame, table.labels
        self.rows['frame_path'] = table.paths('frame_path', anywhere=True)
        self.rows['mask_path'] = table.paths('mask_path')
        for column, known in (('status', STATUSES), ('gas_type', GASES)):
            table.refuse(
                ~self.rows[column].isin(known),
                column,
                f'{column} must be one of {", ".join(known)}',
            )
        table.parse_health()
        check_limits(table, ('limits',))
        self._past: list[tuple[int, str, bytes | None]] = []

    def __len__(self) -> int:
        return len(self.rows)

    def frame_file(self, index: int) -> Path:
        """Where the frame lies."""
        return self.folder / self.rows['frame_path'][index]

    def mask_file(self, index: int) -> Path:
        """Where its mask lies, or will."""
        return self.folder / self.rows['mask_path'][index]

    def limits(self, index: int) -> Limits | None:
        """What becomes black and white in the frame, if its recording says so."""
        known = 'limits' in self.rows
        return parse_limits(self.rows['limits'][index]) if known else None

    def status(self, index: int) -> str:
        """One of :data:`STATUSES`."""
        return self.rows['status'][index]

    def counts(self) -> dict[str, int]:
        """How many frames have each status."""
        return {name: int((self.rows['status'] == name).sum()) for name in STATUSES}

    def read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The frame and its mask, (H, W) uint8; without a file, all background."""
        frame = read_gray(self.frame_file(index), limits=self.limits(index))
        path = self.mask_file(index)
        if not path.exists():
            return frame, np.full(frame.shape, BACKGROUND, np.uint8)
        mask = read_mask(path, self.labels.seg_classes)
        check_same_size(mask, path, frame.shape)
        return frame, mask

    def save(self, index: int, mask: np.ndarray, status: str) -> None:
        """Write the mask and the status of a frame; ``no gas`` takes the gas away."""
        if status == 'no gas':
            mask = np.where(mask == self.labels.gas, np.uint8(BACKGROUND), mask)
        path = self.mask_file(index)
        before = path.read_bytes() if path.exists() else None
        self._past.append((index, self.status(index), before))
        with disk_errors(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_mask(path, mask, self.labels.seg_palette)
            self._write(index, status)

    def undo(self) -> int | None:
        """Take back what was saved last in this session; returns its frame."""
        if not self._past:
            return None
        index, status, before = self._past.pop()
        with disk_errors(self.folder):
            if before is None:
                self.mask_file(index).unlink(missing_ok=True)
            else:
                with write_whole(self.mask_file(index)) as part:
                    part.write_bytes(before)
            self._write(index, status)
        return index

    def next_new(self, index: int) -> int | None:
        """The first frame after ``index``, then from the start, that is ``new``."""
        new = np.flatnonzero(self.rows['status'] == STATUSES[0])
        later = new[new > index]
        return int(later[0]) if len(later) else next(map(int, new), None)

    def _write(self, index: int, status: str) -> None:
        self.rows.loc[index, 'status'] = status
        write_table(self.rows, self.path)


def collect_reviewed(
    review: Review, out: str | Path | None = None
) -> tuple[Path, pd.DataFrame, int]:
    """Write the annotation CSV of the frames that the reviewer took.

    Args:
        review: Those that are new or rejected stay out.
        out: The campaign's data root; by default the review's folder. Frames that do
            not lie below it are copied to ``frames/`` there, masks to ``masks/``.

    Returns:
        The CSV's path, its rows, and how many frames were copied.

    Raises:
        UserError: If none was accepted, a file is missing or does not fit, or another
            file lies where one is to be copied to.
    """
    rows = review.rows[review.rows['status'].isin(TAKEN)].reset_index()
    if rows.empty:
        raise UserError(
            f'{review.path}: no frame is accepted yet; review them with `python '
            f'demo/label_app.py {review.path}`.'
        )
    files = [(review.frame_file(i), review.mask_file(i)) for i in rows['index']]
    classes = review.labels.seg_classes
    checks = ordered_map(
        lambda pair: read_labelled(*pair, classes), files, frames=len(files)
    )
    for _ in checks:
        pass  # raises what does not fit
    out = _whole(out or review.folder)
    if (theirs := read_labels(out)) != review.labels:
        raise UserError(
            f'{out}: its masks and health have the classes {theirs.seg_legend}; '
            f'{theirs.health_legend}, those of {review.path} are '
            f'{review.labels.seg_legend}; {review.labels.health_legend}. Put the same '
            f'{LABELS_FILE} into both.'
        )
    make_folder(out)
    copied = 0
    for row, (frame, mask) in enumerate(files):
        name = PurePosixPath(rows['mask_path'][row]).relative_to('masks')
        inside = _below(_whole(frame), out)
        copied += not inside
        rows.loc[row, 'frame_path'] = inside or _copy(
            frame, out, f'frames/{name.with_suffix(frame.suffix)}'
        )
        rows.loc[row, 'mask_path'] = _below(_whole(mask), out) or _copy(
            mask, out, f'masks/{name}'
        )
    if 'original_sample_id' not in rows:
        rows['original_sample_id'] = [
            str(PurePosixPath(path).with_suffix('')) for path in rows['frame_path']
        ]
    if 'augmentation_id' not in rows:
        rows['augmentation_id'] = '0'
    others = [name for name in rows if name not in (*ANNOTATION_COLUMNS, 'index')]
    others.remove('status')
    rows = rows[[*ANNOTATION_COLUMNS, *others]]
    with disk_errors(out):
        write_table(rows, out / COLLECTED)
    return out / COLLECTED, rows, copied


def _copy(file: Path, out: Path, name: str) -> str:
    target = out / name
    if target.exists() and not filecmp.cmp(file, target, shallow=False):
        raise UserError(
            f'{target}: is another file than {file}, which was to be copied there; '
            'choose another --out.'
        )
    with disk_errors(out):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return name
