"""Limits of a campaign's frames of more than 8 bits, fixed per recording.

``pair_gases.py`` writes them into the paired CSVs (``co2_limits``, ``ch4_limits``:
``"low high"``, empty for 8 bits), and whatever reads frames by these CSVs uses them, so
that a level means one gray through the whole recording. See
:mod:`fume_mm.io.limits`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from fume_mm.io.limits import recording_limits
from fume_mm.io.stretch import Limits, format_limits, parse_limits
from fume_mm.io.tables import CsvTable
from fume_mm.structures import GASES

from .grouping import recordings


def frame_limits(
    annotations: pd.DataFrame, root: str | Path, *, workers: int | None = None
) -> dict[str, Limits]:
    """The limits of each frame; frames of 8 bits are not among them.

    A row's own column ``limits`` counts (``clip_to_frames.py`` writes it: those of the
    whole clip). Else frames of one gas and recording share theirs: the recording is the
    column of this name, else what the file name holds, else the group.

    Args:
        annotations: Rows of the whole campaign, as
            :func:`~.annotations.read_annotations` gives them.
        root: The folder that their paths are relative to.
        workers: Threads; None is a few more than processors.

    Raises:
        UserError: As :func:`~fume_mm.io.limits.recording_limits`.
    """
    known = {}
    if 'limits' in annotations:
        given = zip(annotations['frame_path'], annotations['limits'], strict=True)
        known = {path: x for path, text in given if (x := parse_limits(text))}
    rows = annotations[~annotations['frame_path'].isin(list(known))]
    names = pd.Series(list(recordings(rows['frame_path'])), rows.index, dtype=object)
    if 'recording' in rows:
        names = rows['recording'].mask(rows['recording'] == '', names)
    keys = zip(names.mask(names == '', rows['group']), rows['gas_type'], strict=True)
    frames: dict[tuple[str, str], list[str]] = {}
    for key, path in zip(keys, rows['frame_path'], strict=True):
        if path:
            frames.setdefault(key, []).append(path)
    files = {key: [Path(root, path) for path in frames[key]] for key in frames}
    for key, limits in recording_limits(files, workers=workers).items():
        known |= dict.fromkeys(frames[key], limits)
    return known


def add_limits(
    paired: Mapping[str, pd.DataFrame], annotations: pd.DataFrame, root: str | Path
) -> dict[str, pd.DataFrame]:
    """Paired samples with the columns ``co2_limits`` and ``ch4_limits``.

    Args:
        paired: By split, as :func:`.pairing.pair_gases` gives them.
        annotations: All rows that they are of.
        root: The folder that their paths are relative to.

    Returns:
        The same samples; without these columns where no frame has more than 8 bits.
    """
    limits = frame_limits(annotations, root)
    if not limits:
        return dict(paired)
    texts = {path: format_limits(x) for path, x in limits.items()}
    return {
        split: samples.assign(
            **{
                f'{gas}_limits': samples[f'{gas}_frame'].map(texts).fillna('')
                for gas in GASES
            }
        )
        for split, samples in paired.items()
    }


def limits_of_rows(paired: pd.DataFrame) -> dict[str, Limits]:
    """By frame what :func:`add_limits` wrote into a paired CSV."""
    known: dict[str, Limits] = {}
    for gas in GASES:
        if f'{gas}_limits' in paired:
            rows = zip(paired[f'{gas}_frame'], paired[f'{gas}_limits'], strict=True)
            known |= {path: x for path, text in rows if (x := parse_limits(text))}
    return known


def check_limits(table: CsvTable, columns: tuple[str, ...]) -> None:
    """Refuse limits that are neither empty nor two numbers in order."""
    for column in columns:
        if column not in table.frame:
            continue
        table.refuse(
            np.array([not _is_limits(text) for text in table.frame[column]]),
            column,
            f'{column} must be two numbers, the lower first, or empty',
            'correct it, or empty the column',
        )


def _is_limits(text: str) -> bool:
    try:
        parse_limits(text)
    except ValueError:
        return False
    return True
