"""Campaigns with masks and no health labels, and with frames that have no mask."""

import numpy as np
import pytest
import torch

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.paired_csv import read_paired
from fume_mm.datasets.pairing import STRATEGIES, pair_gases, pairing_statistics
from fume_mm.datasets.samplers import ClassBalancedSampler
from fume_mm.errors import UserError
from fume_mm.io.tables import NO_CLASS, write_table
from fume_mm.models.heads.health_head import HealthHead
from fume_mm.models.rows import CompactRows
from fume_mm.registry import register_all_modules
from fume_mm.structures import GASES
from tests.campaigns import annotations, make_campaign, read_rows, write_rows
from tests.objective import HEALTH

LOAD = [
    {'type': kind}
    for kind in ('LoadDualGasFrames', 'LoadDualGasMasks', 'PackDualGasInputs')
]


@pytest.fixture
def dataset(tmp_path):
    """Twelve paired samples, none with pH or class."""
    register_all_modules()
    root = make_campaign(tmp_path, splits=['train'], co2_only=(), ch4_only=())
    rows = read_rows(annotations(root))
    for row in rows:
        row |= dict.fromkeys(('ph_value', 'class_id', 'class_name'), '')
    write_rows(annotations(root), rows)
    paired = pair_gases(read_annotations(annotations(root)))
    write_table(paired, root / 'paired_train_annotations.csv')
    return DualGasDataset(
        'paired_train_annotations.csv', data_root=str(root), pipeline=LOAD
    )


@pytest.mark.parametrize('strategy', sorted({*STRATEGIES} - {'same_ph'}))
def test_frames_without_labels_are_paired_and_read_again(tmp_path, dataset, strategy):
    frames = read_annotations(annotations(tmp_path))
    assert frames['ph_value'].isna().all()
    assert set(frames['class_id']) == {NO_CLASS}
    paired = pair_gases(frames, strategy=strategy)
    assert len(paired) == 12
    assert paired['is_paired'].all()
    assert pairing_statistics({'train': paired})['train']['by_ph'] == {}
    path = tmp_path / 'again.csv'
    write_table(paired, path)
    assert read_rows(path)[0]['class_id'] == ''
    read = read_paired(path, root=tmp_path)
    assert set(read['class_id']) == {NO_CLASS}
    assert read['ph_value'].isna().all()


def test_frames_without_labels_have_no_ph_in_common(tmp_path, dataset):
    frames = read_annotations(annotations(tmp_path))
    paired = pair_gases(frames, strategy='same_ph')
    assert len(paired) == 24 and not paired['is_paired'].any()


def test_a_labelled_and_an_unlabelled_frame_do_not_pair(tmp_path):
    root = make_campaign(tmp_path, vessels=1, frames=1, splits=['train'])
    rows = read_rows(annotations(root))
    rows[0] |= dict.fromkeys(('ph_value', 'class_id', 'class_name'), '')
    write_rows(annotations(root), rows)
    with pytest.raises(UserError, match='disagree in pH or class'):
        pair_gases(read_annotations(annotations(root)))


def test_a_class_without_ph_is_kept(tmp_path):
    root = make_campaign(tmp_path, splits=['train'])
    rows = read_rows(annotations(root))
    for row in rows:
        row['ph_value'] = ''
    write_rows(annotations(root), rows)
    frame = read_annotations(annotations(root))
    assert np.isnan(frame['ph_value']).all()
    assert set(frame['class_id']) == {0, 1, 2}


def test_samples_have_masks_and_no_class(dataset):
    sample = dataset[0]['data_samples']
    assert 'gt_health' not in sample
    assert sample.co2.gt_sem_seg.shape == (48, 64)
    assert set(dataset.health_labels.tolist()) == {NO_CLASS}


def test_balanced_sampling_refuses_them(dataset):
    with pytest.raises(UserError) as error:
        ClassBalancedSampler(dataset)
    assert '12 of 12 samples have no health class' in str(error.value)
    assert "type='DefaultSampler'" in str(error.value)


def test_a_health_head_refuses_them_by_name(dataset):
    sample = dataset[0]['data_samples']
    present = torch.ones(1, len(GASES), dtype=torch.bool)
    with pytest.raises(UserError) as error:
        HealthHead(4, **HEALTH).loss(
            torch.zeros(1, 4, 2, 2), [sample], {}, CompactRows(present)
        )
    assert f"'{sample.sample_id}' has no health class" in str(error.value)
    assert 'health_head=None' in str(error.value)


def test_a_frame_without_a_mask_is_all_unlabelled(tmp_path):
    register_all_modules()
    root = make_campaign(tmp_path, splits=['train'], co2_only=(), ch4_only=())
    rows = read_rows(annotations(root))
    for row in rows[:6]:
        row['mask_path'] = ''
    write_rows(annotations(root), rows)
    frames = read_annotations(annotations(root), check_pixels=True)
    assert (frames['mask_path'] == '').sum() == 6
    write_table(pair_gases(frames), root / 'paired_train_annotations.csv')
    dataset = DualGasDataset(
        'paired_train_annotations.csv', data_root=str(root), pipeline=LOAD
    )
    assert dataset.metainfo['without_mask'] == 6 / len(rows)
    empty = 0
    for index in range(len(dataset)):
        sample = dataset[index]['data_samples']
        for gas, path in dataset.get_data_info(index)['mask_paths'].items():
            mask = sample.get(gas).gt_sem_seg.data
            assert mask.shape == (1, 48, 64)
            assert bool((mask == 255).all()) == (path == '')
            empty += path == ''
    assert empty == 6
