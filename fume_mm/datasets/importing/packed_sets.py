"""Published sets that lie in Parquet files or in the tars of a WebDataset."""

import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

from fume_mm.errors import UserError
from fume_mm.io.images import IMAGES

from .items import Item, Options, Source, refuse
from .tree import files_of, nfc, split_of

#: Columns of the Parquet files: the picture, the mask, what names the recording, the
#: number of the frame, the split, and those to keep.
PARQUET: dict[str, Mapping[str, Any]] = {
    'gasformer': {
        'frame': 'image',
        'mask': 'mask',
        'recording': 'video_id',
        'number': 'frame_index',
        'split': 'official_split',
        'keep': ('flow_rate_class',),
    },
    'simgas': {
        'frame': 'frames',
        'mask': 'gt',
        'recording': 'video',
        'number': 'filename',
        'split': '',
        'keep': (),
    },
}
_SUFFIXES = {b'\x89PNG': '.png', b'\xff\xd8\xff': '.jpg', b'II*\0': '.tif'}


def read_parquet(
    source: Path, options: Options, *, columns: Mapping[str, Any]
) -> Source:
    """A row is a frame, or a clip whose columns hold lists of frames.

    Pictures are bytes, or structures with ``bytes`` as Hugging Face's.

    Raises:
        UserError: If pyarrow is missing, there is no file, or it lacks a column.
    """
    try:
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        raise UserError(
            'Parquet needs pyarrow; install it with `pip install pyarrow`.'
        ) from None
    items: list[Item] = []
    paths = files_of(source, '.parquet') if source.is_dir() else [source]
    if not paths:
        raise UserError(f'{source} holds no Parquet file; give the folder that does.')
    for path in paths:
        with ParquetFile(path) as file:
            names = file.schema_arrow.names
            needed = [columns[key] for key in ('frame', 'mask', 'recording')]
            if lacking := [name for name in needed if name not in names]:
                raise UserError(
                    f'{path} has no column {", ".join(lacking)} (it has '
                    f'{", ".join(names)}); name the format that it is of.'
                )
            told = [
                name
                for name in (columns['number'], columns['split'], *columns['keep'])
                if name in names
            ]
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, [columns['recording'], *told])
                lengths = _lengths(file, group, columns['frame'])
                for row, values in enumerate(table.to_pylist()):
                    items += _row_items(
                        values, columns, path, (group, row), lengths[row]
                    )
    return Source(items)


def _lengths(file: Any, group: int, column: str) -> list[int | None]:
    """How many frames each row holds; None where it is one, and no list."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = file.schema_arrow.field(column).type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return [None] * file.metadata.row_group(group).num_rows
    lists = file.read_row_group(group, [column]).column(column)
    return pc.list_value_length(lists).to_pylist()


def _row_items(
    values: Mapping[str, Any],
    columns: Mapping[str, Any],
    path: Path,
    place: tuple[int, int],
    length: int | None,
) -> Iterator[Item]:
    recording = str(values[columns['recording']])
    number = values.get(columns['number'])
    number = place[1] if number is None else number
    text = f'{number:05d}' if isinstance(number, int) else PurePosixPath(number).stem
    named = text == recording or text.startswith(f'{recording}_')
    stem = text if named else f'{recording}_{text}'
    for index in [None] if length is None else range(length):
        get = partial(_cell, path, place, index)
        yield Item(
            name=nfc(stem if index is None else f'{stem}_{index:05d}'),
            frame=partial(get, columns['frame']),
            mask=partial(get, columns['mask']),
            suffix=_suffix(path, columns['frame']),
            recording=recording,
            split=str(values.get(columns['split']) or split_of(path.stem)),
            extra={
                'frame_index': str(number if index is None else index),
                **{name: str(values.get(name, '')) for name in columns['keep']},
            },
        )


@lru_cache(maxsize=4)
def _column(path: Path, group: int, column: str) -> Any:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        return file.read_row_group(group, [column]).column(column)


def _cell(path: Path, place: tuple[int, int], index: int | None, column: str) -> bytes:
    group, row = place
    value = _column(path, group, column)[row].as_py()
    value = value if index is None else value[index]
    data = value.get('bytes') if isinstance(value, dict) else value
    if not isinstance(data, bytes):
        raise UserError(f'{path}, {column}, row {row}: holds no picture')
    return data


@lru_cache(maxsize=64)
def _suffix(path: Path, column: str) -> str:
    """The ending of the first picture, as of all."""
    value = _column(path, 0, column)[0].as_py()
    value = value[0] if isinstance(value, list) else value
    data = value.get('bytes') if isinstance(value, dict) else value
    found = (
        s for magic, s in _SUFFIXES.items() if bytes(data or b'').startswith(magic)
    )
    return next(found, '.png')


def read_gas_ground(source: Path, options: Options) -> Source:
    """GasGround: tars of ``NAME.png``, a mask and a JSON per sample.

    What a file's name has after its first full stop says what it is (WebDataset): one
    with ``mask`` or ``seg`` is the mask, another image the frame. A mask's name may
    also end in ``_mask``, or be in a folder ``masks``. Of the JSON, ``split``,
    ``video`` and the frame's number are kept.

    Raises:
        UserError: If there is no tar, one is cut short, or a sample has no frame.
    """
    paths = files_of(source, '.tar') if source.is_dir() else [source]
    if not paths:
        raise UserError(f'{source} holds no tar; give the folder that holds them.')
    items, without = [], []
    for path in paths:
        samples: dict[str, dict[str, Callable[[], bytes]]] = {}
        try:
            with tarfile.open(path) as tar:
                for member in tar:
                    name = PurePosixPath(member.name)
                    if not member.isfile() or name.name.startswith('.'):
                        continue
                    key, kind = _member(name)
                    if not kind:
                        continue
                    read = partial(_bytes, path, member.offset_data, member.size)
                    samples.setdefault(key, {})[kind] = read
        except (tarfile.TarError, OSError) as error:
            raise UserError(
                f'{path}: cannot be read ({error}); fetch it again.'
            ) from error
        for key, parts in samples.items():
            pictures = [kind for kind in parts if kind not in ('mask', 'json')]
            if not pictures:
                without.append(f'{key} in {path.name}')
                continue
            told = (
                _told(parts['json'](), f'{key} in {path.name}')
                if 'json' in parts
                else {}
            )
            items.append(
                Item(
                    name=nfc(key),
                    frame=parts[pictures[0]],
                    mask=parts.get('mask'),
                    suffix=pictures[0],
                    recording=told.get('video') or told.get('video_id') or '',
                    split=told.get('split') or split_of(path.stem),
                    extra={
                        name: told[name]
                        for name in ('frame_index', 'frame', 'time', 'camera')
                        if name in told
                    },
                )
            )
    refuse(without, 'samples have no frame; fetch the tars again')
    return Source(items)


def _member(name: PurePosixPath) -> tuple[str, str]:
    """The sample of a tar's file, and what of it the file is."""
    stem, _, endings = name.name.partition('.')
    plain = stem
    for word in ('_mask', '_seg'):
        plain = plain.removesuffix(word)
    words = endings.lower().split('.')
    if words[-1] == 'json':
        return plain, 'json'
    said = {*words, *map(str.lower, name.parts[:-1])}
    if plain != stem or said & {'mask', 'masks', 'seg', 'label', 'labels'}:
        return plain, 'mask'
    suffix = f'.{words[-1]}'
    return plain, suffix if suffix in IMAGES else ''


def _bytes(path: Path, offset: int, size: int) -> bytes:
    with path.open('rb') as file:
        file.seek(offset)
        return file.read(size)


def _told(data: bytes, name: str) -> dict[str, str]:
    try:
        content = json.loads(data)
    except ValueError as error:
        raise UserError(
            f'{name}: is no JSON ({error}); fetch the tars again.'
        ) from error
    content = content if isinstance(content, dict) else {}
    return {k: str(v) for k, v in content.items() if isinstance(v, (str, int, float))}
