"""The dataset's `gases` and `per_frame`, done on the table's arrays."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from mmengine.logging import MMLogger

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.dual_gas_dataset import DualGasDataset
from fume_mm.datasets.paired_csv import read_paired
from fume_mm.datasets.pairing import pair_gases
from fume_mm.datasets.samplers import ClassBalancedSampler
from fume_mm.engine.hooks.training_hooks import ConsistencyHook
from fume_mm.errors import UserError
from fume_mm.io.tables import write_table
from fume_mm.registry import register_all_modules
from fume_mm.structures import GASES
from tests.campaigns import (
    BREAKS,
    annotations,
    make_campaign,
    read_rows,
    write_rows,
)

CSV = 'paired_train_annotations.csv'
# 6 vessels of 2 frames: 8 samples have both gases, 2 CO2 only (vessel 3), 2 CH4 only
SAMPLES, PAIRED = 12, 8


def pair(root: Path, *splits: str) -> None:
    for split in splits:
        rows = read_annotations(annotations(root, split))
        write_table(pair_gases(rows), root / f'paired_{split}_annotations.csv')


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_campaign(
        tmp_path_factory.mktemp('campaign'), splits=['train'], size=(16, 12)
    )
    pair(root, 'train')
    return root


def load(root: Path, **options: Any) -> DualGasDataset:
    return DualGasDataset(CSV, data_root=str(root), **options)


def items(dataset: DualGasDataset) -> list[dict]:
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def frames_of(item: dict, gas: str) -> tuple:
    return item['frame_paths'].get(gas), item['mask_paths'].get(gas)


@pytest.mark.parametrize('gas', GASES)
def test_one_gas_is_the_rows_that_have_it_without_the_other(
    root: Path, gas: str
) -> None:
    everything = items(load(root))
    dataset = load(root, gases=(gas,))
    wanted = [item for item in everything if gas in item['frame_paths']]
    found = items(dataset)
    assert len(found) == len(wanted) == 10
    for item, source in zip(found, wanted, strict=True):
        assert list(item['frame_paths']) == list(item['mask_paths']) == [gas]
        assert frames_of(item, gas) == frames_of(source, gas)
        for key in ('sample_id', 'ph_value', 'class_id'):
            assert item[key] == source[key]
    assert dataset.metainfo['gases'] == (gas,)
    assert dataset.metainfo['left_out'] == 2
    assert dataset.health_labels.tolist() == [item['class_id'] for item in wanted]


def test_both_gases_leave_everything_as_it_is(root: Path) -> None:
    dataset = load(root, gases=['ch4', 'co2'])
    assert dataset.metainfo['gases'] == GASES
    assert dataset.metainfo['left_out'] == 0
    assert items(dataset) == items(load(root))


def test_per_frame_every_frame_is_one_sample(root: Path) -> None:
    dataset = load(root, per_frame=True)
    expected = [
        (f'{item["sample_id"]}_{gas}', frames_of(item, gas), item['class_id'])
        for item in items(load(root))
        for gas in item['frame_paths']
    ]
    found = [
        (item['sample_id'], frames_of(item, *item['frame_paths']), item['class_id'])
        for item in items(dataset)
    ]
    assert len(found) == 2 * PAIRED + 4
    assert found == expected
    assert len({name for name, *_ in found}) == len(found)
    assert dataset.health_labels.tolist() == [class_id for *_, class_id in expected]
    assert dataset.metainfo['gases'] == GASES
    sampler = ClassBalancedSampler(dataset, seed=0)
    assert len(sampler) == 20
    assert max(sampler) < 20


def test_a_frame_keeps_its_own_group(root: Path) -> None:
    # pairs of two vessels of the same pH, as random pairing makes them
    paired = read_paired(root / CSV)
    paired['ch4_group'] = [f'other_{row}' for row in range(len(paired))]
    for gas in GASES:
        paired.loc[paired[f'{gas}_frame'] == '', f'{gas}_group'] = ''
    other = root / 'paired_other_annotations.csv'
    write_table(paired.drop(columns='groups'), other)
    dataset = DualGasDataset(other.name, data_root=str(root), per_frame=True)
    groups = {
        gas: {
            g
            for item in items(dataset)
            if gas in item['frame_paths']
            for g in item['groups']
        }
        for gas in GASES
    }
    assert groups['co2'] == set(paired['co2_group']) - {''}
    assert groups['ch4'] == set(paired['ch4_group']) - {''}
    assert all(len(item['groups']) == 1 for item in items(dataset))


def test_every_item_holds_the_scale_that_frames_are_brought_to(tmp_path: Path) -> None:
    register_all_modules()
    root = make_campaign(tmp_path, splits=['train'], size=(32, 24))
    pair(root, 'train')
    steps: list[dict[str, Any]] = [
        {'type': name}
        for name in ('LoadDualGasFrames', 'ResizeDualGas', 'LoadDualGasMasks')
    ]
    item = load(root, scale=[48, 32], pipeline=steps)[0]
    assert item['scale'] == (48, 32)
    for gas, frame in item['frames'].items():
        assert frame.shape == (32, 48)
        assert item['masks'][gas].shape == (24, 32)  # scored at the size on disk
    steps[1]['scale'] = (64, 40)  # the step's own goes first
    (frame, *_) = load(root, scale=[48, 32], pipeline=steps)[0]['frames'].values()
    assert frame.shape == (40, 64)
    with pytest.raises(UserError, match=r'set dataset\.scale=\(width, height\)'):
        load(root, pipeline=[steps[0], {'type': 'ResizeDualGas'}])[0]


@pytest.mark.parametrize('scale', [(48,), (48, 31), 48, (48.0, 64), 'ab'])
def test_a_scale_that_is_none_is_refused(root: Path, scale: Any) -> None:
    with pytest.raises(UserError, match=r'scale must be \(width, height\), each at'):
        load(root, scale=scale)


def test_both_options_together(root: Path) -> None:
    dataset = load(root, gases=('ch4',), per_frame=True, indices=[0, -1])
    alone = items(load(root, gases=('ch4',)))
    assert [item['sample_id'] for item in items(dataset)] == [
        f'{alone[0]["sample_id"]}_ch4',
        f'{alone[-1]["sample_id"]}_ch4',
    ]


def test_what_is_left_out_is_logged_once(root: Path, capfd: Any) -> None:
    MMLogger.get_instance('options', logger_name='options', log_level='INFO')
    dataset = load(root, gases=('ch4',), lazy_init=True)
    assert dataset.metainfo['left_out'] == 0  # nothing is read yet
    for _ in range(2):
        dataset.full_init()
        assert len(dataset) == 10
    assert dataset.metainfo['left_out'] == 2
    said = capfd.readouterr()
    assert (said.out + said.err).count('2 of 12 samples have no ch4 frame') == 1
    logging.getLogger('options').handlers.clear()


@pytest.mark.parametrize('gases', [('n2o',), (), 'co2', ('co2', 'co2')])
def test_gases_that_are_none_are_refused(root: Path, gases: Any) -> None:
    with pytest.raises(UserError, match=r'dataset\.gases is .* each once'):
        load(root, gases=gases)


def test_a_gas_that_no_sample_has_is_refused(tmp_path: Path) -> None:
    make_campaign(
        tmp_path,
        vessels=2,
        splits=['train'],
        size=(16, 12),
        co2_only=(0, 1),
        ch4_only=(),
    )
    pair(tmp_path, 'train')
    with pytest.raises(UserError, match=r'none of its 4 samples has a ch4 frame'):
        load(tmp_path, gases=('ch4',))


@pytest.mark.parametrize('options', [{'gases': ('ch4',)}, {'per_frame': True}])
def test_leaks_are_looked_for_in_all_frames(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    make_campaign(tmp_path, splits=['train', 'val'], size=(16, 12))
    BREAKS['leak'](tmp_path)
    pair(tmp_path, 'train', 'val')
    with pytest.raises(UserError, match='train_v0_f0'):
        load(tmp_path, **options)
    assert load(tmp_path, allow_leakage=True, **options).metainfo['leakage']


def fold_of(root: Path, folder: Path, *, leak: bool = False) -> Path:
    """CSVs of another split of the campaign's frames, beside none of them."""
    folder.mkdir(parents=True)
    rows = read_rows(annotations(root, 'train'))
    groups = sorted({row['original_sample_id'] for row in rows})
    test = set(groups[:4])
    parts = {
        'train': [x for x in rows if leak or x['original_sample_id'] not in test],
        'test': [x for x in rows if x['original_sample_id'] in test],
    }
    for split, part in parts.items():
        write_rows(annotations(folder, split), part)
        table = read_annotations(
            annotations(folder, split), root=root, check_files=False
        )
        write_table(pair_gases(table), folder / f'paired_{split}_annotations.csv')
    return folder


def test_csvs_may_lie_elsewhere_than_the_frames(tmp_path: Path) -> None:
    root = make_campaign(tmp_path / 'data', splits=['train'], size=(16, 12))
    fold = fold_of(root, tmp_path / 'lists/cv_fold0')
    before = sorted(root.rglob('*'))
    of_train = items(load(root, ann_root=str(fold)))
    test_csv = 'paired_test_annotations.csv'
    of_test = items(DualGasDataset(test_csv, data_root=str(root), ann_root=str(fold)))
    assert (len(of_train), len(of_test)) == (8, 4)
    paths = [p for x in (*of_train, *of_test) for p in x['frame_paths'].values()]
    assert len(set(paths)) == 20
    assert all(Path(p).parent == root / 'images/train' for p in paths)
    assert sorted(root.rglob('*')) == before


def test_leaks_are_looked_for_where_the_csvs_lie(tmp_path: Path) -> None:
    root = make_campaign(tmp_path / 'data', splits=['train', 'val'], size=(16, 12))
    pair(root, 'train', 'val')
    load(root)
    fold = fold_of(root, tmp_path / 'fold', leak=True)
    with pytest.raises(UserError, match=r'4 group\(s\) are in more than one split'):
        load(root, ann_root=str(fold))


def test_a_fold_without_pairs_names_the_command(root: Path, tmp_path: Path) -> None:
    said = rf'pair_gases\.py {root} --annotations {tmp_path}`'
    with pytest.raises(UserError, match=said):
        load(root, ann_root=str(tmp_path))


def test_a_folder_of_csvs_that_is_none_is_refused(root: Path) -> None:
    with pytest.raises(UserError, match=r'ann_root /nowhere does not exist; name the'):
        load(root, ann_root='/nowhere')


def test_kept_pixels_give_the_same_items(tmp_path: Path) -> None:
    register_all_modules()
    root = make_campaign(tmp_path / 'data', vessels=4, frames=1, splits=['train'])
    pair(root, 'train')
    names = ('LoadDualGasFrames', 'ResizeDualGas', 'LoadDualGasMasks')
    steps = [{'type': name} for name in (*names, 'PackDualGasInputs')]
    options: dict[str, Any] = {'scale': (48, 32), 'pipeline': steps}
    plain = load(root, **options)
    keeping = load(root, decoded=str(tmp_path / 'decoded'), **options)
    for _ in range(2):
        for item, kept in zip(plain, keeping, strict=True):
            assert list(item['inputs']) == list(kept['inputs'])
            for gas, frame in item['inputs'].items():
                assert kept['inputs'][gas].equal(frame)
                mask = kept['data_samples'].get(gas).gt_sem_seg.data
                assert mask.equal(item['data_samples'].get(gas).gt_sem_seg.data)
            for key, value in item['data_samples'].metainfo.items():
                assert kept['data_samples'].metainfo[key] == value
    assert len(list((tmp_path / 'decoded').iterdir())) == 2 * 7  # frames and masks
    BREAKS['mask_values'](root)
    for _ in range(2):  # the second time the mask has been kept
        with pytest.raises(UserError, match=r'mask values .* are no class'):
            list(keeping)


@pytest.fixture
def damaged(tmp_path: Path) -> tuple[Path, list[str]]:
    """A campaign with half a frame, a missing one and a mask of other values."""
    root = make_campaign(tmp_path, splits=['train'], size=(32, 24))
    pair(root, 'train')
    bad = items(load(root))[1:6:2]
    frame, other = (Path(next(iter(x['frame_paths'].values()))) for x in bad[:2])
    frame.write_bytes(frame.read_bytes()[: frame.stat().st_size // 2])
    other.unlink()
    mask = Path(next(iter(bad[2]['mask_paths'].values())))
    cv2.imwrite(str(mask), np.full((24, 32), 9, np.uint8))
    return root, [x['sample_id'] for x in bad]


def test_bad_samples_are_left_out_if_asked_and_never_replaced(
    damaged: tuple[Path, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    root, bad = damaged
    with pytest.raises(UserError):
        load(root)
    pipeline = [{'type': 'LoadDualGasFrames'}, {'type': 'LoadDualGasMasks'}]
    register_all_modules()
    dataset = load(root, on_bad_sample='skip', pipeline=pipeline)
    assert list(dataset.bad_samples) == bad
    seen = [dataset[i]['sample_id'] for i in range(len(dataset))]
    assert len(seen) == SAMPLES - 3
    assert not {*seen} & {*bad}
    text = dataset.left_out_text()
    assert text.startswith(f'{root / CSV}: 3 samples cannot be read and are left out:')
    assert all(f'\n  {name}: ' in text for name in bad)
    assert len(dataset.health_labels) == SAMPLES - 3
    logger = logging.getLogger('end')
    hook = ConsistencyHook()
    loader = SimpleNamespace(dataset=dataset)
    runner = SimpleNamespace(
        train_dataloader=loader, test_dataloader=loader, val_loop=None, logger=logger
    )
    for end in (hook.after_train, hook.after_test):
        caplog.clear()
        end(runner)
        assert caplog.messages == [text]


def test_without_a_sound_sample_or_with_another_policy_nothing_is_loaded(
    damaged: tuple[Path, list[str]],
) -> None:
    root, _ = damaged
    with pytest.raises(UserError, match=r"on_bad_sample is 'replace'; set 'error' or"):
        load(root, on_bad_sample='replace')
    for path in root.rglob('*.png'):
        path.unlink()
    with pytest.raises(UserError, match='no sample can be read'):
        load(root, on_bad_sample='skip')
