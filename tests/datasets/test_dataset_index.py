import copy
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch.utils.data import DataLoader

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.paired_csv import read_paired
from fume_mm.datasets.pairing import pair_gases
from fume_mm.io.tables import write_table
from fume_mm.structures import GASES
from tests.campaigns import annotations, make_campaign

CSV = 'paired_train_annotations.csv'


@pytest.fixture
def root(tmp_path):
    make_campaign(tmp_path, splits=['train'], size=(16, 12))
    write_table(pair_gases(read_annotations(annotations(tmp_path))), tmp_path / CSV)
    return tmp_path


@pytest.fixture
def dataset(root):
    return DualGasDataset(CSV, data_root=str(root))


def plain(paired, root):
    """The samples as a list of dicts, row by row."""
    samples = []
    for row in paired.to_dict('records'):
        gases = [gas for gas in GASES if row[f'{gas}_frame']]
        samples.append(
            {
                'sample_id': row['sample_id'],
                'groups': row['groups'],
                'ph_value': row['ph_value'],
                'class_id': row['class_id'],
                'frame_paths': {g: str(root / row[f'{g}_frame']) for g in gases},
                'mask_paths': {g: str(root / row[f'{g}_mask']) for g in gases},
            }
        )
    return samples


def items(dataset):
    found = [dataset.get_data_info(index) for index in range(len(dataset))]
    return [{key: item[key] for key in item if key != 'sample_idx'} for item in found]


def ids(dataset):
    return [dataset.get_data_info(index)['sample_id'] for index in range(len(dataset))]


def test_items_equal_the_rows(root, dataset):
    paired = read_paired(root / CSV)
    expected = plain(paired, root)
    assert {len(sample['frame_paths']) for sample in expected} == {1, 2}
    assert items(dataset) == expected
    assert dataset.get_data_info(-1) == expected[-1] | {'sample_idx': len(paired) - 1}
    with pytest.raises(IndexError):
        dataset.get_data_info(12)
    assert type(dataset.get_data_info(0)['class_id']) is int


def test_letters_of_many_bytes(root):
    paired = read_paired(root / CSV)
    paired['sample_id'] = 'vache_à_№_' + paired['sample_id']
    write_table(paired.drop(columns='groups'), root / CSV)
    dataset = DualGasDataset(CSV, data_root=str(root))
    assert items(dataset) == plain(paired, root)


@pytest.mark.parametrize(
    ('indices', 'kept'),
    [
        (3, slice(3)),
        (-3, slice(-3, None)),
        (0, slice(0)),
        ([4, 1, -1], [4, 1, 11]),
        ([], []),
    ],
)
def test_subsets_have_their_samples_and_labels(root, dataset, indices, kept):
    names = np.array(ids(dataset))[kept].tolist()
    labels = dataset.health_labels[kept].tolist()
    inplace = copy.deepcopy(dataset)
    inplace.get_subset_(indices)
    by_argument = DualGasDataset(CSV, data_root=str(root), indices=indices)
    for subset in (dataset.get_subset(indices), inplace, by_argument):
        assert ids(subset) == names
        assert subset.health_labels.tolist() == labels
    assert len(dataset) == 12


def test_a_subset_of_a_subset(dataset):
    names = ids(dataset)
    subset = dataset.get_subset([7, 5, 3]).get_subset(-2)
    assert ids(subset) == [names[5], names[3]]


def test_lazy_init_reads_at_first_use(root):
    dataset = DualGasDataset(CSV, data_root=str(root), lazy_init=True)
    assert len(dataset.data_list) == 0
    assert dataset.metainfo['gases'] == GASES
    assert len(dataset) == 12
    assert dataset.health_labels.shape == (12,)


def test_a_pickle_stands_alone(dataset):
    again = pickle.loads(pickle.dumps(dataset))
    assert items(again) == items(dataset)
    assert again.health_labels.tolist() == dataset.health_labels.tolist()


class _Resources:
    """Hands out, for each sample, what the worker that reads it holds privately."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return 2

    def __getitem__(self, index):
        before = _private_bytes()
        for row in range(0, len(self.dataset), 10):
            self.dataset.get_data_info(row)
        return _private_bytes() - before


def _private_bytes():
    lines = Path('/proc/self/smaps_rollup').read_text().splitlines()[1:]
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines}
    return 1024 * (sizes['Private_Clean:'] + sizes['Private_Dirty:'])


@pytest.mark.skipif(
    not Path('/proc/self/smaps_rollup').exists(), reason='Linux tells memory there'
)
def test_a_forked_worker_that_reads_everything_copies_nothing(root):
    row = read_paired(root / CSV).drop(columns='groups').iloc[[0]]
    rows = pd.concat([row] * 80_000, ignore_index=True)
    number = rows.index.astype(str)
    for column in ('sample_id', 'co2_frame', 'ch4_frame'):
        rows[column] = rows[column].where(rows[column] == '', rows[column] + number)
    write_table(rows, root / CSV)
    dataset = DualGasDataset(CSV, data_root=str(root), check_files=False)
    assert dataset.data_bytes.nbytes > 20 * 2**20
    loader = DataLoader(
        _Resources(dataset),
        num_workers=1,
        multiprocessing_context='fork',
        batch_size=None,
    )
    assert max(loader) < dataset.data_bytes.nbytes / 8
