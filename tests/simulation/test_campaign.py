"""A campaign on disk: layout, splits, bytes, and what happens when it fails."""

import errno
import json
import multiprocessing
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.datasets.splitting import check_leaks
from fume_mm.errors import UserError
from fume_mm.simulation import (
    CampaignParameters,
    holds_campaign,
    plan_vessels,
    write_campaign,
)
from fume_mm.simulation.presets import SPLIT_SHARES
from fume_mm.structures import HEALTH_CLASSES, NOMINAL_PH, SPLITS, health_class
from tests.campaigns import read_rows

TINY = CampaignParameters(
    name='tiny', vessels=6, frames_per_vessel=2, missing_co2=0.2, missing_ch4=0.2
)
SEED = 1


def contents(root: Path) -> dict[str, bytes]:
    files = (path for path in root.rglob('*') if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope='module')
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('simulated') / 'tiny'
    write_campaign(root, parameters=TINY, seed=SEED)
    return root


def test_two_workers_write_the_bytes_of_one(tiny: Path, tmp_path: Path) -> None:
    write_campaign(tmp_path, parameters=TINY, seed=SEED, workers=2)
    assert contents(tmp_path) == contents(tiny)


def test_another_seed_writes_other_frames(tiny: Path, tmp_path: Path) -> None:
    write_campaign(tmp_path, parameters=TINY, seed=SEED + 1)
    ours, theirs = contents(tiny), contents(tmp_path)
    frames = [name for name in ours if name.startswith('frames/') and name in theirs]
    assert frames
    assert all(ours[name] != theirs[name] for name in frames)


def test_annotations_have_the_datasets_columns(tiny: Path) -> None:
    for split in SPLITS:
        rows = read_rows(tiny / f'{split}_annotations.csv')
        assert ','.join(rows[0]) == (
            'frame_path,mask_path,gas_type,ph_value,class_id,class_name,'
            'original_sample_id,augmentation_id,vessel_id'
        )
        assert {row['augmentation_id'] for row in rows} == {'0'}


def test_the_dataset_reads_and_pairs_it(tiny: Path) -> None:
    annotations = {
        split: read_annotations(tiny / f'{split}_annotations.csv') for split in SPLITS
    }
    check_leaks(annotations, tiny)
    manifest = json.loads((tiny / 'campaign.json').read_text())
    paired = {split: len(pair_gases(rows)) for split, rows in annotations.items()}
    assert paired == manifest['counts']['samples_by_split']
    assert sum(paired.values()) == 12


def test_every_frame_on_disk_is_annotated_once(tiny: Path) -> None:
    rows = [row for s in SPLITS for row in read_rows(tiny / f'{s}_annotations.csv')]
    for column, folder in (('frame_path', 'frames'), ('mask_path', 'masks')):
        annotated = sorted(row[column] for row in rows)
        assert annotated == sorted(n for n in contents(tiny) if n.startswith(folder))
    assert len(read_rows(tiny / 'truth.csv')) == len(rows)


def test_masks_are_palette_pngs_of_class_ids(tiny: Path) -> None:
    values = set()
    for path in (tiny / 'masks').rglob('*.png'):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ('P', (320, 240))
            mask = np.asarray(image)
        values |= set(np.unique(mask).tolist())
    assert values == {0, 1, 2}


def test_classes_follow_ph(tiny: Path) -> None:
    for row in read_rows(tiny / 'train_annotations.csv'):
        class_id = health_class(float(row['ph_value']))
        named = (int(row['class_id']), row['class_name'])
        assert named == (class_id, HEALTH_CLASSES[class_id])


def test_manifest_says_simulated_and_counts_the_files(tiny: Path) -> None:
    manifest = json.loads((tiny / 'campaign.json').read_text())
    assert manifest['simulated'] is True
    frames = Counter(path.parent.name for path in (tiny / 'frames').rglob('*.png'))
    assert manifest['counts']['frames_by_gas'] == frames
    assert manifest['counts']['frames'] == sum(frames.values()) < 24


@pytest.mark.parametrize('vessels', [6, 12, 18, 19, 25, 120, 400])
def test_splits_share_no_vessel_and_none_is_empty(vessels: int) -> None:
    parameters = CampaignParameters(vessels=vessels, frames_per_vessel=1)
    plan = plan_vessels(parameters, seed=3)
    assert [vessel.index for vessel in plan] == list(range(vessels))
    counts = Counter(vessel.split for vessel in plan)
    for split, share in SPLIT_SHARES.items():
        assert counts[split] == pytest.approx(share * vessels, abs=1)
        assert counts[split] > 0


@pytest.mark.parametrize('vessels', [18, 19, 20, 22, 25, 120, 400])
def test_every_class_is_in_each_split_from_18_vessels_on(vessels: int) -> None:
    parameters = CampaignParameters(vessels=vessels, frames_per_vessel=1)
    found = {
        (vessel.split, health_class(vessel.ph))
        for vessel in plan_vessels(parameters, seed=0)
    }
    assert len(found) == len(SPLITS) * len(HEALTH_CLASSES)


def test_classes_and_their_ph_values_have_equal_numbers_of_vessels() -> None:
    parameters = CampaignParameters(vessels=36, frames_per_vessel=1)
    phs = Counter(vessel.ph for vessel in plan_vessels(parameters, seed=0))
    assert phs == {6.5: 6, 6.2: 6, 5.9: 12, 5.6: 4, 5.3: 4, 5.0: 4}
    assert set(phs) == set(NOMINAL_PH)


def test_missing_gases_come_in_their_shares_and_never_both() -> None:
    parameters = CampaignParameters(missing_co2=0.1, missing_ch4=0.3)
    samples = [
        gases for vessel in plan_vessels(parameters, seed=0) for gases in vessel.copies
    ]
    assert len(samples) == 1600
    for gas, share in (('co2', 0.1), ('ch4', 0.3)):
        missing = sum(not gases[gas] for gases in samples) / len(samples)
        assert missing == pytest.approx(share, abs=0.04)
    assert all(gases['co2'] or gases['ch4'] for gases in samples)


def test_the_gas_free_twin_has_the_same_plan_and_no_gas(
    tiny: Path, tmp_path: Path
) -> None:
    twin = CampaignParameters(**{**vars(TINY), 'gas_free': True})
    manifest = write_campaign(tmp_path, parameters=twin, seed=SEED)
    counts = manifest['counts']
    assert counts['frames_without_gas'] == counts['frames']
    for split in SPLITS:
        name = f'{split}_annotations.csv'
        assert (tmp_path / name).read_bytes() == (tiny / name).read_bytes()


class StoppedError(Exception):
    """What stops a campaign half-way."""


def stop(frames: int) -> None:
    raise StoppedError


@pytest.mark.parametrize('workers', [1, 2])
def test_an_interrupted_campaign_is_incomplete_and_a_second_call_completes_it(
    workers: int, tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(StoppedError):
        write_campaign(
            tmp_path, parameters=TINY, seed=SEED, workers=workers, on_frames=stop
        )
    assert list((tmp_path / 'frames').rglob('*.png'))
    assert not (tmp_path / 'campaign.json').exists()
    assert not holds_campaign(tmp_path, parameters=TINY, seed=SEED)
    write_campaign(tmp_path, parameters=TINY, seed=SEED)
    assert holds_campaign(tmp_path, parameters=TINY, seed=SEED)
    assert contents(tmp_path) == contents(tiny)


@pytest.mark.parametrize('at', ['_remove_contents', 'shutil.rmtree', 'write_vessel'])
def test_a_campaign_interrupted_while_it_is_replaced_is_incomplete(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_campaign(tmp_path, parameters=TINY, seed=SEED)

    def stopped(what: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(f'fume_mm.simulation.campaign.{at}', stopped)
        write_campaign(tmp_path, parameters=TINY, seed=SEED)
    assert not holds_campaign(tmp_path, parameters=TINY, seed=SEED)


def test_replacing_removes_former_frames_and_pairs(tiny: Path, tmp_path: Path) -> None:
    former = CampaignParameters(name='former', vessels=7, frames_per_vessel=3)
    write_campaign(tmp_path, parameters=former, seed=0)
    (tmp_path / 'paired_train_annotations.csv').write_text('former')
    write_campaign(tmp_path, parameters=TINY, seed=SEED)
    assert contents(tmp_path) == contents(tiny)


@pytest.mark.parametrize('at', ['frames', 'truth.csv', '.part'])
def test_a_full_disk_is_one_message_and_the_same_call_completes(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(write):
        def fail(path: Path, *args: object, **kwargs: object) -> None:
            if at in (*path.parts, path.suffix):
                path.touch()
                raise OSError(errno.ENOSPC, 'No space left on device')
            return write(path, *args, **kwargs)

        return fail

    with monkeypatch.context() as patch:
        for name in ('write_bytes', 'write_text', 'open'):
            patch.setattr(Path, name, full(getattr(Path, name)))
        with pytest.raises(UserError, match=r'No space left on device.*repeat'):
            write_campaign(tmp_path, parameters=TINY, seed=SEED)
    assert not holds_campaign(tmp_path, parameters=TINY, seed=SEED)
    write_campaign(tmp_path, parameters=TINY, seed=SEED)
    assert holds_campaign(tmp_path, parameters=TINY, seed=SEED)


def test_a_killed_worker_is_one_message(tmp_path: Path) -> None:
    parameters = CampaignParameters(vessels=40, frames_per_vessel=3)

    def kill(frames: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(UserError, match='fewer --workers'):
        write_campaign(
            tmp_path, parameters=parameters, seed=0, workers=2, on_frames=kill
        )
    assert not holds_campaign(tmp_path, parameters=parameters, seed=0)


@pytest.mark.parametrize(
    'name', ['notes.txt', 'train_annotations.csv', 'campaign.json', 'frames/co2/a.png']
)
def test_a_folder_with_other_things_is_never_written(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"mine": true}')
    with pytest.raises(UserError, match='no simulated campaign'):
        holds_campaign(tmp_path, parameters=TINY, seed=SEED)
    with pytest.raises(UserError, match='no simulated campaign'):
        write_campaign(tmp_path, parameters=TINY, seed=SEED)
    assert contents(tmp_path) == {name: b'{"mine": true}'}


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'out').write_text('')
    with pytest.raises(UserError, match='is not a folder'):
        write_campaign(tmp_path / 'out', parameters=TINY, seed=SEED)


@pytest.mark.parametrize(
    ('options', 'said'),
    [({'seed': -1}, 'seed is -1'), ({'seed': 0, 'workers': 0}, 'workers is 0')],
)
def test_numbers_out_of_range_leave_the_folder_alone(
    options: dict[str, int], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said):
        write_campaign(tmp_path, parameters=TINY, **options)
    assert contents(tmp_path) == {}
