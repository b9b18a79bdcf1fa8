"""Which vessel gets which pH, split, gases and copies."""

import dataclasses
from collections import Counter

import pandas as pd
import pytest

from fume_mm.datasets.pairing import pair_gases
from fume_mm.errors import UserError
from fume_mm.simulation import PRESETS, CampaignParameters, plan_vessels, with_copies
from fume_mm.structures import HEALTH_CLASSES, NOMINAL_PH, SPLITS, health_class

TABLE_2 = {
    (6.5, 'co2'): 693,
    (6.5, 'ch4'): 315,
    (6.2, 'co2'): 721,
    (6.2, 'ch4'): 329,
    (5.9, 'co2'): 651,
    (5.9, 'ch4'): 294,
    (5.6, 'co2'): 2121,
    (5.6, 'ch4'): 966,
    (5.3, 'co2'): 1039,
    (5.3, 'ch4'): 473,
    (5.0, 'co2'): 938,
    (5.0, 'ch4'): 427,
}


def frames(parameters: CampaignParameters) -> Counter[tuple[float, str]]:
    counts: Counter[tuple[float, str]] = Counter()
    for vessel in plan_vessels(parameters, seed=0):
        for sample in vessel.copies:
            for gas, copies in sample.items():
                counts[vessel.ph, gas] += copies
    return +counts


def test_paper_has_the_frames_of_table_2() -> None:
    assert frames(PRESETS['paper']) == TABLE_2
    assert sum(TABLE_2.values()) == 8967 == 427 * 21


def test_founding_has_ch4_at_two_ph_values_and_few_transitional_frames() -> None:
    counts = frames(PRESETS['founding'])
    total = sum(counts.values())
    assert total == 8967
    assert {ph for ph, gas in counts if gas == 'ch4'} == {5.6, 6.5}
    named = [(5.6, 'ch4'), (5.6, 'co2'), (6.5, 'ch4'), (6.5, 'co2')]
    assert [counts[key] for key in named] == [798, 1617, 1995, 1911]
    shares = Counter()
    for (ph, _), number in counts.items():
        shares[HEALTH_CLASSES[health_class(ph)]] += number / total
    assert shares == {
        'Healthy': pytest.approx(0.450, abs=5e-4),
        'Transitional': pytest.approx(0.026, abs=5e-4),
        'Acidotic': pytest.approx(0.525, abs=5e-4),
    }


def test_founding_pairs_as_many_samples_as_the_owners_logs() -> None:
    # their logs: 1,893, 406 and 410 pairs in the three splits, by pH
    rows = [
        (vessel.recording, gas, vessel.ph, copy)
        for vessel in plan_vessels(PRESETS['founding'], seed=0)
        for sample in vessel.copies
        for gas, copies in sample.items()
        for copy in range(copies)
    ]
    frames = pd.DataFrame(rows, columns=['group', 'gas_type', 'ph_value', 'copy'])
    frames['frame_path'] = frames['mask_path'] = frames.index.astype(str)
    frames['original_sample_id'] = frames['frame_path']
    frames['augmentation_id'] = frames['copy'].astype(str)
    frames['class_id'] = frames['ph_value'].map(health_class)
    frames['class_name'], frames['grouped_by'] = '', 'recording'
    assert pair_gases(frames)['is_paired'].sum() == 1893 + 406 + 410


@pytest.mark.parametrize('name', ['paper', 'founding'])
def test_the_owners_splits_are_by_frame_and_every_ph_is_in_each(name: str) -> None:
    shares: Counter[str] = Counter()
    of_recording: dict[str, set[str]] = {}
    of_ph = set()
    for vessel in plan_vessels(PRESETS[name], seed=0):
        assert 1 <= len(vessel.copies) <= 4 and vessel.split == ''
        for sample, splits in zip(vessel.copies, vessel.splits, strict=True):
            (gas,) = (gas for gas, copies in sample.items() if copies)
            assert len(splits) == sample[gas]
            assert vessel.recording.startswith('MOV' if gas == 'co2' else 'FLIR')
            shares.update(splits)
            of_recording.setdefault(vessel.recording, set()).update(splits)
            of_ph |= {(split, vessel.ph) for split in splits}
    assert of_ph == {(split, ph) for split in SPLITS for ph in NOMINAL_PH}
    assert [shares[split] / 8967 for split in SPLITS] == [
        pytest.approx(share, abs=0.001) for share in (0.7, 0.15, 0.15)
    ]
    assert all(splits == {*SPLITS} for splits in of_recording.values())


@pytest.mark.parametrize('name', ['demo', 'benchmark'])
def test_presence_does_not_tell_the_ph(name: str) -> None:
    # At each pH, the same share of the samples has both gases.
    both: Counter[float] = Counter()
    samples: Counter[float] = Counter()
    for vessel in plan_vessels(PRESETS[name], seed=0):
        for present in vessel.copies:
            samples[vessel.ph] += 1
            both[vessel.ph] += all(present.values())
    share = both.total() / samples.total()
    for ph in NOMINAL_PH:
        error = (share * (1 - share) / samples[ph]) ** 0.5
        assert both[ph] / samples[ph] == pytest.approx(share, abs=3 * error)


def test_the_last_original_has_the_copies_that_are_left() -> None:
    counts = {ph: {'co2': 5, 'ch4': 2} for ph in ('5.0', '6.5')}
    parameters = CampaignParameters(
        copies=2,
        counts=counts,
        frames_per_vessel=1,
        split_shares=dict.fromkeys(SPLITS, 1 / 3),
    )
    samples = [v.copies[0] for v in plan_vessels(parameters, seed=0) if v.ph == 5.0]
    assert sorted(tuple(sample.values()) for sample in samples) == [
        (0, 2),
        (1, 0),
        (2, 0),
        (2, 0),
    ]


def test_other_copies_are_of_the_same_originals() -> None:
    single = with_copies(PRESETS['paper'], 1)
    assert frames(single).total() == pytest.approx(427, abs=3)
    assert with_copies(CampaignParameters(), 3).copies == 3


def test_counts_too_small_for_three_splits_are_refused() -> None:
    counts = {'5.0': {'co2': 2}}
    with pytest.raises(UserError, match='counts make 2 frames, which leaves'):
        plan_vessels(
            dataclasses.replace(
                CampaignParameters(), counts=counts, frames_per_vessel=1
            ),
            seed=0,
        )
