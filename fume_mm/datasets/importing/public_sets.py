"""Published sets of frames and masks in folders, with what their CSVs say of each.

All are read alike (:func:`.tree.walk`); :data:`SETS` says how they differ.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from fume_mm.errors import UserError
from fume_mm.io.images import encode_png, fourth_channel
from fume_mm.io.tables import CsvTable, read_text

from .items import Item, Options, Source, refuse
from .tree import existing_folder, match, nfc, split_of, walk


@dataclass(frozen=True)
class Layout:
    """How a set differs from plain folders.

    Attributes:
        csv: Pattern of its CSVs' names below the source.
        key: The column that names the frame's file, by any part of its path.
        columns: Fields of an :class:`.items.Item`, or further columns of the annotation
            CSV, by the column of its CSV.
        scenes: Whether the folder that holds the frames' folder is the recording.
        classes: Folders on the way to a frame that become a column: its name, and them.
    """

    csv: str = ''
    key: str = ''
    columns: Mapping[str, str] = field(default_factory=dict)
    scenes: bool = False
    classes: tuple[str, tuple[str, ...]] = ('', ())


SETS = {
    # {train,val,test}/{images,masks}, FLIR0001_frame_00001.png, combined_train.csv
    'gas_twin_former': Layout('combined_*.csv', 'img_name', {'diet_type': 'diet_type'}),
    # train, val, test; Control, low forage, high forage
    'controlled_diet': Layout(classes=('diet_type', ('control', 'lf', 'hf'))),
    # pairs named FLIR1031_frame_0704
    'carboformer': Layout(),
    # SEQ_0001/{images,masks,overlays}, annotations.csv; TRACE is RumiFormer's data
    'trace': Layout(
        'annotations.csv',
        'image_path',
        {
            'seq_id': 'recording',
            'split': 'split',
            'frame_id': 'frame_id',
            'class_id': 'source_class_id',
            'gas_area_pct': 'gas_area_pct',
        },
        scenes=True,
    ),
    # SCENE/{images,masks}
    'igs_few': Layout(scenes=True),
    'gasvid': Layout(scenes=True),
    'simgas_scenes': Layout(scenes=True),
}
_FIELDS = ('recording', 'split')


def read(source: Path, options: Options, *, layout: Layout) -> Source:
    """The frames of a set.

    Raises:
        UserError: If folders or CSVs are not those of its layout.
    """
    items = walk(source, options)
    if layout.scenes:
        items = [replace(item, recording=_scene(item, source)) for item in items]
    if layout.classes[0]:
        items = [_with_class(item, *layout.classes) for item in items]
    return Source(_with_csv(items, source, layout) if layout.csv else items)


def _scene(item: Item, source: Path) -> str:
    """The folder above ``images/``; a frame's own folder below that counts too."""
    inside = PurePosixPath(item.name).parent
    parts = [part for part in inside.parts if not split_of(part)]
    if not parts:
        raise UserError(
            f'{source} has no folder of a scene above that of the frames; give the '
            'folder that holds the scenes.'
        )
    return '/'.join(parts)


def _with_class(item: Item, column: str, names: tuple[str, ...]) -> Item:
    found = [p for p in PurePosixPath(item.name).parts if p.lower() in names]
    return replace(item, extra={**item.extra, column: found[0] if found else ''})


def _with_csv(items: list[Item], source: Path, layout: Layout) -> list[Item]:
    said: dict[str, dict[Hashable, Any]] = {}
    paths = sorted(source.rglob(layout.csv))
    if not paths:
        raise UserError(
            f'{source} has no {layout.csv}, which says what the frames are; restore '
            'it, or import the folders alone with the format folders.'
        )
    for path in paths:
        rows = CsvTable(path, [layout.key], root=path.parent).frame
        # combined_train.csv
        split = split_of(path.stem)
        for row in rows.to_dict('records'):
            name = nfc(row[layout.key]).replace('\\', '/')
            said[_key(name, split)] = row | ({'split': split} if split else {})
    done: list[Item] = []
    unknown: list[str] = []
    for item in items:
        path = item.frame if isinstance(item.frame, Path) else Path(item.name)
        below = path.relative_to(source).as_posix()
        found = [said[key] for key in _keys(nfc(below), item.split) if key in said]
        if not found:
            unknown.append(below)
            continue
        row = found[0]
        known = {new: row[old] for old, new in layout.columns.items() if row.get(old)}
        fields = {key: known.pop(key) for key in _FIELDS if key in known}
        fields.setdefault('split', item.split or row.get('split', ''))
        done.append(replace(item, extra={**item.extra, **known}, **fields))
    refuse(unknown, f'frames are in none of {", ".join(p.name for p in paths)}')
    return done


def _key(name: str, split: str) -> str:
    """A frame's path without its ending; of a bare name, with its split."""
    stem = str(PurePosixPath(name).with_suffix(''))
    return stem if '/' in stem or not split else f'{split}:{stem}'


def _keys(below: str, split: str) -> list[str]:
    """How a CSV may name the file, the longest first."""
    parts = PurePosixPath(below).with_suffix('').parts
    paths = ['/'.join(parts[i:]) for i in range(len(parts))]
    return [*paths[:-1], f'{split_of(split)}:{paths[-1]}', paths[-1]]


def read_gas_db(source: Path, options: Options) -> Source:
    """Gas-DB: ``images/`` of four channels, RGB and thermal; the thermal one is taken.

    ``labels/`` are the masks, ``train.txt`` and its siblings the published split.

    Raises:
        UserError: If folders or lists are missing, or an image has not four channels.
    """
    frames = existing_folder(source / (options.frames or 'images'))
    masks = existing_folder(source / (options.masks or 'labels'))
    split: dict[str, str] = {}
    for path in sorted(source.glob('*.txt')):
        for line in read_text(path).split():
            split[nfc(PurePosixPath(line).stem)] = path.stem
    items = [
        Item(
            name=str(name),
            frame=partial(_thermal, frame),
            mask=mask,
            split=split.get(name.name, ''),
        )
        for name, frame, mask in match(frames, masks, options.mask_name)
    ]
    if split:
        listed = [item for item in items if item.split]
        left = len(items) - len(listed)
        remark = [f'{left} images are in no list and left out'] if left else []
        return Source(listed, remarks=remark)
    return Source(items)


def _thermal(path: Path) -> bytes:
    return encode_png(fourth_channel(path))


def read_owners(source: Path, options: Options) -> Source:
    """The originals of the owners' campaign, which its root ``annotations.csv`` lists.

    Their copies and splits are left where they are: pair_gases.py reads them as they
    are. Here each original is one frame of its recording.

    Raises:
        UserError: If the CSV is missing or lacks a column.
    """
    path = source / 'annotations.csv'
    if not path.is_file():
        raise UserError(f'{path} does not exist; give the folder that holds it.')
    columns = ['sample_id', 'frame_path', 'mask_path', 'gas_type']
    table = CsvTable(path, columns, root=source)
    table.frame['frame_path'] = table.paths('frame_path')
    table.frame['mask_path'] = table.paths('mask_path')
    table.check_files('frame_path', 'mask_path')
    return Source(
        [
            Item(
                name=nfc(str(PurePosixPath(row['frame_path']).with_suffix(''))),
                frame=source / row['frame_path'],
                mask=source / row['mask_path'],
                gas=row['gas_type'].lower(),
                suffix=PurePosixPath(row['frame_path']).suffix,
                recording=row.get('recording') or row.get('vessel_id') or '',
                ph=row.get('ph_value', ''),
                class_name=row.get('class_name', ''),
                extra={'sample_id': row['sample_id']},
            )
            for row in table.frame.to_dict('records')
            if row['gas_type'].lower() in options.gases
        ]
    )
