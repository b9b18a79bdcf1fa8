"""Frames of more than 8 bits: one stretch through a recording, for all who read it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.checking import check_campaign
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.paired_csv import read_paired
from fume_mm.datasets.statistics import measure, measure_campaign, read_frames
from fume_mm.engine.hooks.sample_hooks import read_frames as read_shown
from fume_mm.errors import UserError
from fume_mm.inference.inferencer import DualGasInferencer
from fume_mm.inference.predictor import read_frames as read_predicted
from fume_mm.io.images import read_frame, read_mask
from fume_mm.io.stretch import format_limits, limits_of, stretch
from fume_mm.registry import register_all_modules
from fume_mm.structures import GASES
from fume_mm.structures.dual_gas_result import DualGasResult
from tests.campaigns import annotations, make_campaign, pair_campaign, read_rows

PIPELINE = [
    {'type': 'LoadDualGasFrames'},
    {'type': 'LoadDualGasMasks'},
    {'type': 'PackDualGasInputs'},
]
CSV = 'paired_train_annotations.csv'


def as_counts(path: Path, pixels: np.ndarray, drift: int) -> None:
    """14-bit counts that drift from frame to frame, as cameras' do."""
    cv2.imwrite(str(path), pixels.astype(np.uint16) * 3 + np.uint16(7000 + drift))


def as_degrees(path: Path, pixels: np.ndarray, drift: int) -> None:
    """Degrees Celsius, with a dead pixel."""
    values = np.float32(18 + drift / 100) + pixels.astype(np.float32) / np.float32(25)
    values[2, 3] = np.nan
    cv2.imwrite(str(path), values)


@pytest.fixture(params=[(as_counts, '.png'), (as_degrees, '.tif')], ids=['16', 'float'])
def campaign(request, tmp_path) -> Path:
    """Three vessels, which are recordings, of three frames and two gases."""
    save, ending = request.param
    make_campaign(
        tmp_path,
        splits=['train'],
        vessels=3,
        frames=3,
        vessel_id=True,
        co2_only=(),
        ch4_only=(),
    )
    path = annotations(tmp_path)
    text = path.read_text()
    for number, row in enumerate(read_rows(path)):
        file = tmp_path / row['frame_path']
        pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        file.unlink()
        save(file.with_suffix(ending), pixels, 40 * (number % 6))
    path.write_text(text.replace('.png,masks', f'{ending},masks'))
    return pair_campaign(tmp_path, splits=['train'])


def expected(root: Path) -> dict[str, np.ndarray]:
    """By frame what it must look like: limits pooled over vessel and gas."""
    rows = read_annotations(annotations(root))
    grays = {}
    for _, part in rows.groupby(['vessel_id', 'gas_type']):
        values = [
            cv2.imread(str(root / path), cv2.IMREAD_UNCHANGED)
            for path in part['frame_path']
        ]
        limits = limits_of(np.stack(values))
        for path, frame in zip(part['frame_path'], values, strict=True):
            dead = np.isnan(frame)
            frame[dead] = 0
            frame[dead] = frame[1:4, 2:5].sum() / 8 if dead.any() else 0
            grays[path] = stretch(frame, limits)
    return grays


class Looker:
    """Keeps the frames that a predictor gets to see."""

    def __init__(self):
        self.seen = {}

    def predict(self, samples, probabilities=False):
        for sample in samples:
            frames, _ = read_predicted(sample)
            self.seen |= {str(sample[gas]): frames[gas] for gas in frames}
        return [DualGasResult(str(sample['name']), {}) for sample in samples]


def test_training_checks_panels_and_use_see_one_picture(campaign):
    register_all_modules()
    grays = expected(campaign)
    assert len(grays) == 18
    own = [(read_frame(campaign / path)[0] != grays[path]).mean() for path in grays]
    assert min(own) > 0.05  # by itself each frame would be another picture
    assert check_campaign(campaign, splits=['train']).defects == []

    dataset = DualGasDataset(CSV, data_root=str(campaign), pipeline=PIPELINE)
    trained = {}
    for item in (dataset[index] for index in range(len(dataset))):
        sample = item['data_samples']
        shown = read_shown(sample)
        for gas, frame in item['inputs'].items():
            path = sample.frame_paths[gas]
            trained[path] = frame[0].numpy()
            assert (shown[gas] == trained[path]).all()
            assert sample.read_as[gas].startswith(('uint16', 'float32'))
            assert 'by its recording' in sample.read_as[gas]
    looker = Looker()
    list(DualGasInferencer(looker).stream(campaign, pbar=False))
    rows = read_frames(campaign)
    numbers, _ = measure_campaign(rows, campaign)
    for row in numbers.itertuples():
        gray = grays[row.frame_path]
        assert (trained[str(campaign / row.frame_path)] == gray).all()
        assert (looker.seen[str(campaign / row.frame_path)] == gray).all()
        truth, _ = measure(gray, read_mask(campaign / row.mask_path))
        assert row.contrast == pytest.approx(truth['contrast'])


def test_a_folder_of_one_recording_is_read_as_its_campaign(campaign, tmp_path):
    grays = expected(campaign)
    paths = [path for path in grays if '_v0_' in path and 'co2' in path]
    looker = Looker()
    folder = campaign / 'FLIR0034'
    folder.mkdir()
    for path in paths:
        (folder / Path(path).name).write_bytes((campaign / path).read_bytes())
    list(DualGasInferencer(looker).stream(co2=folder, pbar=False))
    assert len(looker.seen) == len(paths) == 3
    for path in paths:
        seen = looker.seen[str(folder / Path(path).name)]
        assert (seen == grays[path]).all()


def test_names_hold_recordings_where_no_column_does(tmp_path):
    make_campaign(tmp_path, splits=['train'], vessels=1, frames=2, ch4_only=())
    path = annotations(tmp_path)
    text = path.read_text()
    values = []
    for row in read_rows(path):
        file = tmp_path / row['frame_path']
        pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        name = file.name.replace('train_v0', 'FLIR0034')
        as_counts(file.with_name(name), pixels, 30 * len(values))
        values.append(cv2.imread(str(file.with_name(name)), cv2.IMREAD_UNCHANGED))
        text = text.replace(
            row['frame_path'], row['frame_path'].replace(file.name, name)
        )
    path.write_text(text)
    pair_campaign(tmp_path, splits=['train'])
    paired = read_paired(tmp_path / CSV)
    # rows alternate between the gases, whose cameras are two
    for gas, part in zip(GASES, (values[::2], values[1::2]), strict=True):
        assert set(paired[f'{gas}_limits']) == {
            format_limits(limits_of(np.stack(part)))
        }


def test_limits_of_the_whole_clip_count(campaign):
    path = annotations(campaign)
    lines = path.read_text().splitlines()
    given = [f'{lines[0]},limits', *(f'{line},100 9000' for line in lines[1:])]
    path.write_text('\n'.join(given) + '\n')
    pair_campaign(campaign, splits=['train'])
    paired = read_paired(campaign / CSV)
    assert set(paired['co2_limits']) == {'100 9000'}
    path.write_text(path.read_text().replace('100 9000', '9000 100', 1))
    with pytest.raises(UserError, match=r'line 2 .*limits must be two numbers'):
        read_annotations(path)


def test_paired_csvs_without_limits_are_told(campaign):
    path = campaign / CSV
    table = read_paired(path).drop(columns=['co2_limits', 'ch4_limits', 'groups'])
    table.to_csv(path, index=False)
    report = check_campaign(campaign, splits=['train'])
    assert report.defects == []
    (note,) = [note for note in report.notes if 'limits' in note]
    assert note.startswith('18 frames of more than 8 bits')
    assert 'pair_gases.py' in note


def test_frames_of_8_bits_have_no_limits(tmp_path):
    make_campaign(tmp_path, splits=['train'])
    pair_campaign(tmp_path, splits=['train'])
    assert 'limits' not in (tmp_path / CSV).read_text()
    dataset = DualGasDataset(CSV, data_root=str(tmp_path))
    assert all('limits' not in dataset.get_data_info(k) for k in range(len(dataset)))


def test_counts_and_degrees_in_one_recording_are_a_defect(campaign):
    row = read_rows(annotations(campaign))[0]
    path = campaign / row['frame_path']
    other = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    other = np.nan_to_num(other).astype(
        np.float32 if other.dtype == np.uint16 else np.uint16
    )
    # a TIFF is a TIFF under any name
    path.write_bytes(cv2.imencode('.tif', other)[1].tobytes())
    report = check_campaign(campaign, splits=['train'])
    assert any('holds counts' in defect.problem for defect in report.defects)
    with pytest.raises(UserError, match='holds counts'):
        pair_campaign(campaign, splits=['train'])
