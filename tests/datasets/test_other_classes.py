"""A campaign's own classes: rows, masks, datasets and heads are held against them."""

import json
from pathlib import Path

import numpy as np
import pytest

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.statistics import measure
from fume_mm.errors import UserError
from fume_mm.io.images import check_mask_values
from fume_mm.structures.labels import Labels
from tests.campaigns import (
    annotations,
    make_campaign,
    pair_campaign,
    read_rows,
    write_rows,
)

GAS_ONLY = Labels(seg_classes=('background', 'gas'))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_campaign(tmp_path, splits=['train'], size=(32, 24), frames=1)


def state(root: Path, **labels: object) -> None:
    (root / 'labels.json').write_text(json.dumps(labels))


def rewrite(root: Path, **values: str) -> None:
    rows = [row | values for row in read_rows(annotations(root))]
    write_rows(annotations(root), rows)


def test_rows_are_of_the_campaigns_classes_in_any_case(root: Path) -> None:
    state(root, health_classes=['Low flow', 'High flow'], ph_limits=None)
    rewrite(root, class_id='1', class_name='HIGH FLOW', ph_value='')
    frame = read_annotations(annotations(root), check_pixels=True)
    assert set(frame['class_name']) == {'High flow'} and set(frame['class_id']) == {1}
    assert frame['ph_value'].isna().all()


def test_fumes_classes_are_refused_where_others_are_stated(root: Path) -> None:
    state(root, health_classes=['low', 'high'], ph_limits=None)
    with pytest.raises(UserError, match='class_id must be one of 0 low, 1 high'):
        read_annotations(annotations(root))


def test_the_message_without_labels_says_where_classes_are_stated(root: Path) -> None:
    rewrite(root, class_id='4', class_name='f5', ph_value='')
    with pytest.raises(UserError, match=r'other classes are stated in labels\.json'):
        read_annotations(annotations(root))


def test_ph_is_held_against_the_campaigns_limits(root: Path) -> None:
    state(root, health_classes=['Healthy', 'Acidotic'], ph_limits=[5.75])
    rewrite(root, ph_value='5.9', class_id='0', class_name='healthy')
    assert len(read_annotations(annotations(root)))
    rewrite(root, class_id='1', class_name='acidotic')
    with pytest.raises(UserError, match=r'pH 5\.9 is Healthy, class_id 1 is Acidotic'):
        read_annotations(annotations(root))


def test_values_of_masks_are_the_campaigns() -> None:
    mask = np.array([[0, 1, 255]], np.uint8)
    check_mask_values(mask, 'm.png', GAS_ONLY.seg_classes)
    mask[0, 0] = 2
    with pytest.raises(UserError, match=r'2 are no class \(0 background, 1 gas, 255'):
        check_mask_values(mask, 'm.png', GAS_ONLY.seg_classes)
    five = ('background', 'tube', 'gas', 'cow', 'hand')
    check_mask_values(np.array([[3, 4]], np.uint8), 'm.png', five)


def test_areas_are_of_the_gas_wherever_it_stands() -> None:
    mask = np.array([[0, 1, 1, 255]], np.uint8)
    frame = np.array([[10, 20, 30, 40]], np.uint8)
    measures, histogram = measure(frame, mask, labels=GAS_ONLY)
    assert measures['gas_share'] == pytest.approx(2 / 3)
    assert np.isnan(measures['tube_share'])
    assert histogram.shape == (2, 256) and histogram.sum(axis=1).tolist() == [1, 2]


def load(root: Path, **metainfo: object) -> DualGasDataset:
    csv = 'paired_train_annotations.csv'
    return DualGasDataset(csv, data_root=str(root), metainfo=metainfo)


def test_a_dataset_has_the_campaigns_classes(root: Path) -> None:
    state(root, health_classes=['Healthy', 'Acidotic'], ph_limits=[5.8])
    for row in (rows := read_rows(annotations(root))):
        ill = float(row['ph_value']) < 5.8
        row |= {'class_id': str(int(ill)), 'class_name': ['Healthy', 'Acidotic'][ill]}
    write_rows(annotations(root), rows)
    pair_campaign(root, splits=['train'])
    dataset = load(root, health_classes=['Healthy', 'Acidotic'])
    assert dataset.metainfo['health_classes'] == ('Healthy', 'Acidotic')
    assert dataset.metainfo['ph_limits'] == (5.8,)
    assert set(dataset.health_labels) == {0, 1}
    with pytest.raises(
        UserError, match=r"\('low', 'high'\), but .*labels.json has hea"
    ):
        load(root, health_classes=['low', 'high'])
    with pytest.raises(UserError, match=r'has ph_limits=\(5.7,\), but .*\(5.8,\)'):
        load(root, health_classes=['Healthy', 'Acidotic'], ph_limits=[5.7])


def test_a_config_of_other_classes_asks_for_the_file(root: Path) -> None:
    pair_campaign(root, splits=['train'])
    with pytest.raises(UserError, match=r'labels\.json is not there, which means cla'):
        load(root, classes=['background', 'gas'])
    with pytest.raises(UserError, match=r'dataset\.metainfo has class; its keys are'):
        load(root, **{'class': 3})
