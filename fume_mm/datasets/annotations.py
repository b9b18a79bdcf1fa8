"""The one reader and validator of a campaign's annotation CSVs.

A campaign on disk::

    <root>/{train,val,test}_annotations.csv         one row per frame (this module)
    <root>/paired_{train,val,test}_annotations.csv  one row per sample (paired_csv.py)

Paths in both are relative to ``<root>``. Every mistake ends in one
:class:`~fume_mm.errors.UserError` that names the file, the line and the way out. Needs
pandas, Pillow and OpenCV, no torch.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.files import read_json
from fume_mm.io.images import read_labelled
from fume_mm.io.progress import ordered_map
from fume_mm.io.tables import CsvTable, repeated
from fume_mm.structures import (
    ANNOTATION_COLUMNS,
    GASES,
    HEALTH_COLUMNS,
    PH_RANGE,
    SPLITS,
)

from .frame_limits import check_limits
from .grouping import add_groups

_SIMULATE = 'python tools/dataset_converters/simulate_ogi.py {root} --seed 42'
_PAIR = 'python tools/dataset_converters/pair_gases.py {root}'
#: The owners' data root, below the folder of their originals.
_INNER = 'mmseg_dataset'


def read_annotations(
    path: str | Path,
    *,
    root: str | Path | None = None,
    check_files: bool = True,
    check_pixels: bool = False,
    group_pattern: str | None = None,
) -> pd.DataFrame:
    """Read and validate one ``{split}_annotations.csv``.

    Args:
        path: The CSV, columns :data:`ANNOTATION_COLUMNS` and optionally ``vessel_id``,
            ``run_id`` or ``recording``; further columns are kept as text.
        root: The folder its paths are relative to; by default the CSV's own.
        check_files: Also check that every frame and mask exists, has an image header
            and that both are of one size. Reads headers only.
        check_pixels: Also decode every frame and mask, some milliseconds each, and
            check that the values of the masks are classes.
        group_pattern: Regular expression of the recording in the names; see
            :func:`.grouping.add_groups`.

    Returns:
        One row per frame in the CSV's order, index 0, 1, ...: POSIX paths relative to
        ``root``, ``gas_type`` one of ``GASES``, ``ph_value`` float64, ``class_id``
        int64, identifiers as text, ``group`` and ``grouped_by`` (``vessel_id``,
        ``run_id``, ``recording`` or ``frame``). A row may have masks only, or no
        mask (``mask_path`` empty): see
        :meth:`CsvTable.parse_health`.

    Raises:
        UserError: On a missing file or any invalid row.
    """
    path = Path(path)
    root = existing_root(path.parent if root is None else root)
    if not path.is_file():
        inner = path.parent / _INNER
        if (inner / path.name).is_file():
            raise UserError(
                f'{path} does not exist, but {inner / path.name} does; give {inner} as '
                'the data root.'
            )
        raise UserError(
            f"{path} does not exist; put the owners' annotations there, or simulate a "
            f'campaign with `{_SIMULATE.format(root=root)}`.'
        )
    table = CsvTable(path, ANNOTATION_COLUMNS, root=root)
    parse_annotations(table, group_pattern=group_pattern)
    if check_files:
        table.check_files('frame_path', 'mask_path')
    if check_pixels:
        _check_pixels(table)
    return table.frame


def parse_annotations(table: CsvTable, *, group_pattern: str | None = None) -> None:
    """Parse and check the columns of ``table`` but not the files; adds the groups."""
    frame = table.frame
    frame['frame_path'] = table.paths('frame_path')
    frame['mask_path'] = table.paths('mask_path', optional=True)
    table.refuse(
        repeated(frame['frame_path']),
        'frame_path',
        'the same frame_path is in more than one row',
        'keep one of the rows',
    )
    frame['gas_type'] = frame['gas_type'].str.lower()
    table.refuse(
        ~frame['gas_type'].isin(GASES),
        'gas_type',
        f'gas_type must be one of {", ".join(GASES)}',
    )
    table.parse_health()
    table.refuse(
        (frame['original_sample_id'] == '')
        & ('original_sample_id' not in table.absent),
        'frame_path',
        'original_sample_id is empty',
        'without it the splits cannot be kept apart, so fill it in',
    )
    check_limits(table, ('limits',))
    add_groups(table, pattern=group_pattern)


def _check_pixels(table: CsvTable) -> None:
    """Refuse the first row whose frame or mask is none, or whose sizes differ."""

    def problem(pair: tuple[str, str]) -> str | None:
        try:
            frame, mask = pair
            mask_file = table.root / mask if mask else None
            read_labelled(table.root / frame, mask_file, table.labels.seg_classes)
        except UserError as error:
            return str(error)
        return None

    files = zip(table.frame['frame_path'], table.frame['mask_path'], strict=True)
    for line, text in zip(table.lines, ordered_map(problem, files), strict=True):
        if text:
            raise UserError(f'{table.path}, line {line}: {text}')


def one_row_per_frame(annotations: pd.DataFrame) -> None:
    """Refuse a frame that is in two rows."""
    twice = annotations.loc[annotations['frame_path'].duplicated(), 'frame_path']
    if len(twice):
        raise UserError(
            f'frame {twice.iat[0]} is annotated more than once ({len(twice)} such '
            'rows, in one split or in several); keep one row per frame.'
        )


def existing_root(root: str | Path) -> Path:
    """``root`` as a path.

    Raises:
        UserError: If it is not a folder; the message says how to get one.
    """
    root = Path(root)
    if not root.is_dir():
        raise UserError(
            f"data root {root} does not exist; put the owners' data there "
            f'({root}/train_annotations.csv and its siblings) or simulate a campaign '
            f'with `{_SIMULATE.format(root=root)}`, then pair the gases with '
            f'`{_PAIR.format(root=root)}`.'
        )
    return root


def annotation_csvs(root: Path, splits: Sequence[str] = SPLITS) -> dict[str, Path]:
    """The annotation CSVs of these splits that a campaign has, by split.

    Raises:
        UserError: If it has none.
    """
    paths = {split: root / f'{split}_annotations.csv' for split in splits}
    found = {split: path for split, path in paths.items() if path.exists()}
    if not found:
        raise UserError(
            f'{root} has none of {", ".join(path.name for path in paths.values())}; '
            'name the folder that holds the annotation CSVs.'
        )
    return found


def is_simulated(root: Path) -> bool:
    """Whether the campaign's metadata say that it is simulated.

    Raises:
        UserError: If they cannot be read.
    """
    path = root / 'campaign.json'
    if not path.exists():
        return False
    content = read_json(path, what='metadata of a campaign')
    if not isinstance(content, dict):
        raise UserError(
            f'{path}: is no readable metadata of a campaign; simulate it again '
            'or remove the file.'
        )
    return bool(content.get('simulated'))


def parse_health(table: CsvTable) -> None:
    """Parse the columns of health of a CSV that may lack some, or the class of a pH.

    See :meth:`~fume_mm.io.tables.CsvTable.parse_health`.
    """
    frame, labels = table.frame, table.labels
    for column in HEALTH_COLUMNS:
        if column not in frame:
            frame[column] = ''
    ph = pd.to_numeric(frame['ph_value'], errors='coerce')
    empty = (frame[['class_id', 'class_name']] == '').all(axis=1)
    empty &= labels.ph_limits is not None
    for row in np.flatnonzero(empty & ph.between(*PH_RANGE)):
        class_id = labels.health_class(ph[row])
        frame.loc[row, ['class_id', 'class_name']] = (
            str(class_id),
            labels.health_classes[class_id],
        )
    table.parse_health()
