"""Which frames make a sample: from pairs, lists, folders and CSVs, paired by name.

A sample has a CO2 frame, a CH4 frame or both. In folders the file name pairs them:
``a.png`` in one folder and ``a.png`` in the other, or ``a_co2.png`` and ``a_ch4.png``
(``co2_a.png`` and ``ch4_a.png``), in one folder or two. A frame without a partner is a
sample of one gas.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.images import IMAGES, Frame, image_size
from fume_mm.io.limits import recording_limits
from fume_mm.io.naming import recording_in, sample_names, split_gas, unique_names
from fume_mm.io.stretch import Limits
from fume_mm.structures import GAS_LABELS, GASES

from .predictor import frames_of

_PAIRED = 'paired_{split}_annotations.csv'
_NAMED = 3
#: By gas its frame, and maybe ``name``.
Item = Mapping[str, Any]


@dataclass(frozen=True)
class SampleFrames:
    """The frames of one sample, not yet read.

    Attributes:
        name: Unique among the samples it was gathered with.
        frames: By gas, in the order of GASES, a path or an array as
            :func:`~fume_mm.io.images.read_gray` takes it.
        limits: By gas what becomes black and white in a frame of more than 8 bits, if
            its recording says so.
    """

    name: str
    frames: dict[str, Frame]
    limits: dict[str, Limits] = field(default_factory=dict)

    def paths(self) -> dict[str, str | None]:
        """By gas the path, None for an array and for a gas that is not there."""
        frames = {gas: self.frames.get(gas) for gas in GASES}
        return {
            gas: str(frame) if isinstance(frame, (str, Path)) else None
            for gas, frame in frames.items()
        }


def gather(
    inputs: Any = None,
    *,
    co2: Any = None,
    ch4: Any = None,
    split: str | None = None,
    root: str | Path | None = None,
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
        root: What paths in a CSV are relative to, if not to its folder.

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
    items = _of_gases(given) if inputs is None else _of_one(inputs, split, root)
    if not items:
        raise UserError('the list of samples is empty; give at least one.')
    frames = [_frames(item, number) for number, item in enumerate(items, 1)]
    names = [str(item.get('name') or '') for item in items]
    unnamed = [number for number, name in enumerate(names) if not name]
    paths = [
        {gas: x for gas, x in frames[i].items() if not isinstance(x, np.ndarray)}
        for i in unnamed
    ]
    of_paths = iter(sample_names([x for x in paths if x]))
    for i, known in zip(unnamed, paths, strict=True):
        names[i] = next(of_paths) if known else f'sample_{i + 1:04d}'
    limits = [item.get('limits') or {} for item in items]
    return [
        SampleFrames(*x) for x in zip(unique_names(names), frames, limits, strict=True)
    ]


def with_limits(samples: Sequence[SampleFrames]) -> list[SampleFrames]:
    """Samples whose frames of more than 8 bits have the limits of their recording.

    A paired CSV's are kept. Else frames of one gas are of one recording if their names
    hold the same (``FLIR0034``), or, where they hold none, if they are in one folder. A
    frame alone has its own percentiles.

    Raises:
        UserError: As :func:`~fume_mm.io.limits.recording_limits`.
    """
    if len(samples) < 2:
        return list(samples)
    frames: dict[tuple[str, str], list[str]] = {}
    keys: dict[tuple[int, str], tuple[str, str]] = {}
    for number, sample in enumerate(samples):
        for gas, path in sample.paths().items():
            if path is not None and gas not in sample.limits:
                key = gas, recording_in(path) or str(Path(path).parent)
                keys[number, gas] = key
                frames.setdefault(key, []).append(path)
    found = recording_limits(frames)
    added: list[dict[str, Limits]] = [dict(sample.limits) for sample in samples]
    for (number, gas), key in keys.items():
        if key in found:
            added[number][gas] = found[key]
    return [replace(x, limits=y) for x, y in zip(samples, added, strict=True)]


def describe(samples: Sequence[SampleFrames]) -> str:
    """How many samples have which gases; names some of those with one gas alone."""
    parts = [f'{sum(len(x.frames) == len(GASES) for x in samples)} with both gases']
    for gas in GASES:
        names = [x.name for x in samples if list(x.frames) == [gas]]
        if names:
            shown = ', '.join([*names[:_NAMED], *['...'] * (len(names) > _NAMED)])
            parts.append(f'{len(names)} with {GAS_LABELS[gas]} alone ({shown})')
    return f'{len(samples)} samples: {", ".join(parts)}'


def _of_gases(given: dict[str, Any]) -> list[Item]:
    folders = {
        gas: Path(value)
        for gas, value in given.items()
        if isinstance(value, (str, Path)) and Path(value).is_dir()
    }
    if folders:
        first = next(iter(folders.values()))
        if set(folders) != set(given):
            raise UserError(
                f'{first} is a folder, the other gas is not; give two folders or two '
                'frames.'
            )
        if len({path.resolve() for path in folders.values()}) < len(folders):
            return _of_folder(first)
        return _of_folders(folders)
    lists = {gas: x for gas, x in given.items() if isinstance(x, (list, tuple))}
    if not lists:
        return [given]
    lengths = {len(value) for value in lists.values()}
    if set(lists) != set(given) or len(lengths) > 1:
        raise UserError(
            'co2 and ch4 are lists of frames that belong together by position; make '
            'them of one length, with None where a frame was not recorded.'
        )
    return [dict(zip(lists, x, strict=True)) for x in zip(*lists.values(), strict=True)]


def _of_one(inputs: Any, split: str | None, root: str | Path | None) -> list[Item]:
    if isinstance(inputs, Mapping):
        return [inputs]
    if isinstance(inputs, (list, tuple)):
        return list(inputs)
    if not isinstance(inputs, (str, Path)):
        raise UserError(
            f'{type(inputs).__name__} is no input for both gases; give co2=... or '
            'ch4=..., a folder, a CSV, or a list of dicts with these keys.'
        )
    path = Path(inputs)
    if path.is_dir():
        return _of_folder(path, split)
    if path.suffix.lower() == '.csv':
        return _of_csv(path, root)
    image_size(path, what='the frame')
    raise UserError(
        f'{path}: is one frame; say of which gas, by giving it as co2 or as ch4.'
    )


def _frames(item: Item, number: int) -> dict[str, Frame]:
    """The frames of an item, in the order of GASES, their files looked at."""
    if not isinstance(item, Mapping) or not set(item) <= {'name', 'limits', *GASES}:
        raise UserError(
            f'sample {number}: give a dict with the keys co2, ch4 (either may be left '
            'out) and, if need be, name.'
        )
    frames = frames_of({**item, 'name': f'sample {number}'})
    for gas, frame in frames.items():
        if isinstance(frame, (str, Path)):
            image_size(frame, what=f'the {gas} frame')
        elif not isinstance(frame, np.ndarray):
            raise UserError(
                f'sample {number}: its {gas} frame is a {type(frame).__name__}; give a '
                'path or an array.'
            )
    return frames


def _of_folder(folder: Path, split: str | None = None) -> list[Item]:
    if split is not None:
        return _of_csv(folder / _PAIRED.format(split=split))
    tables = sorted(folder.glob(_PAIRED.format(split='*')))
    if tables:
        return [item for table in tables for item in _of_csv(table)]
    if any(folder.glob('*_annotations.csv')):
        raise UserError(
            f'{folder}: is a campaign whose frames are not paired yet; pair them with '
            f'`python tools/dataset_converters/pair_gases.py {folder}`.'
        )
    inner = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    if set(GASES) & set(inner):
        return _of_folders({gas: inner[gas] for gas in GASES if gas in inner})
    by_gas: dict[str, list[Path]] = {gas: [] for gas in GASES}
    for path in _images(folder):
        gas = split_gas(path.stem)[1]
        if gas is None:
            raise UserError(
                f'{path}: its name does not say which gas it shows; name the files '
                '<name>_co2 and <name>_ch4, or give a folder for each gas.'
            )
        by_gas[gas].append(path)
    return _paired(by_gas)


def _images(folder: Path) -> list[Path]:
    paths = [x for x in sorted(folder.iterdir()) if x.suffix.lower() in IMAGES]
    if not paths:
        raise UserError(
            f'{folder}: holds no image ({", ".join(IMAGES)}); name another folder.'
        )
    return paths


def _of_folders(folders: Mapping[str, Path]) -> list[Item]:
    by_gas = {gas: _images(folder) for gas, folder in folders.items()}
    for gas, paths in by_gas.items():
        for path in paths:
            named = split_gas(path.stem)[1]
            if named not in (gas, None):
                raise UserError(
                    f'{path}: lies in the {gas} folder, but its name says {named}; '
                    'move or rename it.'
                )
    return _paired(by_gas)


def _paired(by_gas: Mapping[str, list[Path]]) -> list[Item]:
    by_key: dict[str, dict[str, Any]] = {}
    for gas, paths in by_gas.items():
        for path in paths:
            key = split_gas(path.stem)[0]
            other = by_key.setdefault(key, {'name': key}).setdefault(gas, path)
            if other is not path:
                raise UserError(
                    f'{path} and {other}: both are the {gas} frame {key!r}; rename one.'
                )
    return [by_key[key] for key in sorted(by_key)]


def _of_csv(path: Path, root: str | Path | None = None) -> list[Item]:
    from fume_mm.datasets.frame_limits import limits_of_rows  # needs pandas
    from fume_mm.datasets.paired_csv import read_paired

    root = path.parent if root is None else Path(root)
    table = read_paired(path, root=root, labelled=False)
    columns = [table['sample_id'], *(table[f'{gas}_frame'] for gas in GASES)]
    known = limits_of_rows(table)
    items: list[Item] = []
    for name, *frames in zip(*columns, strict=True):
        item: dict[str, Any] = {'name': name, 'limits': {}}
        for gas, frame in zip(GASES, frames, strict=True):
            if frame:  # an absolute path stays what it is
                item[gas] = root / frame
                if frame in known:
                    item['limits'][gas] = known[frame]
        items.append(item)
    return items
