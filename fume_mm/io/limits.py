"""The limits that a recording's frames of more than 8 bits share.

One function, for training, checks and use: the pooled percentiles of a bounded sample
of the recording's frames. See :mod:`.stretch` for what is done with them.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.fff import frame_in_jpeg, parse_frame
from fume_mm.io.images import read_values
from fume_mm.io.progress import ordered_map
from fume_mm.io.stretch import Limits, limits_of

#: So many frames of a recording, evenly spread, give its limits.
SAMPLE = 32
Key = TypeVar('Key')


def spread(count: int, number: int) -> list[int]:
    """Up to ``number`` of ``count`` positions, evenly spread from first to last."""
    positions = np.linspace(0, max(count - 1, 0), min(count, number)).round()
    return positions.astype(int).tolist()


def pooled_limits(frames: Iterable[tuple[str, np.ndarray]]) -> Limits | None:
    """The limits of frames together; None if none has more than 8 bits.

    Args:
        frames: Name and values of each, (H, W).

    Raises:
        UserError: If some are counts and some are floating point.
    """
    deep = [(name, values) for name, values in frames if values.dtype != np.uint8]
    if not deep:
        return None
    kinds = {values.dtype.kind == 'f': name for name, values in deep}
    if len(kinds) > 1:
        raise UserError(
            f'{kinds[False]} holds counts, {kinds[True]} floating-point values, and '
            'they are of one recording; export all of them in one way, or name their '
            'recordings apart.'
        )
    return limits_of(np.concatenate([np.ravel(values) for _, values in deep]))


def recording_limits(
    recordings: Mapping[Key, Sequence[str | Path]], *, workers: int | None = None
) -> dict[Key, Limits]:
    """The limits of recordings whose frames are files of their own.

    Of each, up to :data:`SAMPLE` of the frames deeper than 8 bits, evenly spread in the
    order of their names, are read. Files that cannot be read are left out: who uses
    them says so.

    Args:
        recordings: By name their frames.
        workers: Threads; None is a few more than processors.

    Returns:
        By name; a recording of 8-bit frames is not among them.

    Raises:
        UserError: As :func:`pooled_limits`.
    """
    chosen: dict[Key, list[str | Path]] = {}
    for key, paths in recordings.items():
        deep = sorted((path for path in paths if is_deep(path)), key=str)
        if deep:
            chosen[key] = [deep[k] for k in spread(len(deep), SAMPLE)]

    def limits(paths: list[str | Path]) -> Limits | None:
        frames = []
        for path in paths:
            try:
                frames.append((str(path), read_values(path)[0]))
            except UserError:
                continue
        return pooled_limits(frames)

    found = ordered_map(limits, chosen.values(), workers)
    return {key: x for key, x in zip(chosen, found, strict=True) if x is not None}


def is_deep(path: str | Path) -> bool:
    """Whether a frame has more than 8 bits; False for what cannot be read.

    By the header of a PNG or JPEG; other files are decoded.
    """
    if not Path(path).is_file():
        return False
    try:
        with Path(path).open('rb') as file:
            head = file.read(25)
            if head.startswith(b'\x89PNG'):
                return head[24:] == b'\x10'
            if head.startswith(b'\xff\xd8'):
                file.seek(0)
                return parse_frame(frame_in_jpeg(file) or b'') is not None
        return read_values(path, colours=False)[0].dtype != np.uint8
    except (OSError, UserError):
        return False
