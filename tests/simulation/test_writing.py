"""Copies, clips, column densities, the data card, and continuing a killed run."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from fume_mm.io.images import read_mask
from fume_mm.simulation import CampaignParameters, campaign, write_campaign
from fume_mm.structures import SPLITS
from tests.campaigns import read_rows

SMALL = CampaignParameters(name='small', vessels=6, frames_per_vessel=1)


def change(**values: object) -> CampaignParameters:
    return CampaignParameters(**{**vars(SMALL), **values})


def annotated(root: Path) -> list[dict[str, str]]:
    return [
        row for split in SPLITS for row in read_rows(root / f'{split}_annotations.csv')
    ]


def test_copies_of_an_original_are_in_one_split(tmp_path: Path) -> None:
    write_campaign(tmp_path, parameters=change(copies=3), seed=1)
    splits: dict[str, set[str]] = {}
    copies: dict[tuple[str, str], list[int]] = {}
    for split in SPLITS:
        for row in read_rows(tmp_path / f'{split}_annotations.csv'):
            sample = row['original_sample_id']
            splits.setdefault(sample, set()).add(split)
            key = sample, row['gas_type']
            copies.setdefault(key, []).append(int(row['augmentation_id']))
            assert (tmp_path / row['frame_path']).is_file()
            assert (tmp_path / row['mask_path']).is_file()
    assert all(len(found) == 1 for found in splits.values())
    assert all(ids == [0, 1, 2] for ids in copies.values())


def test_copy_0_is_the_original(tmp_path: Path) -> None:
    for name, copies in (('one', 1), ('three', 3)):
        write_campaign(tmp_path / name, parameters=change(copies=copies), seed=1)
    for frame in (tmp_path / 'one/frames').rglob('*.png'):
        twin = Path(str(frame).replace('/one/', '/three/'))
        twin = twin.with_name(frame.name.replace('_f00_', '_f00_a00_'))
        assert twin.read_bytes() == frame.read_bytes()


def test_column_density_is_stored_in_ppm_m(tmp_path: Path) -> None:
    write_campaign(tmp_path, parameters=change(truth=True), seed=1)
    rows = read_rows(tmp_path / 'truth.csv')
    for row in rows:
        counts = cv2.imread(str(tmp_path / row['column_path']), cv2.IMREAD_UNCHANGED)
        assert counts is not None
        assert (counts.dtype, counts.shape) == (np.uint16, (240, 320))
        ppm_m = counts.max() * float(row['column_ppm_m_per_count'])
        low, high = {'co2': (5, 650), 'ch4': (80, 13_000)}[row['gas_type']]
        assert low < ppm_m < high
        # The column lies where the mask is, so it is mirrored with the frame.
        mask = read_mask(tmp_path / row['frame_path'].replace('frames/', 'masks/'))
        gas = mask == 2
        assert counts[gas].mean() > 5 * counts[~gas].mean()


@pytest.mark.slow
def test_clips_have_frames_a_video_and_masks_for_every_nth_frame(
    tmp_path: Path,
) -> None:
    parameters = change(video_seconds=0.4, label_every=5)
    manifest = write_campaign(tmp_path, parameters=parameters, seed=1)
    rows = annotated(tmp_path)
    videos = list((tmp_path / 'clips').rglob('*.avi'))
    assert len(rows) == 3 * len(videos) == manifest['counts']['frames']
    for video in videos:
        folder = video.with_suffix('')
        assert len(list((folder / 'frames').iterdir())) == 12
        masks = sorted(path.name for path in (folder / 'masks').iterdir())
        assert masks == ['00000.png', '00005.png', '00010.png']
        reader = cv2.VideoCapture(str(video))
        assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == 12
        assert reader.get(cv2.CAP_PROP_FPS) == 30
        for number in range(12):
            frame = cv2.imread(
                str(folder / f'frames/{number:05d}.png'), cv2.IMREAD_GRAYSCALE
            )
            shown = reader.read()[1][:, :, 0].astype(int)
            assert np.abs(shown - frame).mean() < 3  # JPEG's own loss
    samples = {row['original_sample_id'] for row in rows}
    assert samples >= {'v0001_f00_t00000', 'v0001_f00_t00005'}


def test_the_data_card_says_simulated_and_counts_by_ph(tmp_path: Path) -> None:
    write_campaign(tmp_path, parameters=change(missing_co2=0, missing_ch4=0), seed=1)
    card = (tmp_path / 'README.md').read_text()
    assert 'simulated association, never a finding' in card
    assert '| 5.9 | 2 | 2 |' in card
    assert 'seed 1' in card
    counts = json.loads((tmp_path / 'campaign.json').read_text())['counts']
    assert counts['frames_by_ph_and_gas']['5.9 ch4'] == 2
    assert counts['samples_by_gases'] == {'both': 6}


def interrupt(root: Path, after: int) -> None:
    done = 0

    def stop(frames: int) -> None:
        nonlocal done
        done += 1
        if done == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_campaign(root, parameters=SMALL, seed=1, on_frames=stop)


@pytest.mark.parametrize(('resume', 'rendered'), [(True, 4), (False, 6)])
def test_finished_vessels_are_rendered_again_only_if_asked(
    resume: bool, rendered: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(tmp_path, after=2)
    calls = []
    write = campaign.write_vessel
    monkeypatch.setattr(
        campaign, 'write_vessel', lambda job: (calls.append(job), write(job))[1]
    )
    reported: list[int] = []
    write_campaign(
        tmp_path, parameters=SMALL, seed=1, resume=resume, on_frames=reported.append
    )
    assert len(calls) == rendered
    assert len(reported) == 6
    assert sum(reported) == len(annotated(tmp_path))


def test_a_half_written_vessel_is_not_taken_for_complete(tmp_path: Path) -> None:
    interrupt(tmp_path / 'cut', after=2)
    write_campaign(tmp_path / 'whole', parameters=SMALL, seed=1)
    frame = next(iter((tmp_path / 'whole/frames').rglob('v0003*.png')))
    twin = Path(str(frame).replace('/whole/', '/cut/'))
    twin.write_bytes(frame.read_bytes()[:100])
    write_campaign(tmp_path / 'cut', parameters=SMALL, seed=1)
    assert twin.read_bytes() == frame.read_bytes()
    assert not (tmp_path / 'cut/parts').exists()


def test_another_campaigns_vessels_are_not_taken_for_its_own(tmp_path: Path) -> None:
    interrupt(tmp_path, after=2)
    other = change(name='other', vessels=7)
    write_campaign(tmp_path, parameters=other, seed=1)
    with (tmp_path / 'truth.csv').open(newline='') as file:
        assert len({row['vessel_id'] for row in csv.DictReader(file)}) == 7
