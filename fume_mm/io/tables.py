"""CSVs read as text, and checks whose errors name the file and the lines.

What the annotation CSVs and the paired CSVs have in common: paths, pH and class, files.
"""

import codecs
import contextlib
import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.cells import inert, original
from fume_mm.io.files import refuse_special, write_whole
from fume_mm.io.images import image_size
from fume_mm.io.label_file import LABELS_FILE, read_labels
from fume_mm.structures import NO_CLASS, PH_RANGE
from fume_mm.structures.labels import FUME_LABELS

#: The folder the owners' paths start with; their data root is that folder.
_PATH_PREFIX = 'mmseg_dataset/'
#: How CSVs spell an empty field.
EMPTY = tuple(
    spelling
    for word in ('NaN', 'None', 'Null', '<NA>')
    for spelling in dict.fromkeys((word, word.lower(), word.upper()))
)
_LINES_NAMED = 3
#: A number, with a comma where others have a point, or a whole one.
_DECIMAL_COMMA = r'\s*[+-]?\d+(?:,\d+)?\s*'
#: What spreadsheets make of 5.9 in a country that writes 5,9: ``05. Sep``, ``5-Sep``.
_DATE = (
    r'\d{1,2}[. /-]+[^\W\d]{3,}\.?(?:[ -]\d+)?|[^\W\d]{3,}\.?[ -]\d+|(?:\d+[./-]){2}\d+'
)


@dataclass(frozen=True)
class Defect:
    """One thing that is wrong with a campaign.

    Attributes:
        file: The CSV (or folder) at fault.
        line: Its line, the header being 1; None where no one line is at fault.
        shown: The value, path or group concerned; may be empty.
        problem: What is wrong; the same words for every defect of a kind.
        way_out: What to do about it.
    """

    file: str
    line: int | None
    shown: str
    problem: str
    way_out: str


class CsvTable:
    """A CSV read as text, with checks that name the file and the lines.

    The checks raise at the first kind of mistake, or, with ``defects``, note every row
    at fault and go on.

    Spreadsheets write CSVs in the manner of their country, and all are read: commas,
    semicolons or tabs between fields (what the header has most of); a decimal comma in
    columns that hold only numbers; UTF-8 with or without a byte order mark, UTF-16, and
    Windows' code page 1252.

    Attributes:
        path: The CSV.
        root: The folder its paths are relative to.
        frame: Its rows, all text, stripped; the checks replace columns by parsed ones.
        labels: What the classes of the campaign in the root are.
        lines: Line number of each row in the file, the header being line 1. (A quoted
            line break inside a field would shift them; these files have none.)
        absent: Required columns that it lacks, now empty (only with ``defects``).

    Args:
        path: An existing file.
        columns: Columns it must have.
        root: The folder its paths are relative to.
        known: Further columns it may have; known ones are found in any case.
        defects: Where to note mistakes in place of raising them.
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str] = (),
        *,
        root: Path,
        known: Sequence[str] = (),
        defects: list[Defect] | None = None,
    ):
        self.path, self.root, self.defects = path, root, defects
        self.labels = read_labels(root)
        frame = self._read()
        names = [original(name.strip()) for name in frame.columns]
        missing = {*columns, *known} - {*names}
        frame.columns = [n.lower() if n.lower() in missing else n for n in names]
        self.absent = [column for column in columns if column not in frame]
        if self.absent:
            problem = f'has no column {", ".join(self.absent)}'
            found = f'it has {", ".join(frame.columns)}'
            way_out = 'add it to the header and the rows, separated by commas'
            if defects is None:
                raise UserError(f'{path} {problem} ({found}); {way_out}.')
            defects.append(Defect(str(path), 1, found, problem, way_out))
            frame[self.absent] = ''
        for column in frame:
            text = frame[column].fillna('').str.strip().map(original)
            frame[column] = text.mask(text.isin(EMPTY), '')
        filled = (frame != '').any(axis=1).to_numpy(dtype=bool)
        self.lines = np.flatnonzero(filled) + 2
        self.frame = frame = frame[filled].reset_index(drop=True)
        if frame.empty:
            raise UserError(
                f'{path} has a header but no rows; a split needs at least one frame.'
            )

    def _read(self) -> pd.DataFrame:
        text = read_text(self.path)
        try:
            with warnings.catch_warnings():
                # pandas warns of the fields it drops where a row has too many.
                warnings.simplefilter('error', pd.errors.ParserWarning)
                frame = pd.read_csv(
                    io.StringIO(text),
                    dtype=str,
                    na_filter=False,
                    skip_blank_lines=False,  # so that a row's index gives its line
                    index_col=False,
                    sep=_delimiter(text),
                )
        except pd.errors.EmptyDataError:
            raise UserError(
                f'{self.path} is empty; it needs a header and rows.'
            ) from None
        except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
            raise UserError(
                f'{self.path}: a row has more fields than the header has columns '
                f'({str(error).strip()}); quote fields that hold a comma.'
            ) from None
        for column in frame:
            if (cells := frame[column]).str.contains(',', regex=False).any():
                filled = cells[cells.str.strip() != '']
                if filled.str.fullmatch(_DECIMAL_COMMA).all():
                    frame[column] = cells.str.replace(',', '.', regex=False)
        return frame

    def refuse(
        self,
        bad: 'pd.Series | np.ndarray',
        shown: 'str | Callable[[int], str]',
        problem: str,
        way_out: str = 'correct it',
    ) -> None:
        """Raise one error for all rows marked ``bad``, if any is, or note each.

        With ``defects``, checks of a column that is not there are left out.

        Args:
            bad: bool per row.
            shown: What to show of a row: a column's name, or a function of the row's
                position.
            problem: What is wrong, without a full stop.
            way_out: What to do about it, without a full stop.
        """
        rows = np.flatnonzero(np.asarray(bad, dtype=bool))
        if not len(rows) or shown in self.absent:
            return

        def text(row: int) -> str:
            if callable(shown):
                return shown(row)
            return f"'{self.frame[shown].iat[row]}'"

        if self.defects is not None:
            at = str(self.path)
            self.defects += [
                Defect(at, int(self.lines[row]), text(row), problem, way_out)
                for row in rows.tolist()
            ]
            return
        named = ', '.join(
            f'line {self.lines[row]} ({text(row)})' for row in rows[:_LINES_NAMED]
        )
        if len(rows) > _LINES_NAMED:
            named += f' and {len(rows) - _LINES_NAMED} more, {len(rows)} in total'
        raise UserError(f'{self.path}, {named}: {problem}; {way_out}.')

    def paths(
        self, column: str, *, optional: bool = False, anywhere: bool = False
    ) -> pd.Series:
        """The paths of ``column``: POSIX, relative to the root, without the prefix.

        With ``defects``, paths that must not be followed become empty.

        Args:
            column: Whose paths.
            optional: Whether a path may be empty.
            anywhere: Whether a path may be absolute or climb out of the root.
        """
        text = self.frame[column]
        if not optional:
            self.refuse(text == '', column, f'{column} is empty', 'fill it in')
        text = text.str.replace('\\', '/', regex=False)
        absolute = text.str.match(r'/|[A-Za-z]:')
        if text.str.contains(r'//|(?:^|/)\./', regex=True).any():
            plain = text.str.replace(r'/(?:\./|/)*', '/', regex=True)
            plain = plain.str.replace(r'^(?:\./)+', '', regex=True)
            text = text.mask(~absolute, plain)
        text = text.str.removeprefix(_PATH_PREFIX)
        if anywhere:
            return text
        self.refuse(
            absolute,
            column,
            f'{column} is an absolute path',
            f'write it relative to {self.root}',
        )
        climbs = text.str.contains(r'(?:^|/)\.\.(?:/|$)')
        self.refuse(
            climbs,
            column,
            f"{column} climbs with '..' and may leave {self.root}",
            'write it without',
        )
        return text.mask(absolute | climbs, '')

    def parse_health(self) -> None:
        """Parse ``ph_value``, ``class_id``, ``class_name``; refuse contradictions.

        A row may leave the class empty, and then all three: it has masks only. Its pH
        is NaN, its class :data:`NO_CLASS`. A row with a class may leave the pH empty.
        """
        frame = self.frame
        ph = pd.to_numeric(frame['ph_value'], errors='coerce').astype('float64')
        number_like = np.isfinite(ph)
        in_range = ph.between(*PH_RANGE)
        labelled = (frame[['ph_value', 'class_id', 'class_name']] != '').any(axis=1)
        number = pd.to_numeric(frame['class_id'], errors='coerce')
        labels = self.labels
        names = dict(enumerate(labels.health_classes))
        known_id = number.isin(list(names))
        class_id = number.where(known_id, NO_CLASS).astype('int64')
        spelled = {name.lower(): name for name in labels.health_classes}
        text = frame['class_name']
        name = text.str.lower().map(spelled).fillna(text)
        known_name = name.isin(labels.health_classes)
        limited = in_range & (labels.ph_limits is not None)
        classes = {x: labels.health_class(x) for x in ph[limited].unique()}
        by_ph = ph.map(classes)
        legend = labels.health_legend
        limits = 'is outside {} to {}'.format(*PH_RANGE)
        no_number = ~number_like & (frame['ph_value'] != '')
        dates = no_number & frame['ph_value'].str.fullmatch(_DATE)
        self.refuse(
            dates,
            'ph_value',
            'ph_value is a date that a spreadsheet made of a number',
            'write the number again, in a column of the format text',
        )
        no_number &= ~dates
        for bad, column, problem in (
            (no_number, 'ph_value', 'is not a number'),
            (number_like & ~in_range, 'ph_value', limits),
            (labelled & ~known_id, 'class_id', f'must be one of {legend}'),
            (
                labelled & ~known_name,
                'class_name',
                f'must be one of {", ".join(labels.health_classes)}',
            ),
        ):
            way_out = 'correct it'
            if column != 'ph_value':
                way_out += ', or leave pH and class empty in a row that has masks only'
                if labels == FUME_LABELS:
                    way_out += f'; other classes are stated in {LABELS_FILE}'
            self.refuse(bad, column, f'{column} {problem}', way_out)
        self.refuse(
            known_id & known_name & (name != class_id.map(names)),
            lambda row: f'class_id {class_id.iat[row]}, class_name {name.iat[row]}',
            f'class_id and class_name disagree ({legend})',
            'correct one of them',
        )
        self.refuse(
            by_ph.notna() & known_id & (by_ph != class_id),
            lambda row: (
                f'pH {ph.iat[row]:g} is {names[classes[ph.iat[row]]]}, class_id '
                f'{class_id.iat[row]} is {name.iat[row]}'
            ),
            'ph_value and class_id disagree',
            'correct one of them',
        )
        frame['ph_value'], frame['class_id'] = ph, class_id
        frame['class_name'] = name

    def check_files(self, frame_column: str, mask_column: str | None = None) -> None:
        """Refuse frames and masks that are missing, unreadable or of unequal size.

        Rows whose path is empty are left out. Reads each file's header only.
        """
        frame = self.frame
        sizes: dict[str, list[tuple[int, int] | None]] = {}
        reasons: dict[str, dict[int, str]] = {}
        for column in filter(None, (frame_column, mask_column)):
            sizes[column] = [None] * len(frame)
            missing, reasons[column] = np.zeros(len(frame), dtype=bool), {}
            for row, name in enumerate(frame[column].tolist()):
                try:
                    if name:
                        sizes[column][row] = image_size(self.root / name)
                except UserError as error:
                    missing[row] = True
                    with contextlib.suppress(OSError, ValueError):  # of the name itself
                        missing[row] = not (self.root / name).is_file()
                    if not missing[row]:
                        reasons[column][row] = str(error).rstrip('.')
            self.refuse(
                missing,
                column,
                f'{column} names no file under {self.root}',
                'restore the file or delete the row',
            )
        for column, reason in reasons.items():
            self.refuse(
                frame.index.isin(list(reason)),
                reason.__getitem__,
                f'{column} names a file that is not a readable image',
                'restore the file or delete the row',
            )
        if mask_column is None:
            return
        pairs = list(zip(sizes[frame_column], sizes[mask_column], strict=True))
        self.refuse(
            frame[mask_column].ne('').to_numpy() & [a != b for a, b in pairs],
            lambda row: '{!r} is {}, its mask {}'.format(
                frame[frame_column].iat[row],
                *(
                    'absent' if not size else '{}x{}'.format(*size)
                    for size in pairs[row]
                ),
            ),
            'frame and mask differ in size',
            'give the frame the mask that was drawn on it',
        )


def read_text(path: Path) -> str:
    """The text of a CSV: UTF-8, UTF-16 with its mark, or Windows' code page 1252.

    Raises:
        UserError: If it is no text. Code page 1252 gives any byte a meaning, so that
            there the first line, which names columns, must be ASCII.
    """
    refuse_special(path)
    data = path.read_bytes()
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode('utf-16' if utf16 else 'utf-8-sig')
    except UnicodeDecodeError as error:
        if not utf16 and data.partition(b'\n')[0].isascii() and b'\0' not in data:
            with contextlib.suppress(UnicodeDecodeError):
                return data.decode('cp1252')
        raise UserError(
            f'{path} is not UTF-8 text (byte {error.start}); save it as CSV in UTF-8.'
        ) from None


def _delimiter(text: str) -> str:
    """What stands between the fields: what the header has most of; a comma if none."""
    header = re.sub(r'"[^"]*"', '', text.lstrip('\r\n').partition('\n')[0])
    return max(',;\t', key=header.count)


def repeated(text: pd.Series) -> pd.Series:
    """Whether the text of each row is in another row too; empty ones do not count."""
    return (text != '') & text.duplicated(keep=False)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a CSV; a run that breaks off leaves the old file as it was.

    Args:
        frame: Rows; a ``class_id`` of :data:`NO_CLASS` is written empty.
        path: The CSV; its folder must exist.
    """
    class_id = frame['class_id'].astype(object).where(frame['class_id'] >= 0, '')
    with write_whole(path) as part:
        write_csv(frame.assign(class_id=class_id), part)


def write_csv(frame: pd.DataFrame, path: str | Path, **options: Any) -> None:
    """Write rows without their index, in UTF-8, cells :func:`~.cells.inert`.

    Args:
        frame: Rows.
        path: The CSV.
        options: Of ``DataFrame.to_csv``.
    """
    numbers = frame.select_dtypes(['number', 'bool']).columns
    safe = frame.copy()
    for name in frame.columns.difference(numbers):
        safe[name] = frame[name].map(inert)
    safe.rename(columns=inert).to_csv(path, index=False, lineterminator='\n', **options)
