import copy
import multiprocessing
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch.utils.data import DataLoader

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.pairing import pair_gases, read_paired, write_paired
from fume_mm.datasets.sample_table import SampleTable
from fume_mm.structures import GASES
from tests.campaigns import annotations, make_campaign

CSV = 'paired_train_annotations.csv'


@pytest.fixture
def root(tmp_path):
    make_campaign(tmp_path, splits=['train'], size=(16, 12))
    write_paired(pair_gases(read_annotations(annotations(tmp_path))), tmp_path / CSV)
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


def large_table(rows=200_000):
    names = pd.Series([f'v{row:012d}' for row in range(rows)])
    columns = {'sample_id': names, 'co2_group': names, 'ch4_group': names}
    for part in ('frame', 'mask'):
        for gas in GASES:
            columns[f'{gas}_{part}'] = f'{part}s/{gas}/' + names + '.png'
    health = {'ph_value': np.full(rows, 6.5), 'class_id': np.zeros(rows, np.int64)}
    return SampleTable.from_frame(pd.DataFrame(columns | health), root='root')


def ids(dataset):
    return [dataset.get_data_info(index)['sample_id'] for index in range(len(dataset))]


def test_items_equal_the_rows(root, dataset):
    paired = read_paired(root / CSV)
    expected = plain(paired, root)
    assert {len(sample['frame_paths']) for sample in expected} == {1, 2}
    assert list(dataset.data_list) == expected
    assert dataset.get_data_info(-1) == expected[-1] | {'sample_idx': len(paired) - 1}
    assert type(dataset.get_data_info(0)['class_id']) is int


def test_more_rows_than_a_chunk_and_letters_of_many_bytes(root, monkeypatch):
    monkeypatch.setattr('fume_mm.datasets.sample_table._CHUNK', 5)
    paired = read_paired(root / CSV)
    paired['sample_id'] = 'vache_à_№_' + paired['sample_id']
    assert list(SampleTable.from_frame(paired, root=root)) == plain(paired, root)


def test_negative_and_missing_positions():
    table = large_table(3)
    assert table[-1]['sample_id'] == 'v000000000002'
    for index in (3, -4):
        with pytest.raises(IndexError):
            table[index]
    with pytest.raises(IndexError):
        table.take([3])


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


def test_copies_and_views_share_the_arrays():
    table = large_table(100)
    for other in (copy.deepcopy(table), table[5:], table.take([1])):
        assert np.shares_memory(
            other._store.arrays['text'], table._store.arrays['text']
        )


def test_a_pickle_stands_alone(dataset):
    again = pickle.loads(pickle.dumps(dataset))
    assert list(again.data_list) == list(dataset.data_list)
    assert again.data_list._store._path is None


def test_a_pickle_of_many_views_holds_the_arrays_once():
    table = large_table(1000)
    views = [table[start:] for start in range(20)]
    assert len(pickle.dumps(views)) < 1.5 * table.nbytes


@pytest.mark.skipif(sys.platform == 'win32', reason='pickles look different there')
def test_spawned_workers_are_sent_a_file_name_and_it_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    table = large_table(1000)
    before = list(table)
    monkeypatch.setattr(
        'fume_mm.datasets.sample_table.get_spawning_popen', lambda: object()
    )
    pickles = [pickle.dumps(table) for _ in range(3)]
    assert max(map(len, pickles)) < 1000
    (file,) = tmp_path.iterdir()
    worker = pickle.loads(pickles[-1])
    assert list(worker) == before == list(table)
    assert isinstance(worker._store.arrays['text'], np.memmap)
    del worker
    assert file.exists()  # the worker does not own it
    del table
    assert not file.exists()


class _Resources:
    """Hands out, for each sample, what the worker that reads it holds privately."""

    def __init__(self, table):
        self.table = table

    def __len__(self):
        return 2

    def __getitem__(self, index):
        before = _private_bytes()
        for row in range(0, len(self.table), 10):
            self.table[row]
        return _private_bytes() - before


def _private_bytes():
    lines = Path('/proc/self/smaps_rollup').read_text().splitlines()[1:]
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines}
    return 1024 * (sizes['Private_Clean:'] + sizes['Private_Dirty:'])


@pytest.mark.skipif(
    not Path('/proc/self/smaps_rollup').exists(), reason='Linux tells memory there'
)
def test_a_forked_worker_that_reads_everything_copies_nothing():
    table = large_table()
    assert table.nbytes > 30 * 2**20
    loader = DataLoader(
        _Resources(table),
        num_workers=1,
        multiprocessing_context='fork',
        batch_size=None,
    )
    assert max(loader) < table.nbytes / 8


def _first_and_last(table, queue):
    names = (table[0]['sample_id'], table[len(table) - 1]['sample_id'])
    queue.put((names, type(table._store.arrays['text']).__name__))


def test_a_spawned_process_maps_the_file():
    table = large_table(1000)
    context = multiprocessing.get_context('spawn')
    queue = context.Queue()
    process = context.Process(target=_first_and_last, args=(table[1:], queue))
    process.start()
    result = queue.get(timeout=60)
    process.join()
    assert result == (('v000000000001', 'v000000000999'), 'memmap')
