"""One file is one array for training, for the checks and for use."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.checking import check_campaign
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.statistics import measure, measure_campaign, read_frames
from fume_mm.io.images import read_frame, read_mask
from fume_mm.registry import register_all_modules
from tests.campaigns import annotations, make_campaign, pair_campaign, read_rows

PALETTE = [0, 0, 0, 255, 0, 0, 0, 255, 0]
PIPELINE = [
    {'type': 'LoadDualGasFrames'},
    {'type': 'LoadDualGasMasks'},
    {'type': 'PackDualGasInputs'},
]
Save = Callable[[Path, np.ndarray], None]


@pytest.fixture(autouse=True)
def registered() -> None:
    register_all_modules()


def encoded(path: Path, pixels: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def turned(turn: int, quarters: int) -> Save:
    def save(path: Path, pixels: np.ndarray) -> None:
        exif = Image.Exif()
        exif[0x0112] = turn
        # stored so that a viewer which obeys EXIF shows the frame upright
        Image.fromarray(np.rot90(pixels, -quarters)).save(path, exif=exif)

    return save


def palette(path: Path, mask: np.ndarray) -> None:
    image = Image.fromarray(mask, mode='L')
    image.putpalette(PALETTE + [0] * 756 if 255 in mask else PALETTE)
    image.save(path)


#: By name: ending of the frames, how frames are saved, how masks are.
KINDS: dict[str, tuple[str, Save | None, Save | None]] = {
    '16 bits': (
        '.png',
        lambda p, x: encoded(p, np.uint16(x) * 9 + 21_000),
        None,
    ),
    'float TIFF': (
        '.tif',
        lambda p, x: encoded(p, np.float32(x) / 8 + 290),
        None,
    ),
    'EXIF 3': ('.jpg', turned(3, 2), None),
    'EXIF 6': ('.jpg', turned(6, 3), turned(6, 3)),
    'colour': ('.png', lambda p, x: encoded(p, np.dstack([x // 2, x, 255 - x])), None),
    'BGRA': (
        '.png',
        lambda p, x: encoded(p, np.dstack([x, x, x, x // 3])),
        lambda p, x: encoded(p, np.dstack([x, x, x, 255 - x])),
    ),
    'palette': ('.png', None, palette),
    'three channels': ('.png', None, lambda p, x: encoded(p, np.dstack([x, x, x]))),
}


@pytest.fixture(params=KINDS)
def campaign(request, tmp_path) -> Path:
    """Its frames and masks saved as one kind says, and paired."""
    ending, save_frame, save_mask = KINDS[request.param]
    make_campaign(
        tmp_path, splits=['train'], vessels=3, frames=1, size=(48, 32), co2_only=(2,)
    )
    path = annotations(tmp_path)
    text = path.read_text()
    for row in read_rows(path):
        for column, save in (('frame_path', save_frame), ('mask_path', save_mask)):
            file = tmp_path / row[column]
            pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
            target = file.with_suffix(ending if column == 'frame_path' else '.png')
            if save:
                file.unlink()
                save(target, pixels)
            elif target != file:
                file.rename(target)
            text = text.replace(
                row[column], target.relative_to(tmp_path).as_posix() + ' '
            )
    path.write_text(text)
    return pair_campaign(tmp_path, splits=['train'])


def test_training_checks_and_use_read_the_same_arrays(campaign):
    assert check_campaign(campaign, splits=['train']).defects == []
    rows = read_annotations(annotations(campaign), check_pixels=True)
    measured, _ = measure_campaign(read_frames(campaign), campaign)
    # by frame, what the config's own pipeline hands the model
    dataset = DualGasDataset(
        'paired_train_annotations.csv', data_root=str(campaign), pipeline=PIPELINE
    )
    seen = {}
    for item in (dataset[index] for index in range(len(dataset))):
        sample = item['data_samples']
        for gas, frame in item['inputs'].items():
            mask = sample.get(gas).gt_sem_seg.data[0].numpy()
            seen[sample.frame_paths[gas]] = (frame[0].numpy(), mask)
    assert len(seen) == len(rows) == 5
    for row, numbers in zip(rows.itertuples(), measured.itertuples(), strict=True):
        path, mask_path = campaign / row.frame_path, campaign / row.mask_path
        frame, mask = seen[str(path)]
        used, _ = read_frame(path)
        assert (frame == used).all()
        assert (mask == read_mask(mask_path)).all()
        assert set(np.unique(mask)) == {0, 1, 2}
        assert len(np.unique(frame)) > 30  # not two levels of a clipped 16 bits
        # the brightest is the tube, whichever way the file is stored
        if row.frame_path.endswith(('.jpg', '.tif')):
            assert frame[mask == 1].mean() > frame[mask == 0].mean() + 30
        expected, _ = measure(used, read_mask(mask_path))
        assert numbers.contrast == pytest.approx(expected['contrast'])


def test_an_array_goes_through_the_loader_as_its_file_does(campaign):
    dataset = DualGasDataset(
        'paired_train_annotations.csv', data_root=str(campaign), pipeline=PIPELINE[::2]
    )
    info = dataset.get_data_info(0)
    from_files = dataset.pipeline(dict(info))
    arrays = {
        gas: read_frame(path, limits=info.get('limits', {}).get(gas))[0]
        for gas, path in info['frame_paths'].items()
    }
    from_arrays = dataset.pipeline(info | {'frame_paths': arrays})
    for gas, frame in from_files['inputs'].items():
        assert (frame == from_arrays['inputs'][gas]).all()
        assert from_arrays['data_samples'].frame_paths[gas] is None
        limits = info.get('limits', {}).get(gas)
        handling = read_frame(info['frame_paths'][gas], limits=limits)[1]
        assert from_files['data_samples'].read_as[gas] == handling
        assert from_arrays['data_samples'].read_as[gas] is None
