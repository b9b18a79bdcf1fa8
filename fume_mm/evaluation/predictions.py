"""The table of a test as a file: written, and read back to the digit."""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.errors import UserError
from fume_mm.io.cells import original
from fume_mm.io.files import refuse_special, written_file
from fume_mm.io.tables import write_csv
from fume_mm.structures import GASES
from fume_mm.structures.labels import FUME_LABELS, Labels

from .scores import Metrics, registered_metrics
from .table import (
    BASE_COLUMNS,
    COUNT,
    FLAG,
    MARK_COLUMNS,
    NUMBER,
    TEXT,
    Kind,
    has_gas,
    typed_table,
)

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
                'pyarrow`, or name a .csv file.'
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
    with written_file(path) as part:
        if Path(path).suffix.lower() == '.parquet':
            table.to_parquet(part, index=False, write_page_checksum=True)
        else:
            write_csv(table, part)


def read_predictions(path: str | Path, labels: Labels = FUME_LABELS) -> pd.DataFrame:
    """Read and check what :func:`write_predictions` wrote, of these classes.

    Metrics are known by their columns among those that are registered; columns of other
    names are left out.

    Raises:
        UserError: Naming file, column and sample for whatever is wrong.
    """
    text = _read_text(Path(path))
    metrics = registered_metrics(labels)
    kinds = _kinds(text, path, metrics)
    table = typed_table(
        {name: _parse(text, name, kinds[name], path) for name in kinds}, kinds
    )
    _check_rows(table, kinds, path, metrics)
    return table


def _read_text(path: Path) -> pd.DataFrame:
    """Every column as text, '' where empty."""
    check_path(path)
    refuse_special(path)
    try:
        if path.suffix.lower() == '.parquet':
            table = pd.read_parquet(path, page_checksum_verification=True)
            return table.astype(object).where(table.notna(), '').map(str)
        table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
        return table.rename(columns=original).map(original)
    except OSError as error:
        raise UserError(
            f'{path}: cannot be read ({error.strerror or error}); tools/test.py writes '
            'predictions.csv into its work dir.'
        ) from error
    # also not UTF-8, not Parquet; the others where a Parquet file's own notes are wrong
    except (ValueError, pd.errors.ParserError, KeyError, TypeError) as error:
        raise UserError(f'{path}: is no table ({error}); {_AGAIN}.') from error


def _kinds(text: pd.DataFrame, path: str | Path, metrics: Metrics) -> dict[str, Kind]:
    """The columns that are read, and their kinds, in the file's order."""
    if text.empty:
        raise UserError(f'{path}: has no rows; {_AGAIN}.')
    kinds = dict(BASE_COLUMNS)
    for metric in metrics:
        if any(name in text for name in metric.columns):
            kinds |= metric.columns
        others = [name for name in map(str, text) if name not in metric.columns]
        strange = [
            x for x in others if metric.foreign and re.fullmatch(metric.foreign, x)
        ]
        if strange:
            raise UserError(
                f'{path}: the columns {", ".join(strange)} are of other classes than '
                f'those that {metric.__name__} scores; take them out, or test with '
                'this version.'
            )
    missing = [name for name in kinds if name not in text]
    if missing:
        raise UserError(f'{path}: has no column {", ".join(missing)}; {_AGAIN}.')
    if kinds.keys() == BASE_COLUMNS.keys():
        raise UserError(f'{path}: has no column of a prediction; {_AGAIN}.')
    kinds |= MARK_COLUMNS
    return {name: kinds[name] for name in text if name in kinds}


def _parse(text: pd.DataFrame, name: str, kind: Kind, path: str | Path) -> list:
    parser = str if isinstance(kind, tuple) else _PARSERS[kind]
    values: list[object] = []
    for row, value in enumerate(text[name].tolist()):
        try:
            values.append(parser(value))
        except (ValueError, KeyError):
            sample = str(text['sample_id'].iat[row])
            _refuse(path, sample, f'{name} is {value!r}, no {kind}')
    return values


def _check_rows(
    table: pd.DataFrame, kinds: Mapping[str, Kind], path: str | Path, metrics: Metrics
) -> None:
    twice = table['sample_id'].duplicated()
    if twice.any():
        name = table['sample_id'][twice].iat[0]
        raise UserError(f"{path}: sample '{name}' is in more than one row; {_AGAIN}.")

    def refuse(bad: Any, column: str, problem: str) -> None:
        rows = np.flatnonzero(np.asarray(bad, bool))
        if len(rows):
            row = table.iloc[rows[0]]
            _refuse(path, row['sample_id'], f'{column} is {row[column]!r}, {problem}')

    for column, kind in kinds.items():
        gas = next((gas for gas in GASES if column.startswith(f'{gas}_')), None)
        here = np.ones(len(table), bool) if gas is None else has_gas(table, gas)
        values = table[column]
        if gas and kind != NUMBER:
            empty = values.isna() | (values == '').fillna(False)
            problem = 'but it is filled exactly where availability has the gas'
            refuse(np.asarray(empty, bool) == here, column, problem)
        if isinstance(kind, tuple):
            wrong = here & ~values.isin(kind).to_numpy(bool)
            refuse(wrong, column, f'not one of {", ".join(kind)}')
        if kind == COUNT:
            refuse((values < 0).fillna(False), column, 'less than 0')
    for metric in metrics:
        if metric.columns.keys() <= kinds.keys():
            metric.check(table, refuse)


def _refuse(path: str | Path, name: str, problem: str) -> None:
    raise UserError(f"{path}, sample '{name}': {problem}; {_AGAIN}.")
