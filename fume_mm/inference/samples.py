"""Which frames make a sample: from pairs, lists, folders and CSVs, paired by name.

A sample has a CO2 frame, a CH4 frame or both. In folders the file name pairs them:
``a.png`` in one folder and ``a.png`` in the other, or ``a_co2.png`` and ``a_ch4.png``
(``co2_a.png`` and ``ch4_a.png``), in one folder or two. A frame without a partner is a
sample of one gas.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.images import IMAGES, Frame, require_image
from fume_mm.io.naming import sample_names, split_gas, unique_names
from fume_mm.structures import AVAILABILITY, GAS_LABELS, GASES, availability

_PAIRED = 'paired_{split}_annotations.csv'
_NAMED = 3


@dataclass(frozen=True)
class SampleFrames:
    """The frames of one sample, not yet read.

    Attributes:
        name: Unique among the samples it was gathered with.
        frames: By gas, in the order of GASES, a path or an array as
            :func:`~fume_mm.io.images.read_gray` takes it.
    """

    name: str
    frames: dict[str, Frame]

    def paths(self) -> dict[str, str | None]:
        """By gas the path, None for an array and for a gas that is not there."""
        return {
            gas: str(frame) if isinstance(frame, (str, Path)) else None
            for gas, frame in ((gas, self.frames.get(gas)) for gas in GASES)
        }


def gather(
    inputs: Any = None, *, co2: Any = None, ch4: Any = None, split: str | None = None
) -> list[SampleFrames]:
    """The samples that a user names, each file of them known to be there.

    Args:
        inputs: A CSV with columns ``co2_frame`` and ``ch4_frame``, or ``co2`` and
            ``ch4`` (paths relative to its folder); a campaign's folder (its paired
            CSVs); a folder with frames of both gases, or with folders ``co2`` and
            ``ch4``; a dict with ``co2``, ``ch4`` (or one of them) and maybe ``name``;
            or a list of such dicts. None if the gases are given by themselves.
        co2: A frame (file or array), a folder of frames, or a list of frames in which
            None stands for one that was not recorded.
        ch4: Likewise.
        split: Of a campaign; by default all of its splits.

    Raises:
        UserError: If nothing is given, naming what is not there or no image, or what
            cannot be paired.
    """
    given = {'co2': co2, 'ch4': ch4}
    given = {gas: value for gas, value in given.items() if value is not None}
    if inputs is not None and given:
        raise UserError('give either one input for both gases or co2 and ch4, not all.')
    if inputs is None and not given:
        raise UserError('no frame was given; give a CO2 frame, a CH4 frame or both.')
    samples = _of_gases(given) if inputs is None else _of_one(inputs, split)
    if not samples:
        raise UserError('the list of samples is empty; give at least one.')
    samples = _named(samples)
    for sample in samples:
        for gas, frame in sample.frames.items():
            if not isinstance(frame, np.ndarray):
                require_image(Path(frame), what=f'the {gas} frame')
    return samples


def describe(samples: Sequence[SampleFrames]) -> str:
    """How many samples have which gases; names some of those with one gas alone."""
    by_pattern: dict[str, list[str]] = {pattern: [] for pattern in AVAILABILITY}
    for sample in samples:
        pattern = availability(dict.fromkeys(sample.frames, True))
        by_pattern[pattern].append(sample.name)
    parts = [f'{len(by_pattern["both"])} with both gases']
    for gas in GASES:
        names = by_pattern[f'{gas}_only']
        if names:
            more = ', ...' if len(names) > _NAMED else ''
            shown = ', '.join(names[:_NAMED])
            parts.append(f'{len(names)} with {GAS_LABELS[gas]} alone ({shown}{more})')
    return f'{len(samples)} samples: {", ".join(parts)}'


def _of_gases(given: dict[str, Any]) -> list[SampleFrames]:
    folders = {
        gas: Path(value)
        for gas, value in given.items()
        if isinstance(value, (str, Path)) and Path(value).is_dir()
    }
    if folders:
        if set(folders) != set(given):
            raise UserError(
                f'{next(iter(folders.values()))} is a folder, the other gas is not; '
                'give two folders or two frames.'
            )
        same = {path.resolve() for path in folders.values()}
        if len(folders) > len(same):
            return _of_folder(next(iter(folders.values())))
        return _paired({gas: _listed(path, gas) for gas, path in folders.items()})
    lists = {
        gas: value for gas, value in given.items() if isinstance(value, (list, tuple))
    }
    if not lists:
        return [_sample(given, number=0)]
    lengths = {len(value) for value in lists.values()}
    if set(lists) != set(given) or len(lengths) > 1:
        raise UserError(
            'co2 and ch4 are lists of frames that belong together by position; make '
            'them of one length, with None where a frame was not recorded.'
        )
    return [
        _sample({gas: value[i] for gas, value in lists.items()}, number=i)
        for i in range(lengths.pop())
    ]


def _of_one(inputs: Any, split: str | None) -> list[SampleFrames]:
    if isinstance(inputs, Mapping):
        inputs = [inputs]
    if isinstance(inputs, (list, tuple)):
        return [_of_mapping(item, number=i) for i, item in enumerate(inputs)]
    if not isinstance(inputs, (str, Path)):
        raise UserError(
            f'{type(inputs).__name__} is no input for both gases; give co2=... or '
            'ch4=..., a folder, a CSV, or a list of dicts with these keys.'
        )
    path = Path(inputs)
    if path.is_dir():
        return _of_folder(path, split)
    if path.suffix.lower() == '.csv':
        return _of_csv(path)
    require_image(path)
    raise UserError(
        f'{path}: is one frame; say of which gas, by giving it as co2 or as ch4.'
    )


def _of_mapping(item: Any, *, number: int) -> SampleFrames:
    if not isinstance(item, Mapping) or not set(item) <= {'name', *GASES}:
        raise UserError(
            f'sample {number + 1}: give a dict with the keys co2, ch4 (either may be '
            'left out) and, if wanted, name.'
        )
    frames: dict[str, Any] = {
        gas: item[gas] for gas in GASES if item.get(gas) is not None
    }
    return _sample(frames, number=number, name=item.get('name'))


def _sample(
    frames: dict[str, Any], *, number: int, name: str | None = None
) -> SampleFrames:
    """A sample; without a name of its own it gets one in :func:`_named`."""
    frames = {gas: frames[gas] for gas in GASES if frames.get(gas) is not None}
    if not frames:
        raise UserError(
            f'sample {number + 1}: no frame was given; give one of a gas at least.'
        )
    for gas, frame in frames.items():
        if not isinstance(frame, (str, Path, np.ndarray)):
            raise UserError(
                f'sample {number + 1}: its {gas} frame is a {type(frame).__name__}; '
                'give a path or an array.'
            )
    return SampleFrames(str(name or ''), frames)


def _of_folder(folder: Path, split: str | None = None) -> list[SampleFrames]:
    if split is not None:
        return _of_csv(folder / _PAIRED.format(split=split))
    tables = sorted(folder.glob(_PAIRED.format(split='*')))
    if tables:
        return [sample for table in tables for sample in _of_csv(table)]
    if any(folder.glob('*_annotations.csv')):
        raise UserError(
            f'{folder}: is a campaign whose frames are not paired yet; pair them with '
            f'`python tools/dataset_converters/pair_gases.py {folder}`.'
        )
    inner = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    by_gas = {gas: inner[gas] for gas in GASES if gas in inner}
    if by_gas:
        return _paired({gas: _listed(path, gas) for gas, path in by_gas.items()})
    found: dict[str, list[Path]] = {gas: [] for gas in GASES}
    for path in _images(folder):
        gas = split_gas(path.stem)[1]
        if gas is None:
            raise UserError(
                f'{path}: its name does not say which gas it shows; name the files '
                '<name>_co2 and <name>_ch4, or give a folder for each gas.'
            )
        found[gas].append(path)
    return _paired(found)


def _images(folder: Path) -> list[Path]:
    paths = [x for x in sorted(folder.iterdir()) if x.suffix.lower() in IMAGES]
    if not paths:
        raise UserError(
            f'{folder}: holds no image ({", ".join(IMAGES)}); name another folder.'
        )
    return paths


def _listed(folder: Path, gas: str) -> list[Path]:
    paths = _images(folder)
    for path in paths:
        if split_gas(path.stem)[1] not in (gas, None):
            raise UserError(
                f'{path}: lies in the {gas} folder, but its name says '
                f'{split_gas(path.stem)[1]}; move or rename it.'
            )
    return paths


def _paired(found: dict[str, list[Path]]) -> list[SampleFrames]:
    by_key: dict[str, dict[str, Frame]] = {}
    for gas, paths in found.items():
        for path in paths:
            key = split_gas(path.stem)[0]
            other = by_key.setdefault(key, {}).setdefault(gas, path)
            if other is not path:
                raise UserError(
                    f'{path} and {other}: both are the {gas} frame {key!r}; rename one.'
                )
    return [
        SampleFrames(key, {gas: frames[gas] for gas in GASES if gas in frames})
        for key, frames in sorted(by_key.items())
    ]


def _of_csv(path: Path) -> list[SampleFrames]:
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file)
            header = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            columns = _columns(path, header)
            return [_of_row(path, reader.line_num, row, columns) for row in reader]
    except FileNotFoundError:
        raise UserError(
            f'{path}: there is no such CSV; give the path of one.'
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f'{path}: is not a CSV in UTF-8 ({error}); save it again as one.'
        ) from error


def _columns(path: Path, header: Sequence[str]) -> dict[str, str]:
    for columns in (
        {gas: f'{gas}_frame' for gas in GASES},
        {gas: gas for gas in GASES},
    ):
        here: dict[str, str] = {
            gas: name for gas, name in columns.items() if name in header
        }
        if here:
            return here
    raise UserError(
        f'{path}: has the columns {", ".join(header) or "(none)"}, but none that names '
        'frames; it needs co2_frame or ch4_frame (or co2, ch4).'
    )


def _of_row(
    path: Path, line: int, row: dict[Any, Any], columns: dict[str, str]
) -> SampleFrames:
    origin = f'{path}, line {line}'
    if None in row:
        raise UserError(
            f'{origin}: has more fields than the header has columns; quote fields that '
            'hold a comma.'
        )
    frames: dict[str, Frame] = {}
    for gas in (gas for gas in GASES if gas in columns):
        text = (row[columns[gas]] or '').strip()
        if text.lower() not in ('', 'nan', 'none', 'null', '<na>'):
            text = text.replace('\\', '/').removeprefix('mmseg_dataset/')
            frames[gas] = path.parent / text  # an absolute path stays what it is
            if not (path.parent / text).is_file():
                raise UserError(
                    f'{origin}: {path.parent / text}: there is no such file.'
                )
    if not frames:
        raise UserError(f'{origin}: no frame was given; give one of a gas at least.')
    name = (row.get('sample_id') or row.get('name') or '').strip()
    return SampleFrames(name, frames)


def _named(samples: list[SampleFrames]) -> list[SampleFrames]:
    """Names for all, each unique, since they name the files that are written."""
    names = [sample.name for sample in samples]
    unnamed = []
    for i, sample in enumerate(samples):
        paths = {gas: path for gas, path in sample.paths().items() if path}
        if not names[i] and paths:
            unnamed.append((i, paths))
        elif not names[i]:
            names[i] = f'sample_{i + 1:04d}'
    found = sample_names([paths for _, paths in unnamed])
    for (i, _), name in zip(unnamed, found, strict=True):
        names[i] = name
    return [
        replace(sample, name=name)
        for sample, name in zip(samples, unique_names(names), strict=True)
    ]
