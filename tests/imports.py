"""Small sources to import, with masks that are known, and what came of them."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import torch
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
from fume_mm.datasets.samplers import collate_samples
from fume_mm.engine.config import load_config
from fume_mm.inference.inferencer import DualGasInferencer
from fume_mm.io.images import read_mask
from fume_mm.io.label_file import read_labels
from fume_mm.io.tables import write_table
from fume_mm.registry import DATASETS, MODELS, register_all_modules
from fume_mm.structures.labels import FUME_LABELS
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


#: The format of a campaign that was just imported, and those that were trained on.
_FORMAT: dict[Path, str] = {}
_TRAINED: set[str] = set()


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
    _FORMAT[out] = name
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
    format_name = _FORMAT[out]
    if format_name not in _TRAINED and read_labels(out) == FUME_LABELS:
        _TRAINED.add(format_name)
        assert_round_trip(out, splits)


def assert_round_trip(out: Path, splits: tuple[str, ...]) -> None:
    """Two iterations of training, masks of the trained net, and these imported."""
    here, source = rows(out), out.parent / f'{out.name}_predicted'
    source.mkdir()
    for split in splits:
        pairs = pair_gases(read_annotations(out / f'{split}_annotations.csv'))
        write_table(pairs, source / f'paired_{split}_annotations.csv')
    register_all_modules()
    cfg = load_config(
        'configs/fume/fume_fastscnn_masks.py',
        options={'data_root': str(out), 'ann_root': str(source), 'scale': (64, 64)},
    )
    data = cfg.train_dataloader.dataset
    data.ann_file = data.ann_file.replace('train', splits[0])
    dataset = DATASETS.build(data)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.cfg, model.dataset_meta = cfg, dataset.metainfo
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    before = [x.detach().clone() for x in model.parameters()]
    for _ in range(2):
        batch = model.data_preprocessor(
            collate_samples([dataset[i % len(dataset)] for i in range(3)]), True
        )
        loss, _ = model.parse_losses(model(**batch, mode='loss'))
        assert loss.isfinite()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = zip(before, model.parameters(), strict=True)
    assert any((x != y).any() for x, y in after)

    gases = tuple(dict.fromkeys(row['gas_type'] for row in here))
    samples = {
        f'SEQ_{i:04d}_{row["gas_type"]}': {row['gas_type']: out / row['frame_path']}
        for i, row in enumerate(here)
    }
    found = DualGasInferencer(model.eval())(
        [{'name': name, **frames} for name, frames in samples.items()],
        out_dir=source / 'written',
        panels=False,
        pbar=False,
    )['predictions']
    expected = {x.name: mask for x in found for mask in x.masks.values()}
    assert set(expected) == set(samples)
    for name, frames in samples.items():
        (mask,) = (source / 'written/masks').glob(f'{name}*')
        for folder, file in (('frames', *frames.values()), ('masks', mask)):
            target = source / 'tree' / folder / f'{name}{file.suffix}'
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    again = source / 'again'
    options = {'gases': gases, 'mask_map': '1=tube 2=gas', 'split': 'test'}
    convert('folders', source / 'tree', again, **options)
    imported = masks(again)
    assert len(imported) == len(expected)
    for name, mask in imported.items():
        (same,) = (expected[key] for key in expected if key.startswith(name))
        assert np.array_equal(mask, same), name
