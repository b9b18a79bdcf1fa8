"""How a metric declares where its figures stand in tables.

Terminal, report and comparison are made from these declarations alone; keys are without
the metric's prefix.
"""

from collections.abc import Mapping
from typing import NamedTuple

from fume_mm.structures import GAS_LABELS, GASES

from .estimate import PERCENT, Unit


class Row(NamedTuple):
    """A score.

    Attributes:
        key: As in the metric's figures.
        label: What a reader sees; a blank before it: it belongs to the row above.
        unit: How it is written.
        lower: Whether less is better; None where nothing is better.
    """

    key: str
    label: str
    unit: Unit = PERCENT
    lower: bool | None = False


class ScoreTable(NamedTuple):
    """Scores by rows, and what they are taken over by columns.

    Attributes:
        title: Above it.
        columns: Headings by what a row's key is filled into, such as ``'co2/{}'``.
        rows: Its scores; those that were not measured are left out.
        brief: Whether it also stands in the terminal.
    """

    title: str
    columns: Mapping[str, str]
    rows: tuple[Row, ...]
    brief: bool = True


class Matrix(NamedTuple):
    """A confusion matrix among a metric's details.

    Attributes:
        title: Above it.
        place: Keys that lead to it.
        names: Of its classes.
    """

    title: str
    place: tuple[str, ...]
    names: tuple[str, ...]


#: What figures of frames are taken over.
FRAMES = {
    '{}': 'all frames',
    **{f'{gas}/{{}}': f'{GAS_LABELS[gas]} frames' for gas in GASES},
}
