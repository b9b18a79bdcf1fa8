"""The table of a test: one row per sample, from which every figure follows.

Columns, all plain values; :data:`SCHEMA` has each with its kind:

- ``sample_id``; ``vessel``, the first of the sample's groups; ``other_vessels``, the
  rest, separated by ``;`` (random pairing joins frames of two vessels);
  ``availability``; ``ph_value``;
- per gas nine pixel counts ``<gas>_<true class>_as_<predicted class>``;
- per gas and class ``<gas>_<class>_hd95``, ``_asd``, ``_f1`` (see
  :mod:`~fume_mm.evaluation.boundary`) and ``_in``, who has the class;
- ``true_class``, ``predicted_class`` and the probabilities ``p_<class>``.

What a sample lacks is empty: the columns of a missing gas, an undefined distance.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fume_mm.structures import AVAILABILITY, GASES, HEALTH_CLASSES, SEG_CLASSES

#: The classes whose outlines are measured.
OUTLINED = SEG_CLASSES[1:]
#: What is measured of an outline, as in ``BoundaryScores``.
OUTLINE_PARTS = ('hd95', 'asd', 'f1', 'in')
TEXT, COUNT, NUMBER, FLAG = 'text', 'count', 'number', 'flag'

BASE_COLUMNS = {
    'sample_id': TEXT,
    'vessel': TEXT,
    'other_vessels': TEXT,
    'availability': TEXT,
    'ph_value': NUMBER,
}
#: What the test adds to each row, so that no figure made of the file loses it.
MARK_COLUMNS = {'simulated': FLAG, 'leakage': FLAG}


def count_columns(gas: str) -> list[str]:
    """Names of the pixel counts of a gas, truth by truth."""
    return [f'{gas}_{true}_as_{said}' for true in SEG_CLASSES for said in SEG_CLASSES]


def outline_column(gas: str, name: str, part: str) -> str:
    """Name of a column of :data:`OUTLINE_PARTS` for a gas and a class."""
    return f'{gas}_{name}_{part}'


SEGMENTATION_COLUMNS = {name: COUNT for gas in GASES for name in count_columns(gas)}
BOUNDARY_COLUMNS = {
    outline_column(gas, name, part): TEXT if part == 'in' else NUMBER
    for gas in GASES
    for name in OUTLINED
    for part in OUTLINE_PARTS
}
CLASS_COLUMNS = {'true_class': TEXT, 'predicted_class': TEXT}
PROBABILITY_COLUMNS = {f'p_{name.lower()}': NUMBER for name in HEALTH_CLASSES}
#: Every column there is, and of which kind, in the order in which they are written.
SCHEMA = {
    **BASE_COLUMNS,
    **CLASS_COLUMNS,
    **PROBABILITY_COLUMNS,
    **SEGMENTATION_COLUMNS,
    **BOUNDARY_COLUMNS,
    **MARK_COLUMNS,
}
_TYPES = {TEXT: 'object', COUNT: 'Int64', NUMBER: 'float64', FLAG: 'bool'}


def make_table(rows: Sequence[dict[str, Any]], columns: dict[str, str]) -> pd.DataFrame:
    """Rows as a table whose columns have their types.

    Args:
        rows: A dict per sample; what it lacks is empty.
        columns: Those beside :data:`BASE_COLUMNS`; the table has all of them.
    """
    values = {
        name: [row.get(name, '' if kind == TEXT else None) for row in rows]
        for name, kind in {**BASE_COLUMNS, **columns}.items()
    }
    return typed_table(values)


def typed_table(values: dict[str, list]) -> pd.DataFrame:
    """Lists by column of :data:`SCHEMA` as a table whose columns have their types."""
    return pd.DataFrame(
        {
            name: pd.Series(column, dtype=_TYPES[SCHEMA[name]])
            for name, column in values.items()
        }
    )


def merge_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The columns of several metrics' tables of the same samples, side by side."""
    merged = tables[0]
    for table in tables[1:]:
        assert table['sample_id'].tolist() == merged['sample_id'].tolist()
        new = [name for name in table if name not in merged]
        merged = pd.concat([merged, table[new]], axis=1)
    return merged[[name for name in SCHEMA if name in merged]]


def has(table: pd.DataFrame, columns: dict[str, str]) -> bool:
    """Whether the table has these columns (a part of it has all or none)."""
    return next(iter(columns)) in table


def has_gas(table: pd.DataFrame, gas: str) -> np.ndarray:
    """Which samples have a frame of ``gas``, (N,) bool."""
    return table['availability'].isin(['both', f'{gas}_only']).to_numpy(bool)


def groupings(table: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """The frames that figures are told for: all, of each gas, of each pattern.

    Returns:
        By name (``all``, the gases, the availability patterns) and gas, which samples'
        frames are meant, (N,) bool. Names without any frame are left out.
    """
    present: dict[str, np.ndarray] = {gas: has_gas(table, gas) for gas in GASES}
    pattern = table['availability'].to_numpy()
    chosen: dict[str, dict[str, np.ndarray]] = {'all': present}
    chosen |= {gas: {gas: present[gas]} for gas in GASES}
    chosen |= {
        name: {gas: present[gas] & (pattern == name) for gas in GASES}
        for name in AVAILABILITY
    }
    return {
        name: frames
        for name, frames in chosen.items()
        if any(rows.any() for rows in frames.values())
    }


def numbers(table: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Columns as (N, len(columns)) float64, NaN where empty."""
    return np.stack(
        [table[name].to_numpy(np.float64, na_value=np.nan) for name in columns], axis=1
    )


def vessel_codes(table: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Number of each sample's vessel, (N,) int, and how many vessels there are."""
    codes, names = pd.factorize(table['vessel'])
    return np.asarray(codes), len(names)


def without_vessel(table: pd.DataFrame) -> str | None:
    """Why nothing can be told by vessel, or None if it can."""
    nameless = int((table['vessel'] == '').sum())
    if nameless:
        return f'{nameless} of {len(table)} samples name no vessel (groups)'
    return None
