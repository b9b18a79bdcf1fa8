"""The table of a test as a file: written, and read back to the digit."""

import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.structures import AVAILABILITY, GASES, HEALTH_CLASSES

from .boundary import WHO
from .health_metric import refuse_scores
from .table import (
    BASE_COLUMNS,
    BOUNDARY_COLUMNS,
    CLASS_COLUMNS,
    COUNT,
    FLAG,
    MARK_COLUMNS,
    NUMBER,
    OUTLINED,
    PROBABILITY_COLUMNS,
    SCHEMA,
    SEGMENTATION_COLUMNS,
    TEXT,
    count_columns,
    has_gas,
    outline_column,
    typed_table,
)

_PARTS = (SEGMENTATION_COLUMNS, BOUNDARY_COLUMNS, CLASS_COLUMNS, PROBABILITY_COLUMNS)
_FLAGS = {'true': True, 'false': False}
_PARSERS: dict[str, Callable[[str], object]] = {
    TEXT: str,
    # Python's float reads back what Python's repr wrote; pandas' own may round
    NUMBER: lambda value: float(value) if value else math.nan,
    COUNT: lambda value: int(value) if value else None,
    FLAG: lambda value: _FLAGS[value.lower()],
}
_AGAIN = 'test again, or restore the file that tools/test.py wrote'


def check_path(path: str | Path) -> None:
    """Refuse a name under which no table can be written, before the work is done.

    Raises:
        UserError: If it ends neither in ``.csv`` nor in ``.parquet``, or pyarrow, which
            Parquet needs, is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix == '.parquet':
        try:
            import pyarrow  # noqa: F401
        except ImportError as error:
            raise UserError(
                f'{path}: Parquet needs pyarrow, which is not installed; `pip install '
                'fume_mm[parquet]`, or name a .csv file.'
            ) from error
    elif suffix != '.csv':
        raise UserError(f'{path}: name a .csv or a .parquet file for the predictions.')


def write_predictions(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table; a run that breaks off leaves the old file as it was.

    Numbers are written with all their digits.

    Raises:
        UserError: See :func:`check_path`, or if the file cannot be written.
    """
    check_path(path)
    path = Path(path)
    part = path.with_name(f'.{path.name}.{os.getpid()}.part')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == '.parquet':
            table.to_parquet(part, index=False)
        else:
            table.to_csv(part, index=False, lineterminator='\n', encoding='utf-8')
        part.replace(path)
    except OSError as error:
        raise UserError(
            f'{path}: cannot be written ({error.strerror}); name another file.'
        ) from error
    finally:
        if part.parent.is_dir():
            part.unlink(missing_ok=True)


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read and check what :func:`write_predictions` wrote.

    Columns of other names are left out.

    Raises:
        UserError: Naming file, column and sample for whatever is wrong.
    """
    text = _read_text(Path(path))
    _check_columns(text, path)
    kinds = {name: kind for name, kind in SCHEMA.items() if name in text}
    parsed = {name: _parse(text, name, kind, path) for name, kind in kinds.items()}
    table = typed_table(parsed)
    _check_rows(table, path)
    return table


def _read_text(path: Path) -> pd.DataFrame:
    """Every column as text, '' where empty."""
    check_path(path)
    try:
        if path.suffix.lower() == '.parquet':
            table = pd.read_parquet(path)
            return pd.DataFrame({name: _as_text(table[name]) for name in table})
        return pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    except OSError as error:
        raise UserError(
            f'{path}: cannot be read ({error.strerror or error}); tools/test.py writes '
            'predictions.csv into its work dir.'
        ) from error
    except (ValueError, pd.errors.ParserError) as error:  # also not UTF-8, not Parquet
        raise UserError(f'{path}: is no table ({error}); {_AGAIN}.') from error


def _as_text(column: pd.Series) -> list[str]:
    return ['' if pd.isna(value) else str(value) for value in column.tolist()]


def _check_columns(text: pd.DataFrame, path: str | Path) -> None:
    if text.empty:
        raise UserError(f'{path}: has no rows; {_AGAIN}.')
    wanted = set(BASE_COLUMNS)
    for part in _PARTS:
        if any(name in text for name in part):
            wanted |= set(part)
    if PROBABILITY_COLUMNS.keys() <= wanted:
        wanted |= set(CLASS_COLUMNS)
    missing = [name for name in SCHEMA if name in wanted and name not in text]
    if missing:
        raise UserError(f'{path}: has no column {", ".join(missing)}; {_AGAIN}.')
    strange = [
        name
        for name in map(str, text)
        if name not in SCHEMA and (name.startswith('p_') or '_as_' in name)
    ]
    if strange:
        raise UserError(
            f'{path}: the columns {", ".join(strange)} are of other classes than those '
            f'that are scored ({", ".join(HEALTH_CLASSES)}; background, tube, gas); '
            'take them out, or test with this version.'
        )
    if not any(name in text for part in _PARTS for name in part):
        raise UserError(f'{path}: has no column of a prediction; {_AGAIN}.')


def _parse(text: pd.DataFrame, name: str, kind: str, path: str | Path) -> list:
    values: list[object] = []
    for row, value in enumerate(text[name].tolist()):
        try:
            values.append(_PARSERS[kind](value))
        except (ValueError, KeyError):
            sample = str(text['sample_id'].iat[row])
            _refuse(path, sample, f'{name} is {value!r}, no {kind}')
    return values


def _check_rows(table: pd.DataFrame, path: str | Path) -> None:
    twice = table['sample_id'].duplicated()
    if twice.any():
        name = table['sample_id'][twice].iat[0]
        raise UserError(f"{path}: sample '{name}' is in more than one row; {_AGAIN}.")

    def refuse(bad: pd.Series | np.ndarray, column: str, problem: str) -> None:
        rows = np.flatnonzero(np.asarray(bad, bool))
        if len(rows):
            row = table.iloc[rows[0]]
            _refuse(path, row['sample_id'], f'{column} is {row[column]!r}, {problem}')

    def one_of(column: str, values: tuple[str, ...]) -> None:
        refuse(~table[column].isin(values), column, f'not one of {", ".join(values)}')

    one_of('availability', AVAILABILITY)
    for column in (name for name in CLASS_COLUMNS if name in table):
        one_of(column, HEALTH_CLASSES)
    for gas in GASES:
        here = has_gas(table, gas)
        outlines = [outline_column(gas, name, 'in') for name in OUTLINED]
        filled = [name for name in (*count_columns(gas), *outlines) if name in table]
        for column in filled:
            empty = table[column].isna() | (table[column] == '').fillna(False)
            refuse(
                np.asarray(empty, bool) == here,
                column,
                'but it is filled exactly where availability has the gas',
            )
        for column in (name for name in filled if SCHEMA[name] == COUNT):
            refuse((table[column] < 0).fillna(False), column, 'less than 0')
        for name in (name for name in OUTLINED if outlines[0] in table):
            who = outline_column(gas, name, 'in')
            refuse(here & ~table[who].isin(tuple(WHO.values())), who, 'unknown')
            measured = here & (table[who] != 'neither').to_numpy()
            for part, most in (('hd95', math.inf), ('asd', math.inf), ('f1', 1.0)):
                column = outline_column(gas, name, part)
                values = table[column].to_numpy()
                good = (values >= 0) & (values <= most) & np.isfinite(values)
                refuse(measured & ~good, column, f'not from 0 to {most:g}')
                refuse(~measured & ~np.isnan(values), column, f'but {who} says no')
    if not table.columns.intersection(list(PROBABILITY_COLUMNS)).empty:
        scores = table[list(PROBABILITY_COLUMNS)].to_numpy(np.float64)
        if not np.isnan(scores).all():  # else the model gives no probabilities
            for name, row in zip(table['sample_id'], scores.tolist(), strict=True):
                refuse_scores(row, f"{path}, sample '{name}'")


def _refuse(path: str | Path, name: str, problem: str) -> None:
    raise UserError(f"{path}, sample '{name}': {problem}; {_AGAIN}.")


def marks_of(table: pd.DataFrame) -> dict[str, bool]:
    """Whether the samples are ``simulated`` and of a split with ``leakage``."""
    return {
        name: bool(table[name].any()) if name in table else False
        for name in MARK_COLUMNS
    }
