"""Mistakes of a user end the real command lines with one line that helps."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch

from fume_mm.io.weights import TRAINING_STATE
from tests.campaigns import make_campaign, read_rows, write_rows
from tests.checkpoints import make_checkpoint
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/fume/fume_fastscnn.py'
SIMULATE = 'python tools/dataset_converters/simulate_ogi.py'
PAIR = 'python tools/dataset_converters/pair_gases.py'
pytestmark = pytest.mark.slow


def refused(done: subprocess.CompletedProcess, *said: object) -> str:
    """The one line of the error; it says all of ``said``, and nothing was trained."""
    output = done.stdout + done.stderr
    assert done.returncode == 2, output[-3000:]
    assert 'Traceback' not in output
    assert 'Epoch(train)' not in output
    lines = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
    assert len(lines) == 1
    assert done.stderr.endswith(f'{lines[0]}\n')
    for text in said:
        assert str(text) in lines[0]
    return lines[0]


def pair(root: Path) -> subprocess.CompletedProcess:
    return run_tool('tools/dataset_converters/pair_gases.py', root)


def train(
    root: Path, work_dir: Path, *more: str, options: tuple[str, ...] = ()
) -> subprocess.CompletedProcess:
    return run_tool(
        *('tools/train.py', CONFIG, f'--work-dir={work_dir}', *more),
        '--cfg-options',
        f'data_root={root}',
        'train_cfg.max_epochs=1',
        'train_dataloader.batch_size=2',
        'train_dataloader.num_workers=0',
        'val_dataloader.num_workers=0',
        'default_hooks.logger.interval=1',
        *options,
    )


@pytest.fixture(scope='module')
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_campaign(tmp_path_factory.mktemp('campaign'), frames=1, vessels=3)
    done = pair(root)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def copy(campaign: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(campaign, tmp_path / 'copy'))


def rewrite(csv: Path, row: int, **values: str) -> None:
    rows = read_rows(csv)
    rows[row].update(values)
    write_rows(csv, rows)


# What is wrong with an annotation CSV, and what the message must say.
ANNOTATIONS = {
    'missing_csv': ('train_annotations.csv does not exist', SIMULATE, '--seed 42'),
    'missing_column': ('train_annotations.csv has no column gas_type', 'add'),
    'missing_frame': ('line 3', 'frame_path names no file', 'restore the file'),
    'missing_mask': ('line 3', 'mask_path names no file', 'restore the file'),
    'size_differs': ('line 3', 'is 64x48, its mask 63x48', 'give the frame the mask'),
    'mask_values': ('line 3', 'masks/train/', 'mask values 100', '0 background'),
    'unknown_gas': ('line 3', "'n2o'", 'must be one of co2, ch4'),
    'unknown_class_id': ('line 3', "'3'", 'must be one of 0 Healthy'),
    'unknown_class_name': ('line 3', "'Ill'", 'must be one of Healthy'),
    'class_disagrees': ('line 3', 'class_id and class_name disagree', 'correct one'),
    'ph_disagrees': ('line 3', 'pH 5 is Acidotic', 'correct one'),
    'leak': ('train_v0_f0 (train, val)', '--resplit', 'allow_leakage=True'),
}


@pytest.mark.parametrize('broken', ANNOTATIONS)
def test_pairing_refuses(broken: str, tmp_path: Path) -> None:
    root = make_campaign(tmp_path, frames=1, vessels=3, broken=broken)
    refused(pair(root), *ANNOTATIONS[broken])
    assert not list(root.glob('paired_*'))


@pytest.mark.parametrize('column', ['frame_path', 'mask_path'])
def test_pairing_refuses_a_file_cut_short(tmp_path: Path, column: str) -> None:
    root = make_campaign(tmp_path, frames=1, vessels=3)
    path = root / read_rows(root / 'train_annotations.csv')[1][column]
    path.write_bytes(path.read_bytes()[:-20])
    refused(pair(root), 'line 3', path, 'cut short', 'restore the file')


def test_pairing_refuses_a_missing_root(tmp_path: Path) -> None:
    refused(pair(tmp_path / 'none'), tmp_path / 'none', SIMULATE, '--seed 42')


def test_pairing_says_that_the_data_are_simulated(copy: Path) -> None:
    (copy / 'campaign.json').write_text('{"simulated": true}')
    assert '\nsimulated data\n' in pair(copy).stdout
    assert json.loads((copy / 'pairing_statistics.json').read_text())['simulated']


def drop_column(root: Path) -> None:
    csv = root / 'paired_train_annotations.csv'
    rows = read_rows(csv)
    write_rows(csv, rows, [name for name in rows[0] if name != 'ch4_mask'])


def field(**values: str) -> Callable[[Path], None]:
    return lambda root: rewrite(root / 'paired_train_annotations.csv', 1, **values)


def narrow_mask(root: Path) -> None:
    path = root / read_rows(root / 'paired_train_annotations.csv')[1]['ch4_mask']
    cv2.imwrite(str(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[:, 1:])


def remove_frame(root: Path) -> None:
    (root / read_rows(root / 'paired_train_annotations.csv')[1]['ch4_frame']).unlink()


def leak(root: Path) -> None:
    group = read_rows(root / 'paired_val_annotations.csv')[0]['co2_group']
    field(co2_group=group)(root)


# What is wrong with a paired CSV, how, and what the message must say.
PAIRED = {
    'missing CSV': (
        lambda root: (root / 'paired_val_annotations.csv').unlink(),
        ('paired_val_annotations.csv does not exist', PAIR),
    ),
    'missing column': (drop_column, ('has no column ch4_mask', 'add')),
    'missing frame': (remove_frame, ('line 3', 'ch4_frame names no file', 'restore')),
    'size differs': (narrow_mask, ('line 3', 'is 64x48, its mask 63x48', 'give')),
    'unknown class': (field(class_id='7'), ('line 3', "'7'", 'one of 0 Healthy')),
    'pH disagrees': (field(ph_value='5.0'), ('line 3', 'pH 5 is', 'correct one')),
    'leak': (leak, ('val_v0', '(train, val)', '--resplit')),
}


@pytest.mark.parametrize('broken', PAIRED)
def test_training_refuses_the_paired_csv(
    broken: str, copy: Path, tmp_path: Path
) -> None:
    change, said = PAIRED[broken]
    change(copy)
    refused(train(copy, tmp_path / 'run'), *said)


def cut_frames(root: Path) -> str:
    for path in root.glob('images/train/*.png'):
        path.write_bytes(path.read_bytes()[:-20])
    return 'images/train/'


def change_masks(root: Path) -> str:
    for path in root.glob('masks/train/*.png'):
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), mask * 100)
    return 'masks/train/'


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('change', [cut_frames, change_masks])
def test_training_names_the_file_that_it_cannot_use(
    change: Callable[[Path], str], workers: int, copy: Path, tmp_path: Path
) -> None:
    folder = change(copy)
    option = f'train_dataloader.num_workers={workers}'
    done = train(copy, tmp_path / 'run', options=(option,))
    refused(done, f'{copy}/{folder}', '.png: ', ';')


def test_training_refuses_a_missing_root(tmp_path: Path) -> None:
    root = tmp_path / 'none'
    done = train(root, tmp_path / 'run')
    refused(done, root, f'{SIMULATE} {root} --seed 42', f'{PAIR} {root}')


def test_the_traceback_is_there_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('FUME_MM_TRACEBACK', '1')
    done = train(tmp_path / 'none', tmp_path / 'run')
    assert done.returncode == 1
    assert 'Traceback' in done.stderr


# An option, and what the message must say.
OPTIONS = {
    'model.backbone.type=Nope': ('Nope is not in', '(model.backbone.type)', 'correct'),
    'model.nek.bias=True': ("'nek'", 'did you mean neck? correct the key'),
    'train_dataloader.batchsize=2': ("'batchsize'", 'did you mean batch_size?'),
    'optim_wrapper.optimizer.type=Adamm': ('(optim_wrapper.optimizer.type)', 'Adamm'),
    'model.decode_head.in_channels=(64,96)': (
        'model.decode_head (FastSCNNHead)',
        'in_index',
    ),
    'model.neck.in_channels=64': ('model.neck (AttentionFusion) cannot take', CONFIG),
    'model.health_head.in_channels=64': ('model.health_head (HealthHead)', CONFIG),
    "model.gases=('co2','co2')": ("model.gases is ('co2', 'co2')", 'each once'),
    'model.neck.type=ConcatFusoin': ('did you mean ConcatFusion?', '(model.neck.type)'),
    'val_dataloader.dataset.pipeline.0.type=Lode': ('pipeline.0.type', 'Lode'),
    'optim_wraper.optimizer.lr=1': ('no optim_wraper; did you mean optim_wrapper?',),
    'modality_dropout=1': (
        'already used',
        'train_dataloader.dataset.pipeline.0 instead',
        CONFIG,
    ),
}


@pytest.mark.parametrize('option', OPTIONS)
def test_training_refuses_the_option(
    option: str, campaign: Path, tmp_path: Path
) -> None:
    refused(train(campaign, tmp_path / 'run', options=(option,)), *OPTIONS[option])


def test_training_refuses_a_config_that_is_no_config(tmp_path: Path) -> None:
    config = tmp_path / 'broken.py'
    config.write_text('model = dict(\n')
    refused(
        run_tool('tools/train.py', config), config, 'SyntaxError', 'correct the file'
    )


def test_training_refuses_an_unknown_config() -> None:
    done = run_tool('tools/train.py', 'configs/fume/none.py')
    refused(done, 'configs/fume/none.py', 'no such config', 'fume_fastscnn.py')


def test_an_option_without_a_value_is_a_usage_error() -> None:
    done = run_tool('tools/train.py', CONFIG, '--cfg-options', 'model')
    assert done.returncode == 2
    assert 'Traceback' not in done.stderr
    assert 'write key=value' in done.stderr


@pytest.fixture(scope='module')
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fume_mm.engine.config import load_config
    from fume_mm.registry import MODELS, register_all_modules

    register_all_modules()
    model = MODELS.build(load_config('configs/fume/fume_fastscnn_concat.py').model)
    path = tmp_path_factory.mktemp('checkpoints') / 'other.pth'
    state = {key: {} for key in TRAINING_STATE}
    torch.save({'state_dict': model.state_dict(), **state}, path)
    return path


@pytest.mark.parametrize('tool', ['train', 'test'])
@pytest.mark.parametrize('kind', ['missing', 'garbage', 'no model', 'other model'])
def test_the_checkpoint_is_refused(
    tool: str, kind: str, campaign: Path, tmp_path: Path, other_model: Path
) -> None:
    path = tmp_path / 'given.pth'
    said: tuple[object, ...] = (path, 'work dir')
    if kind == 'garbage':
        path.write_bytes(b'this is no checkpoint' * 99)
        said = (path, 'not a readable checkpoint', 'copy it again')
    elif kind == 'no model':
        torch.save([1, 2], path)
        said = (path, 'holds no model', 'give a checkpoint')
    elif kind == 'other model':
        path = other_model
        said = (path, 'another architecture', 'give the config it was trained with')
    work_dir = tmp_path / 'run'
    if tool == 'train':
        done = train(campaign, work_dir, f'--resume={path}')
    else:
        command = ('tools/test.py', CONFIG, path, f'--work-dir={work_dir}')
        done = run_tool(*command, '--cfg-options', f'data_root={campaign}')
    refused(done, *said)


def test_testing_names_the_part_that_does_not_fit(
    campaign: Path, tmp_path: Path
) -> None:
    path = make_checkpoint(tmp_path / 'model.pth')
    command = ('tools/test.py', CONFIG, path, f'--work-dir={tmp_path}/run')
    options = ('scale=(64,48)', 'model.decode_head.in_index=(1,0)')
    done = run_tool(*command, '--cfg-options', f'data_root={campaign}', *options)
    refused(done, 'model.decode_head (FastSCNNHead) cannot take', CONFIG)


def test_a_run_cannot_go_on_from_weights_alone(
    campaign: Path, tmp_path: Path, other_model: Path
) -> None:
    path = tmp_path / 'weights.pth'
    torch.save({'state_dict': torch.load(other_model)['state_dict']}, path)
    done = train(campaign, tmp_path / 'run', f'--resume={path}')
    refused(done, path, 'no meta, message_hub', 'load_from')


def test_a_model_of_other_classes_is_refused(campaign: Path, tmp_path: Path) -> None:
    done = train(
        campaign, tmp_path / 'run', options=('model.decode_head.num_classes=4',)
    )
    refused(
        done,
        'DualGasDataset',
        '3 classes (background, tube, gas)',
        'decode_head 4',
        'set model.decode_head.num_classes=3',
    )
