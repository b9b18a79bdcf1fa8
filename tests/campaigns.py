"""A tiny campaign in the owners' layout, and one broken variant of each kind.

Deterministic, NumPy and OpenCV only. A vessel has one pH; its tube is a bright bar, and
the plume beside it is the wider the lower the pH, so that a model can learn something.
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

COLUMNS = (
    'frame_path',
    'mask_path',
    'gas_type',
    'ph_value',
    'class_id',
    'class_name',
    'original_sample_id',
    'augmentation_id',
)
#: pH and class of a split's vessels, over and over: three vessels show every class.
VESSELS = (
    (6.5, 0, 'Healthy'),
    (5.9, 1, 'Transitional'),
    (5.6, 2, 'Acidotic'),
    (6.2, 0, 'Healthy'),
    (5.3, 2, 'Acidotic'),
    (5.0, 2, 'Acidotic'),
)
Rows = list[dict[str, str]]


def pair_campaign(
    root: Path, *, splits: Sequence[str] = ('train', 'val', 'test')
) -> Path:
    """Write the paired CSVs of a campaign, as pair_gases.py does; returns its root."""
    # the campaign itself needs no pandas
    from fume_mm.datasets.annotations import read_annotations
    from fume_mm.datasets.frame_limits import add_limits
    from fume_mm.datasets.pairing import pair_gases
    from fume_mm.io.tables import write_table

    for split in splits:
        rows = read_annotations(annotations(root, split))
        paired = add_limits({split: pair_gases(rows)}, rows, root)[split]
        write_table(paired, root / f'paired_{split}_annotations.csv')
    return root


def make_campaign(
    root: str | Path,
    *,
    vessels: int = 6,
    frames: int = 2,
    augmentations: int = 1,
    size: tuple[int, int] = (64, 48),
    splits: Sequence[str] = ('train', 'val', 'test'),
    co2_only: Sequence[int] = (3,),
    ch4_only: Sequence[int] = (4,),
    vessel_id: bool = False,
    prefix: str = '',
    seed: int = 0,
    broken: str | None = None,
) -> Path:
    """Write a campaign and return its root.

    Args:
        root: A folder to write into; made if need be.
        vessels: Vessels of each split.
        frames: Original frames of each vessel and gas.
        augmentations: Copies of each original.
        size: (width, height) in pixels.
        splits: Which splits to write.
        co2_only: Numbers of the vessels without CH4.
        ch4_only: Numbers of the vessels without CO2.
        vessel_id: Whether the CSVs have that column.
        prefix: What paths in the CSVs start with; with a backslash, Windows separators.
        seed: Of the noise.
        broken: A key of :data:`BREAKS`.
    """
    root = Path(root)
    for split_number, split in enumerate(splits):
        rows: Rows = []
        for folder in ('images', 'masks'):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
        for vessel in range(vessels):
            ph, class_id, class_name = VESSELS[vessel % len(VESSELS)]
            name = f'{split}_v{vessel}'
            gases = [
                gas
                for gas, never in (('co2', ch4_only), ('ch4', co2_only))
                if vessel not in never
            ]
            for frame in range(frames):
                for augmentation in range(augmentations):
                    for gas in gases:
                        key = (split_number, vessel, frame, augmentation)
                        rng = np.random.default_rng([seed, *key, gas == 'ch4'])
                        image, mask = draw(rng, ph, size)
                        stem = f'{name}_f{frame}_a{augmentation}_{gas}.png'
                        paths = [
                            f'{part}/{split}/{stem}' for part in ('images', 'masks')
                        ]
                        for path, pixels in zip(paths, (image, mask), strict=True):
                            cv2.imwrite(str(root / path), pixels)
                        paths = [prefix + path for path in paths]
                        if '\\' in prefix:
                            paths = [path.replace('/', '\\') for path in paths]
                        values = (
                            *paths,
                            gas,
                            ph,
                            class_id,
                            class_name,
                            f'{name}_f{frame}',
                            augmentation,
                        )
                        row = dict(zip(COLUMNS, map(str, values), strict=True))
                        rows.append(row | ({'vessel_id': name} if vessel_id else {}))
        write_rows(annotations(root, split), rows)
    if broken is not None:
        BREAKS[broken](root)
    return root


def draw(
    rng: np.random.Generator, ph: float, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """A frame and its mask, (H, W) uint8 each."""
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    reach = round(height * (0.15 + 0.15 * (6.6 - ph)))
    top = height // 3
    cv2.ellipse(mask, (width // 2, top), (max(width // 4, 1), reach), 0, 0, 180, 2, -1)
    cv2.rectangle(mask, (width // 3, height // 8), (2 * width // 3, top), 1, -1)
    image = np.array([90, 180, 50])[mask] + rng.normal(0, 6, mask.shape)
    # no two walls are alike, and no gray level is the gas's alone
    image += cv2.resize(rng.normal(0, 25, (6, 8)), size, interpolation=cv2.INTER_CUBIC)
    return image.clip(0, 255).astype(np.uint8), mask


def annotations(root: str | Path, split: str = 'train') -> Path:
    """The path of a split's annotation CSV."""
    return Path(root) / f'{split}_annotations.csv'


def read_rows(path: str | Path) -> Rows:
    """A CSV's rows as text."""
    with Path(path).open(newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def write_rows(
    path: str | Path, rows: Rows, columns: Sequence[str] | None = None
) -> None:
    """Write rows; ``columns`` keeps some only, or names them if there are no rows."""
    with Path(path).open('w', newline='', encoding='utf-8') as file:
        writer = csv.DictWriter(file, columns or list(rows[0]), extrasaction='ignore')
        writer.writeheader()
        writer.writerows(rows)


def edit(root: str | Path, row: int, split: str = 'train', **values: str) -> None:
    """Change fields of one row (0 is the first, line 2 of the file)."""
    rows = read_rows(annotations(root, split))
    rows[row].update(values)
    write_rows(annotations(root, split), rows)


def _file(root: Path, row: int, column: str = 'frame_path') -> Path:
    return root / read_rows(annotations(root))[row][column]


def _image(root: Path, row: int, column: str, change: Callable) -> None:
    path = str(_file(root, row, column))
    cv2.imwrite(path, change(cv2.imread(path, cv2.IMREAD_UNCHANGED)))


def _drop_column(root: Path) -> None:
    rows = read_rows(annotations(root))
    write_rows(annotations(root), rows, [c for c in rows[0] if c != 'gas_type'])


def _twice(root: Path) -> None:
    rows = read_rows(annotations(root))
    write_rows(annotations(root), [*rows, rows[1]])


def _extra_field(root: Path) -> None:
    lines = annotations(root).read_text().splitlines()
    lines[2] += ',surplus'
    annotations(root).write_text('\n'.join(lines) + '\n')


def _leak(root: Path) -> None:
    source = read_rows(annotations(root, 'train'))[0]
    shared = {c: source[c] for c in ('original_sample_id', 'vessel_id') if c in source}
    edit(root, 0, 'val', **shared)


#: What can be wrong with a campaign: each changes ``root`` in one way, in the train
#: split, row 1 (line 3 of the CSV) where it is a row's fault.
BREAKS: dict[str, Callable[[Path], None]] = {
    'missing_csv': lambda root: annotations(root).unlink(),
    'empty_csv': lambda root: annotations(root).write_bytes(b'') and None,
    'no_rows': lambda root: write_rows(annotations(root), [], COLUMNS),
    'not_text': lambda root: annotations(root).write_bytes(b'\x89PNG\xff') and None,
    'extra_field': _extra_field,
    'missing_column': _drop_column,
    'unknown_gas': lambda root: edit(root, 1, gas_type='n2o'),
    'ph_not_a_number': lambda root: edit(root, 1, ph_value='low'),
    'ph_out_of_range': lambda root: edit(root, 1, ph_value='65'),
    'ph_disagrees': lambda root: edit(root, 1, ph_value='5.0'),
    'unknown_class_id': lambda root: edit(root, 1, class_id='3'),
    'unknown_class_name': lambda root: edit(root, 1, class_name='Ill'),
    'class_disagrees': lambda root: edit(root, 1, class_name='Acidotic'),
    'no_original': lambda root: edit(root, 1, original_sample_id=''),
    'no_frame_path': lambda root: edit(root, 1, frame_path=''),
    'absolute_path': lambda root: edit(root, 1, frame_path='/images/a.png'),
    'windows_drive': lambda root: edit(root, 1, mask_path='C:\\masks\\a.png'),
    'escaping_path': lambda root: edit(root, 1, frame_path='images/../../a.png'),
    'frame_twice': _twice,
    'missing_frame': lambda root: _file(root, 1).unlink(),
    'missing_mask': lambda root: _file(root, 1, 'mask_path').unlink(),
    'empty_frame': lambda root: _file(root, 1).write_bytes(b'') and None,
    'not_an_image': lambda root: _file(root, 1).write_bytes(b'<html>' * 9) and None,
    'truncated_header': lambda root: (
        _file(root, 1).write_bytes(_file(root, 1).read_bytes()[:20]) and None
    ),
    'size_differs': lambda root: _image(root, 1, 'mask_path', lambda m: m[:, :-1]),
    # Seen on loading only:
    'mask_values': lambda root: _image(root, 1, 'mask_path', lambda m: m * 100),
    # Seen where splits are compared:
    'leak': _leak,
}
