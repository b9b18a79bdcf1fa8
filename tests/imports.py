"""Small sources to import, with masks that are known, and what came of them."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.checking import check_campaign
from fume_mm.datasets.importing import (
    Options,
    parse_mask_map,
    read_source,
    write_campaign,
)
from fume_mm.datasets.pairing import pair_gases
from fume_mm.io.images import read_mask
from fume_mm.io.label_file import read_labels
from tests.campaigns import read_rows

SIZE = (64, 48)
#: Three recordings of two frames: a split needs three.
NAMES = [f'FLIR100{clip}_frame_{frame:04d}' for clip in range(3) for frame in (1, 2)]


def picture(number: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    rng = np.random.default_rng([number, *size])
    return rng.integers(30, 60, size[::-1]).astype(np.uint8)


def classes(number: int = 0, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A tube of 8x10 pixels and a plume, another for each number."""
    mask = np.zeros(size[::-1], np.uint8)
    mask[20:30, :8] = 1
    mask[10 : 20 + number, 8 : 30 + number] = 2
    return mask


def save(path: Path, image: np.ndarray) -> Path:
    """Write gray levels, or RGB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = image[..., ::-1] if image.ndim == 3 else image
    path.write_bytes(cv2.imencode(path.suffix, bgr)[1].tobytes())
    return path


def save_palette(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(mask)
    image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    image.save(path)


def encoded(image: np.ndarray, suffix: str = '.png') -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def files(root: Path) -> set[str]:
    return {p.relative_to(root).as_posix() for p in root.rglob('*') if p.is_file()}


def convert(name: str, source: Path, out: Path, **options) -> list[str]:
    """Import as the command does; the lines that it prints."""
    gases = options.pop('gases', ('ch4',))
    of_source = Options(
        gases,
        options.pop('frames', ''),
        options.pop('masks', ''),
        options.pop('mask_name', None),
    )
    if 'mask_map' in options:
        options['mask_map'] = parse_mask_map(
            options['mask_map'].split(), read_labels(out)
        )
    return write_campaign(
        read_source(name, source, of_source), out, gases=gases, **options
    )


def rows(out: Path) -> list[dict[str, str]]:
    return [
        row | {'split': path.name.partition('_')[0]}
        for path in sorted(out.glob('*_annotations.csv'))
        for row in read_rows(path)
    ]


def masks(out: Path) -> dict[str, np.ndarray]:
    """Class ids by the name of the frame."""
    return {
        row['original_sample_id']: read_mask(
            out / row['mask_path'], read_labels(out).seg_classes
        )
        for row in rows(out)
    }


def assert_campaign(
    out: Path, expected: dict[str, np.ndarray], *, splits=('train', 'val', 'test')
) -> None:
    """The campaign is sound, can be paired, and holds these masks and no other."""
    assert check_campaign(out, splits=splits).defects == []
    for split in splits:
        annotations = read_annotations(out / f'{split}_annotations.csv')
        assert len(pair_gases(annotations)) > 0
    found = masks(out)
    assert set(found) == set(expected)
    for name, mask in expected.items():
        assert np.array_equal(found[name], mask), name
