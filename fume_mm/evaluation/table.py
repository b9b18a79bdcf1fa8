"""The table of a test: one row per sample, from which every figure follows.

Columns, all plain values: those of :data:`BASE_COLUMNS`, then those that each metric
declares, then :data:`MARK_COLUMNS`. ``vessel`` is the first of the sample's groups,
``other_vessels`` the rest, separated by ``;`` (random pairing joins frames of two
vessels). What a sample lacks is empty: the columns of a missing gas, an undefined
distance.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.structures import AVAILABILITY, GASES
from fume_mm.structures.marks import MARKS

#: What a column holds: one of these, or a tuple of the words that may stand there.
Kind = str | tuple[str, ...]
TEXT, COUNT, NUMBER, FLAG = 'text', 'count', 'number', 'flag'

BASE_COLUMNS: dict[str, Kind] = {
    'sample_id': TEXT,
    'vessel': TEXT,
    'other_vessels': TEXT,
    'availability': AVAILABILITY,
    'ph_value': NUMBER,
}
#: What the test adds to each row, so that no figure made of the file loses it.
MARK_COLUMNS: dict[str, Kind] = dict.fromkeys(MARKS, FLAG)
_TYPES = {TEXT: 'object', COUNT: 'Int64', NUMBER: 'float64', FLAG: 'bool'}


def make_table(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Kind]
) -> pd.DataFrame:
    """Rows as a table whose columns have their types.

    Args:
        rows: A dict per sample; what it lacks is empty.
        columns: Those beside :data:`BASE_COLUMNS`; the table has all of them.
    """
    kinds = {**BASE_COLUMNS, **columns}
    values = {
        name: [row.get(name, '' if _type(kind) == 'object' else None) for row in rows]
        for name, kind in kinds.items()
    }
    return typed_table(values, kinds)


def example_table(
    columns: Mapping[str, Kind], patterns: Collection[str]
) -> pd.DataFrame:
    """Made-up rows in which every word of every column and each pattern occurs."""
    kinds = {**BASE_COLUMNS, **columns, 'availability': tuple(patterns)}
    words = [kind for kind in kinds.values() if isinstance(kind, tuple)]
    plain = {TEXT: 'x', COUNT: 1, NUMBER: 0.5, FLAG: True}
    rows = [
        {
            name: kind[i % len(kind)] if isinstance(kind, tuple) else plain[kind]
            for name, kind in kinds.items()
        }
        for i in range(max(map(len, words)))
    ]
    return make_table(rows, columns)


def typed_table(values: Mapping[str, list], kinds: Mapping[str, Kind]) -> pd.DataFrame:
    """Lists by column as a table whose columns have the types of their kinds."""
    return pd.DataFrame(
        {
            name: pd.Series(column, dtype=_type(kinds[name]))
            for name, column in values.items()
        }
    )


def _type(kind: Kind) -> str:
    return 'object' if isinstance(kind, tuple) else _TYPES[kind]


def merge_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The columns of several metrics' tables of the same samples, side by side."""
    merged = tables[0]
    for table in tables[1:]:
        assert table['sample_id'].tolist() == merged['sample_id'].tolist()
        new = [name for name in table if name not in merged]
        merged = pd.concat([merged, table[new]], axis=1)
    return merged


def has(table: pd.DataFrame, columns: Mapping[str, Kind]) -> bool:
    """Whether the table has all of these columns."""
    return all(name in table for name in columns)


def has_gas(table: pd.DataFrame, gas: str) -> np.ndarray:
    """Which samples have a frame of ``gas``, (N,) bool."""
    return table['availability'].isin(['both', f'{gas}_only']).to_numpy(bool)


def patterns(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Which samples are of each availability pattern that occurs, (N,) bool."""
    chosen = {name: (table['availability'] == name).to_numpy() for name in AVAILABILITY}
    return {name: rows for name, rows in chosen.items() if rows.any()}


def groupings(table: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """The frames that figures are given for: all, of each gas, of each pattern.

    Returns:
        By name (``all``, the gases, the availability patterns) and gas, which samples'
        frames are meant, (N,) bool. Names without any frame are left out.
    """
    present: dict[str, np.ndarray] = {gas: has_gas(table, gas) for gas in GASES}
    chosen = {'all': present} | {gas: {gas: present[gas]} for gas in GASES}
    for name, rows in patterns(table).items():
        chosen[name] = {gas: present[gas] & rows for gas in GASES}
    return {name: x for name, x in chosen.items() if np.any(list(x.values()))}


def numbers(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Columns as (N, len(columns)) float64, NaN where empty."""
    return np.stack(
        [table[name].to_numpy(np.float64, na_value=np.nan) for name in columns], axis=1
    )


def vessel_codes(table: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Number of each sample's vessel, (N,) int, and how many vessels there are."""
    codes, names = pd.factorize(table['vessel'])
    return np.asarray(codes), len(names)


def sums_by(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sums of the rows of ``values`` (N, ...) of each code, (codes, ...)."""
    sums = np.zeros((codes.max() + 1, *values.shape[1:]))
    np.add.at(sums, codes, values)
    return sums


def without_vessel(table: pd.DataFrame) -> str | None:
    """Why there are no figures by vessel, or None if there are."""
    nameless = int((table['vessel'] == '').sum())
    text = f'{nameless} of {len(table)} samples name no vessel (groups)'
    return text if nameless else None


def marks_of(table: pd.DataFrame) -> dict[str, bool]:
    """Which of :data:`~fume_mm.structures.marks.MARKS` the samples have."""
    return {name: name in table and bool(table[name].any()) for name in MARK_COLUMNS}
