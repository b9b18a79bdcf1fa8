"""Cells of a CSV that no spreadsheet takes for a formula, and the text they stand for.

A spreadsheet runs a cell that begins with ``=``, ``@``, ``+`` or ``-``, and an id or a
path may come from anybody. Such a cell gets an apostrophe before it, as spreadsheets
themselves mark text; numbers do not. Reading takes it away again.
"""

import csv
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

Value = TypeVar('Value')
#: Also behind apostrophes, so that a text that has them of its own comes back.
_FORMULA = re.compile(r"'*(?:[=@\t\r]|[-+](?![-+\d\s.,:;%±()\[\]eE]*\Z))")


def inert(value: Value) -> Value | str:
    """What to write for a value: a text that begins as a formula is marked as text."""
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def original(text: str) -> str:
    """The text that :func:`inert` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


class RowWriter(csv.DictWriter):
    """A writer of rows whose cells are :func:`inert`."""

    def writerow(self, rowdict: Mapping[str, Any]) -> Any:
        """Write a row."""
        return super().writerow({key: inert(x) for key, x in rowdict.items()})

    def writerows(self, rowdicts: Iterable[Mapping[str, Any]]) -> None:
        """Write rows."""
        for row in rowdicts:
            self.writerow(row)
