"""Files of frames and masks that belong together by their names, in any folders."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from fume_mm.errors import UserError
from fume_mm.io.images import IMAGES, decode_mask
from fume_mm.structures import GASES, SPLITS

from .items import Item, Options, Shapes, refuse

#: How folders of frames and of masks are called, the likelier first.
FRAME_FOLDERS = ('frames', 'images', 'image', 'imgs', 'img_dir', 'jpegimages')
MASK_FOLDERS = (
    'masks',
    'mask',
    'segmentationclasspng',
    'segmentationclass',
    'labels',
    'ann_dir',
    'annotations',
    'gt',
)
#: How splits are called elsewhere.
SPLIT_WORDS = {
    **{split: split for split in SPLITS},
    'training': 'train',
    'valid': 'val',
    'validation': 'val',
    'dev': 'val',
    'testing': 'test',
}
Found = tuple[PurePosixPath, Path, 'Path | Shapes | None']


def nfc(text: str) -> str:
    """Text with accents composed: macOS and others spell one name in two ways."""
    return unicodedata.normalize('NFC', text)


def is_hidden(path: Path, below: Path) -> bool:
    """Whether a file is a system's own: ``._x``, ``.DS_Store``, ``__MACOSX/x``."""
    parts = path.relative_to(below).parts
    return any(part.startswith('.') or part == '__MACOSX' for part in parts)


def image_files(folder: Path) -> list[Path]:
    """The images in a folder and below, in order, without hidden ones."""
    return sorted(
        path
        for path in folder.rglob('*')
        if path.suffix.lower() in IMAGES and not is_hidden(path, folder)
    )


def files_of(folder: Path, suffix: str) -> list[Path]:
    """Files of an ending in a folder and below, in order, without hidden ones."""
    return [p for p in sorted(folder.rglob(f'*{suffix}')) if not is_hidden(p, folder)]


def existing_folder(folder: Path) -> Path:
    """The folder.

    Raises:
        UserError: If there is none.
    """
    if not folder.is_dir():
        raise UserError(f'{folder} does not exist; name the folder it should be.')
    return folder


def split_of(name: str) -> str:
    """The split that a part of a path names; '' if none."""
    for word in re.split(r'[/._\s-]+', name.lower()):
        if word in SPLIT_WORDS:
            return SPLIT_WORDS[word]
    return ''


def walk(source: Path, options: Options) -> list[Item]:
    """Frames and masks of the same names in folders beside each other.

    With ``options.frames`` or ``options.masks`` in those; else in every folder that has
    a folder of frames and one of masks, called as in :data:`FRAME_FOLDERS` and
    :data:`MASK_FOLDERS`. Folders on the way are in the items' names; one that is called
    as a split is the item's split.

    Raises:
        UserError: If there are none, or names do not fit together.
    """
    found = [
        (folder / name, frame, mask)
        for folder, frames, masks in _folders(source, options)
        for name, frame, mask in match(frames, masks, options.mask_name)
    ]
    items = []
    for name, frame, mask in found:
        splits = {
            part.lower(): SPLIT_WORDS[part.lower()]
            for part in name.parts[:-1]
            if part.lower() in SPLIT_WORDS
        }
        items.append(
            Item(
                name=str(name),
                frame=frame,
                mask=mask,
                split=next(iter(splits.values()), ''),
            )
        )
    return items


def _folders(
    source: Path, options: Options
) -> Iterator[tuple[PurePosixPath, Path, Path]]:
    existing_folder(source)
    if options.frames or options.masks:
        frames, masks = options.frames or 'frames', options.masks or 'masks'
        several = len(options.gases) > 1
        if several and not all('{gas}' in folder for folder in (frames, masks)):
            raise UserError(
                f'{frames} and {masks} must hold {{gas}} where there are several '
                'gases, so that each has folders of its own.'
            )
        for gas in options.gases:
            yield (
                PurePosixPath(gas if several else ''),
                existing_folder(source / frames.format(gas=gas)),
                existing_folder(source / masks.format(gas=gas)),
            )
        return
    found = False
    folders = [source, *(p for p in sorted(source.rglob('*')) if p.is_dir())]
    for folder in folders:
        if folder != source and is_hidden(folder, source):
            continue
        inside = {p.name.lower(): p for p in folder.iterdir() if p.is_dir()}
        kinds = [
            next((inside[k] for k in kind if k in inside and _holds(inside[k])), None)
            for kind in (FRAME_FOLDERS, MASK_FOLDERS)
        ]
        both = (folder, folder) if (folder / '_classes.csv').is_file() else kinds
        if both[0] is not None and both[1] is not None:
            found = True
            yield PurePosixPath(folder.relative_to(source)), both[0], both[1]
    if not found:
        raise UserError(
            f'{source} and its folders hold no images in a folder of frames '
            f'({", ".join(FRAME_FOLDERS)}) beside one of masks '
            f'({", ".join(MASK_FOLDERS)}); name them with --frames and --masks.'
        )


def _holds(folder: Path) -> bool:
    return next((True for p in folder.rglob('*') if p.suffix.lower() in IMAGES), False)


def match(
    frames: Path, masks: Path, mask_name: re.Pattern[str] | None = None
) -> list[Found]:
    """Each frame of a folder by its path there without ending, with its mask.

    Args:
        frames: The folder of the frames.
        masks: The folder of the masks; may be the same.
        mask_name: See :class:`.items.Options`; with a group ``label``, a frame's mask
            is made of several files, a nonzero pixel being of the label.

    Raises:
        UserError: If there is no frame, names are shared, or a mask has no frame.
    """
    drawn: dict[PurePosixPath, dict[str, Path]] = {}
    pictures: dict[PurePosixPath, Path] = {}
    doubled = []
    same = frames == masks
    for path in image_files(masks):
        stem = _stem(path, masks)
        label = ''
        if mask_name is not None:
            if not (found := mask_name.fullmatch(stem.name)):
                continue
            named = found.groupdict()
            label = named.get('label') or ''
            name = named.get('name') or next(filter(None, found.groups()), found[0])
            stem = stem.parent / name
        elif same:
            continue
        if label in drawn.setdefault(stem, {}):
            doubled.append(path)
        drawn[stem][label] = path
    used = {path for of_frame in drawn.values() for path in of_frame.values()}
    for path in image_files(frames):
        if same and (path in used or path in doubled):
            continue
        stem = _stem(path, frames)
        if stem in pictures:
            doubled.append(path)
        pictures[stem] = path
    refuse(doubled, 'names are shared by files of different endings; keep one of each')
    if not pictures:
        raise UserError(f'{frames} holds no image ({", ".join(IMAGES)}).')
    if not drawn and mask_name is not None:
        raise UserError(
            f'{masks} holds no mask whose name fits {mask_name.pattern!r}; correct '
            '--mask-suffix or --mask-pattern.'
        )
    refuse(
        [
            path
            for name, d in drawn.items()
            if name not in pictures
            for path in d.values()
        ],
        f'masks have no partner of their name in {frames}; rename or move them, or say '
        'how the names differ with --mask-suffix or --mask-pattern',
    )
    return [(name, path, _mask(drawn.get(name))) for name, path in pictures.items()]


def _stem(path: Path, folder: Path) -> PurePosixPath:
    inner = path.relative_to(folder).with_suffix('')
    return PurePosixPath(*map(nfc, inner.parts))


def _mask(files: Mapping[str, Path] | None) -> Path | Shapes | None:
    if not files or '' in files:
        return files[''] if files else None
    return Shapes([(label, partial(nonzero, path)) for label, path in files.items()])


def nonzero(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Where a mask of one class is set, (H, W) bool.

    Raises:
        UserError: If it is not of that shape or no mask.
    """
    mask = decode_mask(path.read_bytes(), path)
    if mask.shape[:2] != shape:
        raise UserError(
            f'{path} is {mask.shape[1]}x{mask.shape[0]}, its frame '
            f'{shape[1]}x{shape[0]}; export it at the size of the frame.'
        )
    return (mask.max(axis=2) if mask.ndim == 3 else mask) > 127 * (mask.max() > 127)


class Pictures:
    """The images of a folder, found by what an annotation file calls them.

    Args:
        folder: Where they lie, at any depth.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.files: dict[str, list[Path]] = {}
        for path in image_files(folder):
            self.files.setdefault(nfc(path.name), []).append(path)

    def find(self, name: str) -> Path | None:
        """The file of that path, or else of that name if it is the only one."""
        parts = PurePosixPath(nfc(name).replace('\\', '/')).parts
        alike = self.files.get(parts[-1], []) if parts else []
        for length in range(len(parts), 0, -1):
            fit = [
                p
                for p in alike
                if tuple(map(nfc, p.parts[-length:])) == parts[-length:]
            ]
            if len(fit) == 1:
                return fit[0]
            if fit:
                return None
        return None


def with_gas(items: Sequence[Item], gases: Sequence[str]) -> list[Item]:
    """The items with their gas: the only one there is, or that which the name holds.

    Raises:
        UserError: If names hold none or both.
    """
    if len(gases) == 1:
        return [replace(item, gas=item.gas or gases[0]) for item in items]
    token = re.compile(
        r'(?:(?<=[/._\s-])|^)({})(?=[/._\s-]|$)'.format('|'.join(GASES)), re.IGNORECASE
    )
    done, unknown = [], []
    for item in items:
        found = {gas.lower() for gas in token.findall(item.name)}
        if item.gas:
            done.append(item)
        elif len(found) != 1:
            unknown.append(item.name)
        else:
            name = re.sub(r'[._\s-]*(/|$)', r'\1', token.sub('', item.name))
            name = re.sub(r'(^|/)[/._\s-]+', r'\1', name)
            done.append(replace(item, gas=found.pop(), name=name or 'frame'))
    refuse(unknown, f'names hold none of {", ".join(gases)}, or both; import one gas')
    return done
