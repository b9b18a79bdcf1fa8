"""A simulated campaign in the form that FUME's owners' scripts write."""

from pathlib import Path

import pytest

from fume_mm.datasets.annotations import is_simulated, read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.datasets.splitting import find_leaks
from fume_mm.errors import UserError
from fume_mm.io.files import read_json
from fume_mm.simulation import CampaignParameters, write_campaign
from fume_mm.simulation.presets import adapt_preset
from fume_mm.structures import SPLITS
from tests.campaigns import read_rows

#: frames of each gas by pH, three copies of each original
COUNTS = {
    '6.5': {'co2': 12, 'ch4': 9},
    '5.9': {'co2': 9},
    '5.0': {'co2': 12, 'ch4': 12},
}
PARAMETERS = CampaignParameters(
    name='theirs',
    counts=COUNTS,
    copies=3,
    frames_per_vessel=2,
    split_shares={'train': 0.6, 'val': 0.2, 'test': 0.2},
)


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('theirs')
    write_campaign(root, parameters=PARAMETERS, seed=3)
    return root


def test_originals_are_named_after_recordings_and_copied_into_splits(
    root: Path,
) -> None:
    originals = read_rows(root / 'annotations.csv')
    assert (
        len(originals)
        == sum(n for gases in COUNTS.values() for n in gases.values()) / 3
    )
    path_of = {}
    for row in originals:
        folder, ph, gas, file = row['frame_path'].split('/')
        assert (folder, ph) == ('original_annotated', f'ph_{row["ph_value"]}')
        assert gas == f'{row["gas_type"]}_frame'
        assert file[:3] == {'co2': 'MOV', 'ch4': 'FLI'}[row['gas_type']]
        assert (root / row['mask_path']).is_file()
        path_of[row['sample_id']] = root / row['frame_path']
    for split in SPLITS:
        for row in read_rows(root / f'{split}_annotations.csv'):
            path = row['frame_path']
            assert path == f'mmseg_dataset\\{split}\\frames\\{row["sample_id"]}.png'
            copy = root / split / 'frames' / f'{row["sample_id"]}.png'
            same = copy.read_bytes() == path_of[row['original_sample_id']].read_bytes()
            number = int(row['augmentation_id'])
            assert same == (number == -1) == (row['is_augmented'] == 'False')
            tail = 'orig' if number < 0 else f'aug_{number:03d}'
            assert row['sample_id'] == f'{row["original_sample_id"]}_{tail}'


def test_the_readers_find_recordings_leaks_and_pairs(root: Path) -> None:
    frames = {
        split: read_annotations(root / f'{split}_annotations.csv', check_pixels=True)
        for split in SPLITS
    }
    counts = {split: len(rows) for split, rows in frames.items()}
    assert sum(counts.values()) == 54
    assert counts['train'] / 54 == pytest.approx(0.6, abs=0.05)
    assert all(set(x['grouped_by']) == {'recording'} for x in frames.values())
    assert len(find_leaks(frames)) >= 10
    pairs = pair_gases(frames['train'])
    assert pairs['is_paired'].any()
    assert set(pairs.loc[pairs['is_paired'], 'ph_value']) == {6.5, 5.0}
    assert is_simulated(root)
    config = read_json(root / 'split_config.json')
    assert config['split_counts'] == counts
    assert config['split_ratios'] == PARAMETERS.split_shares


def test_the_data_card_says_what_the_split_is(root: Path) -> None:
    card = (root / 'README.md').read_text()
    assert 'after** copying' in card and '--resplit' in card
    counts = read_json(root / 'campaign.json')['counts']
    assert (counts['samples'], counts['frames']) == (18, 54)
    names = [Path(x['frame_path']).name for x in read_rows(root / 'annotations.csv')]
    assert counts['vessels'] == len({name.split('_')[0] for name in names})
    assert counts['originals_by_gas'] == {'ch4': 7, 'co2': 11}


def test_clips_do_not_go_with_their_form() -> None:
    with pytest.raises(UserError, match='video_seconds does not go with preset paper'):
        adapt_preset('paper', video_seconds=1.0)
