import cv2
import numpy as np
import pandas as pd
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.datasets.statistics import (
    MEASURES,
    count_availability,
    count_by_class,
    count_by_ph,
    count_pairing,
    gray_table,
    histogram_median,
    measure,
    measure_campaign,
    read_frames,
    read_samples,
    summarise,
)
from fume_mm.errors import UserError
from fume_mm.io.tables import write_table
from fume_mm.structures import SPLITS
from tests.campaigns import annotations, edit, make_campaign, pair_campaign

# Around the gas (2), 12 pixels of background within one pixel: 5 of 80, 7 of 100.
# Farther away, 4 of gray level 0. The tube (1) is 200, the unlabelled pixels 255.
MASK = np.array(
    [
        [0, 0, 0, 0, 0, 255],
        [0, 2, 2, 0, 1, 255],
        [0, 2, 2, 0, 1, 0],
        [0, 0, 0, 0, 0, 0],
    ],
    np.uint8,
)
FRAME = np.array(
    [
        [80, 80, 80, 80, 0, 255],
        [80, 110, 120, 100, 200, 255],
        [100, 130, 160, 100, 200, 0],
        [100, 100, 100, 100, 0, 0],
    ],
    np.uint8,
)


def test_measures_of_a_frame():
    measures, histogram = measure(FRAME, MASK, ring=1)
    assert tuple(measures) == MEASURES
    assert measures == {
        'gas_share': 4 / 22,  # of 24 pixels, 2 are unlabelled
        'tube_share': 2 / 22,
        'background_gray': 80,  # of 16: four of 0, five of 80, seven of 100
        'contrast': (110 + 120 + 130 + 160) / 4 - 100,
    }
    assert histogram.shape == (3, 256)
    assert {level: histogram[0, level] for level in np.flatnonzero(histogram[0])} == {
        0: 4,
        80: 5,
        100: 7,
    }
    assert np.flatnonzero(histogram[1]).tolist() == [200]
    assert np.flatnonzero(histogram[2]).tolist() == [110, 120, 130, 160]
    assert histogram.sum(axis=1).tolist() == [16, 2, 4]


def test_the_ring_has_neither_tube_nor_unlabelled_pixels():
    mask = MASK.copy()
    mask[2:, :4][mask[2:, :4] == 0] = 255  # leaves five of 80 and one of 100
    mask[0, 0] = 1
    assert measure(FRAME, mask, ring=1)[0]['contrast'] == 130 - 80


def test_the_ring_grows_with_the_frame():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (90, 640), np.uint8)
    mask = np.zeros_like(frame)
    mask[40:50, 300:320] = 2
    contrast = {
        ring: measure(frame, mask, ring=ring)[0]['contrast'] for ring in (12, 13, None)
    }
    assert contrast[None] == contrast[13] != contrast[12]  # 0.02 · 640 = 12.8


def test_what_has_no_pixels_is_nan():
    frame = np.full((4, 5), 7, np.uint8)
    expected = {
        0: [0, 0, 7, np.nan],
        1: [0, 1, np.nan, np.nan],
        2: [1, 0, np.nan, np.nan],
        255: [np.nan] * 4,
    }
    for value, numbers in expected.items():
        measures, histogram = measure(frame, np.full_like(frame, value))
        np.testing.assert_equal(list(measures.values()), numbers)
        assert histogram.sum() == (0 if value == 255 else 20)


@pytest.mark.parametrize('number', [1, 2, 7, 8, 101])
def test_median_of_a_histogram_is_numpys(number):
    values = np.random.default_rng(number).integers(0, 20, number)
    assert histogram_median(np.bincount(values)) == np.median(values)


def test_median_of_nothing_is_nan():
    assert np.isnan(histogram_median(np.zeros(4)))


def test_counts_of_a_campaign(tmp_path):
    # Vessel 3 (Healthy, pH 6.2) has no CH4, vessel 4 (Acidotic, 5.3) no CO2.
    frames = read_frames(make_campaign(tmp_path))
    by_class = count_by_class(frames)
    assert by_class.columns.tolist() == ['split', 'health', 'co2', 'ch4', 'frames']
    assert by_class.to_numpy().tolist() == [
        [split, *row]
        for split in SPLITS
        for row in (
            ['Healthy', 4, 2, 6],
            ['Transitional', 2, 2, 4],
            ['Acidotic', 4, 6, 10],
        )
    ]
    assert count_by_ph(frames).to_numpy().tolist() == [
        [6.5, 6, 6, 12],
        [6.2, 6, 0, 6],
        [5.9, 6, 6, 12],
        [5.6, 6, 6, 12],
        [5.3, 0, 6, 6],
        [5.0, 6, 6, 12],
    ]


def test_rows_without_a_label_come_last(tmp_path):
    root = make_campaign(tmp_path, splits=['train'])
    for row in (0, 3):  # CO2 and CH4, Healthy
        edit(root, row, ph_value='', class_id='', class_name='')
    frames = read_frames(root)
    assert count_by_class(frames).to_numpy()[:, 1:].tolist() == [
        ['Healthy', 3, 1, 4],
        ['Transitional', 2, 2, 4],
        ['Acidotic', 4, 6, 10],
        ['no class', 1, 1, 2],
    ]
    by_ph = count_by_ph(frames)
    assert np.isnan(by_ph['ph'].iat[-1])
    assert by_ph.iloc[-1, 1:].tolist() == [1, 1, 2]
    assert by_ph['frames'].sum() == len(frames) == 20


def test_availability_is_that_of_the_paired_csvs(tmp_path):
    root = make_campaign(tmp_path, splits=['train'])
    assert read_samples(root) is None
    samples = pair_gases(read_annotations(annotations(root)))
    write_table(samples, root / 'paired_train_annotations.csv')
    table = count_availability(read_samples(root))
    assert table.columns.tolist()[2:] == ['both', 'co2_only', 'ch4_only', 'samples']
    assert table.to_numpy().tolist() == [
        ['train', 'Healthy', 2, 2, 0, 4],
        ['train', 'Transitional', 2, 0, 0, 2],
        ['train', 'Acidotic', 4, 0, 2, 6],
    ]


def test_pairs_are_counted_by_what_they_share(tmp_path):
    root = pair_campaign(make_campaign(tmp_path))
    table = count_pairing(read_samples(root))
    assert table.to_dict('list') == {
        'split': ['train', 'val', 'test'],
        'pairing': ['same original'] * 3,
        'pairs': [8, 8, 8],
    }


def test_splits_that_are_there_are_read_and_those_asked_for_must_be(tmp_path):
    with pytest.raises(UserError, match='has none of train_annotations'):
        read_frames(tmp_path)
    root = make_campaign(tmp_path, splits=['test'], vessels=1)
    assert set(read_frames(root)['split']) == {'test'}
    with pytest.raises(UserError, match=r'val_annotations\.csv does not exist'):
        read_frames(root, ['val', 'test'])


def test_each_row_has_the_measures_of_its_files(tmp_path):
    root = make_campaign(tmp_path, vessels=5, splits=['train'])
    frames = read_frames(root)
    measured, histograms = measure_campaign(frames, root, workers=3)
    assert measured['frame_path'].tolist() == frames['frame_path'].tolist()
    sums = {gas: np.zeros((3, 256), int) for gas in ('co2', 'ch4')}
    for row in measured.to_dict('records'):
        frame = cv2.imread(str(root / row['frame_path']), cv2.IMREAD_UNCHANGED)
        mask = cv2.imread(str(root / row['mask_path']), cv2.IMREAD_UNCHANGED)
        assert row['gas_share'] == (mask == 2).mean() > 0
        assert row['tube_share'] == (mask == 1).mean() > 0
        assert row['background_gray'] == np.median(frame[mask == 0])
        for value in range(3):
            sums[row['gas_type']][value] += np.bincount(frame[mask == value], None, 256)
    for gas, histogram in histograms.items():
        assert (histogram == sums[gas]).all()
    table = gray_table(histograms)
    row = table[(table['gas_type'] == 'ch4') & (table['gray'] == 90)].iloc[0]
    assert row[['background', 'tube', 'gas']].tolist() == sums['ch4'][:, 90].tolist()


@pytest.mark.parametrize(
    ('broken', 'column', 'said'),
    [
        ('missing_frame', 'frame_path', 'there is no such frame'),
        ('missing_mask', 'mask_path', 'there is no such mask'),
        ('not_an_image', 'frame_path', 'is not an image that can be decoded'),
        ('size_differs', 'mask_path', 'the mask is 63x48 pixels, its frame 64x48'),
        ('mask_values', 'mask_path', 'mask values 100, 200 are no class'),
    ],
)
def test_a_broken_file_is_named(tmp_path, broken, column, said):
    root = make_campaign(tmp_path, vessels=2, broken=broken)
    frames = read_frames(root)
    with pytest.raises(UserError, match=said) as error:
        measure_campaign(frames, root)
    assert str(root / frames[column][1]) in str(error.value)


def test_summary_by_gas_and_class():
    nan = np.nan
    rows = pd.DataFrame(
        [
            ('co2', 'Healthy', 0.0, 0.1, 50, nan),
            ('co2', 'Healthy', 0.1, 0.1, 60, 2),
            ('co2', 'Healthy', 0.2, 0.4, 90, 4),
            ('co2', 'Healthy', nan, nan, nan, nan),
            ('co2', 'no class', 0.4, 0.0, 10, -6),
            ('ch4', 'Acidotic', 0.3, 0.0, 10, -5),
        ],
        columns=['gas_type', 'health', *MEASURES],
    )
    table = summarise(rows)
    assert table.iloc[:, :3].to_numpy().tolist() == [
        ['co2', 'Healthy', 4],
        ['co2', 'no class', 1],
        ['co2', 'all', 5],
        ['ch4', 'Acidotic', 1],
    ]
    expected = {
        'without_gas_percent': [100 / 3, 0, 25, 0],  # not of the unlabelled frame
        'gas_percent_mean': [10, 40, 70 / 4, 30],
        'gas_percent_median': [10, 40, 15, 30],
        'gas_percent_p90': [18, 40, 34, 30],  # 0.8 between 10 and 20; 0.7 of 20 to 40
        'tube_percent_mean': [20, 0, 15, 0],
        'background_gray_median': [60, 10, 55, 10],
        'contrast_p10': [2.2, -6, -4.4, -5],
        'contrast_median': [3, -6, 2, -5],
        'contrast_p90': [3.8, -6, 3.6, -5],
    }
    assert table.columns.tolist()[3:] == list(expected)
    for name, numbers in expected.items():
        np.testing.assert_allclose(table[name], numbers, err_msg=name)


def test_a_fold_is_read_where_its_csvs_lie(tmp_path):
    root = make_campaign(tmp_path / 'data', splits=('train',), size=(16, 12))
    rows = read_annotations(annotations(root, 'train'))
    write_table(pair_gases(rows), root / 'paired_train_annotations.csv')
    frames, samples = read_frames(root), read_samples(root)
    fold = tmp_path / 'fold'
    fold.mkdir()
    for path in root.glob('*.csv'):
        path.rename(fold / path.name)
    pd.testing.assert_frame_equal(read_frames(root, ann_root=fold), frames)
    pd.testing.assert_frame_equal(read_samples(root, ann_root=fold), samples)
    assert read_samples(root) is None
