"""Samples in a few flat arrays, which loader workers share instead of copying."""

import pickle
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from multiprocessing.context import get_spawning_popen
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd

from fume_mm.structures import GASES

#: The texts of a sample, in the order in which its record holds them.
TEXT_COLUMNS = (
    'sample_id',
    *(f'{gas}_{part}' for part in ('frame', 'mask', 'group') for gas in GASES),
)
_SEPARATOR = '\0'  # no path can hold it
_CHUNK = 100_000


class SampleTable(Sequence):
    """A read-only list of sample dicts that holds arrays and makes dicts on demand.

    A list of dicts has a reference count in every object; a forked worker that reads
    one writes to its page and so gets a copy of it. Arrays have none. Slices,
    :meth:`take`, :meth:`of_gases`, :meth:`per_frame` and copies are views on the same
    arrays.

    A process that is started anew (``spawn``, ``forkserver``) is sent a file's name:
    the first one makes the arrays a memory-mapped temporary file, which all of them and
    this process share from then on. Any other pickle holds the arrays.

    Args:
        arrays: ``text`` (bytes,) uint8, the records one after the other; ``offsets``
            (n + 1,) int64, where they begin and end; ``ph_value`` (n,) float64;
            ``class_id`` (n,) int8; ``gases`` (n,) uint8, bit i for the i-th of GASES.
        root: The folder that the paths are relative to.
        rows: The rows of the arrays that are this list.
    """

    #: Of each of ``_rows`` the gases to show, bits as in ``gases``; None: all it has.
    _shown: np.ndarray | None = None
    #: Whether a sample is one frame and is named after its gas, too.
    _per_frame = False

    def __init__(
        self, arrays: dict[str, np.ndarray], *, root: str, rows: range | np.ndarray
    ) -> None:
        self._store = _Store(arrays)
        self._root = root
        self._rows = rows

    @classmethod
    def from_frame(cls, paired: pd.DataFrame, *, root: str | Path) -> 'SampleTable':
        """The samples of :func:`~fume_mm.datasets.pairing.read_paired`."""
        text, lengths = bytearray(), []  # grows in place: joining pieces doubles it
        # In chunks, since a row as Python objects takes several times its text.
        for start in range(0, len(paired), _CHUNK):
            chunk = paired.iloc[start : start + _CHUNK]
            columns = [chunk[name].tolist() for name in TEXT_COLUMNS]
            records = [
                _SEPARATOR.join(texts).encode() for texts in zip(*columns, strict=True)
            ]
            text += b''.join(records)
            lengths.append(np.fromiter(map(len, records), np.int64, len(records)))
        arrays: dict[str, np.ndarray] = {
            'text': np.frombuffer(text, np.uint8),
            'offsets': np.cumsum(np.concatenate([[0], *lengths]), dtype=np.int64),
            'ph_value': paired['ph_value'].to_numpy(np.float64, copy=True),
            'class_id': paired['class_id'].to_numpy(np.int8),
            'gases': np.zeros(len(paired), np.uint8),
        }
        for bit, gas in enumerate(GASES):
            here = (paired[f'{gas}_frame'] != '').to_numpy(np.uint8)
            arrays['gases'] |= here << bit
        arrays['text'].flags.writeable = False
        return cls(arrays, root=str(root), rows=range(len(paired)))

    @property
    def class_ids(self) -> np.ndarray:
        """Class id of every sample, (len,) int64."""
        return self._column('class_id').astype(np.int64)

    def _column(self, name: str) -> np.ndarray:
        """What the array ``name`` holds for each sample."""
        array = self._store.arrays[name]
        if isinstance(self._rows, range):
            step = slice(self._rows.start, self._rows.stop, self._rows.step)
            return array[step]
        return array[self._rows]

    def _bits(self) -> np.ndarray:
        """Which gases each sample shows, (len,) uint8."""
        return self._column('gases') if self._shown is None else self._shown

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, whatever part of them is this list."""
        return sum(array.nbytes for array in self._store.arrays.values())

    def take(self, positions: Sequence[int] | np.ndarray) -> 'SampleTable':
        """The samples at ``positions``, in their order; negative ones count back.

        Raises:
            IndexError: If there is no such position.
        """
        where = np.asarray(positions, dtype=np.int64)
        rows = np.asarray(self._rows, dtype=np.int64)[where]
        return self._view(rows, None if self._shown is None else self._shown[where])

    def of_gases(self, gases: Sequence[str]) -> 'SampleTable':
        """The samples that have a frame of one of ``gases``, without other frames."""
        wanted = sum(1 << GASES.index(gas) for gas in gases)
        bits = self._bits() & np.uint8(wanted)
        (kept,) = bits.nonzero()
        rows = np.asarray(self._rows, dtype=np.int64)[kept]
        return self._view(rows, bits[kept])

    def per_frame(self) -> 'SampleTable':
        """A sample for each frame, ``<sample_id>_<gas>``, in the samples' order.

        Its ``groups`` are the frame's own; pH and class are the sample's.
        """
        single = np.array([1 << bit for bit in range(len(GASES))], np.uint8)
        bits = self._bits()[:, None] & single
        kept, gas = bits.nonzero()
        rows = np.asarray(self._rows, dtype=np.int64)[kept]
        view = self._view(rows, bits[kept, gas])
        view._per_frame = True
        return view

    def _view(
        self, rows: range | np.ndarray, shown: np.ndarray | None
    ) -> 'SampleTable':
        view = object.__new__(SampleTable)
        view._store, view._root, view._rows = self._store, self._root, rows
        view._shown, view._per_frame = shown, self._per_frame
        return view

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> 'SampleTable': ...

    def __getitem__(self, index: int | slice) -> 'dict[str, Any] | SampleTable':
        if isinstance(index, slice):
            shown = None if self._shown is None else self._shown[index]
            return self._view(self._rows[index], shown)
        row = int(self._rows[index])
        arrays = self._store.arrays
        start, stop = arrays['offsets'][row : row + 2]
        record = arrays['text'][start:stop].tobytes().decode()
        texts = dict(zip(TEXT_COLUMNS, record.split(_SEPARATOR), strict=True))
        bits = arrays['gases'][row] if self._shown is None else self._shown[index]
        gases = [gas for bit, gas in enumerate(GASES) if int(bits) >> bit & 1]
        groups = (texts[f'{gas}_group'] for gas in gases)
        suffix = f'_{gases[0]}' if self._per_frame else ''
        return {
            'sample_id': texts['sample_id'] + suffix,
            'groups': tuple(dict.fromkeys(filter(None, groups))),
            'ph_value': float(arrays['ph_value'][row]),
            'class_id': int(arrays['class_id'][row]),
            'frame_paths': {g: f'{self._root}/{texts[f"{g}_frame"]}' for g in gases},
            'mask_paths': {g: f'{self._root}/{texts[f"{g}_mask"]}' for g in gases},
        }

    def __deepcopy__(self, memo: dict) -> 'SampleTable':
        return self._view(self._rows, self._shown)


class _Store:
    """The arrays of a table and all its views, in memory or in a mapped file."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays
        self._path: str | None = None

    def __reduce__(self) -> tuple:
        if get_spawning_popen() is None:
            return _Store, (self.arrays,)
        if self._path is None:
            self._path = _write(self.arrays)
            weakref.finalize(self, Path(self._path).unlink, missing_ok=True)
            self.arrays = _map(self._path)
        return _open, (self._path,)


def _write(arrays: dict[str, np.ndarray]) -> str:
    """Write arrays one after the other into a temporary file; returns its path."""
    with tempfile.NamedTemporaryFile(
        prefix='fume_mm_', suffix='.index', delete=False
    ) as file:
        layout = {name: (array.dtype.str, len(array)) for name, array in arrays.items()}
        pickle.dump(layout, file)
        for array in arrays.values():
            file.write(memoryview(array))  # type: ignore[arg-type]
    return file.name


def _map(path: str) -> dict[str, np.ndarray]:
    with Path(path).open('rb') as file:
        layout = pickle.load(file)
        start = file.tell()
    arrays = {}
    for name, (dtype, length) in layout.items():
        arrays[name] = (
            np.memmap(path, dtype, mode='r', offset=start, shape=(length,))
            if length
            else np.empty(0, dtype)
        )
        start += length * np.dtype(dtype).itemsize
    return arrays


def _open(path: str) -> _Store:
    store = _Store(_map(path))
    store._path = path
    return store
