"""Runs tracked without a network: what is logged stands at its iteration."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.campaigns import make_campaign, pair_campaign
from tests.commands import run_tool

ROOT = Path(__file__).parents[2]
BASES = ('datasets/ogi_sim', 'models/fume_fastscnn', 'schedules/fume')
#: Batches of an epoch: training logs at 1 to 6, validation at 3 and 6.
ITERATIONS = 3
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_campaign(tmp_path_factory.mktemp('campaign'), size=(64, 64))
    return pair_campaign(root)


def train(campaign: Path, folder: Path, runtime: str) -> Path:
    """Two epochs with a runtime of ``_base_``; the folder of what was logged."""
    config = folder / 'tracked.py'
    bases = [f'{ROOT}/configs/_base_/{name}.py' for name in (*BASES, runtime)]
    config.write_text(f'_base_ = {bases!r}\n')
    options = [
        f'data_root={campaign}',
        'train_cfg.max_epochs=2',
        'train_dataloader.batch_size=4',
        'train_dataloader.num_workers=0',
        'val_dataloader.num_workers=0',
        'train_dataloader.dataset.pipeline.3.scale=(64,64)',
        'val_dataloader.dataset.pipeline.1.scale=(64,64)',
        'default_hooks.logger.interval=1',
    ]
    done = run_tool(
        'tools/train.py',
        config,
        f'--work-dir={folder}/run',
        '--cfg-options',
        *options,
        env={'WANDB_MODE': 'offline', 'WANDB_SILENT': 'true'},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'Could not log' not in done.stdout + done.stderr
    (logs,) = (folder / 'run').glob('*/vis_data')
    return logs


def test_tensorboard_has_graph_curves_and_hyper_parameters(
    campaign: Path, tmp_path: Path
) -> None:
    logs = train(campaign, tmp_path, 'runtime/default')
    found = EventAccumulator(str(logs))
    found.Reload()
    tags = found.Tags()
    assert tags['graph']
    assert {'val/Healthy', 'val/Transitional', 'val/Acidotic'} <= set(tags['tensors'])
    assert [event.step for event in found.Tensors('val/Acidotic')] == [3, 6]
    assert [event.step for event in found.Scalars('seg/mIoU')] == [3, 6]
    assert [event.step for event in found.Images('val/confusion')] == [3, 6]
    best = max(event.value for event in found.Scalars('joint/score'))
    (event,) = found.Scalars('best/joint/score')
    assert event.value == pytest.approx(best)
    names = {key.rpartition('_hparams_/')[2] for key in found.summary_metadata}
    assert {'session_start_info', 'session_end_info'} <= names


def wandb_records(path: Path) -> Iterator[bytes]:
    """The records of W&B's file, a log of LevelDB's format with a header of 7 bytes.

    Blocks of 32 KiB hold pieces: 4 bytes of checksum, 2 of length, 1 of kind (1 whole,
    2 first, 3 middle, 4 last).
    """
    data, block = path.read_bytes(), 32768
    position, record = 7, b''
    while position + 7 <= len(data):
        left = block - position % block
        if left < 7:
            position += left
            continue
        length, kind = struct.unpack_from('<HB', data, position + 4)
        if kind == 0:  # padding
            position += left
            continue
        record += data[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):
            yield record
            record = b''


@pytest.mark.long
def test_wandb_has_validation_at_its_iteration(campaign: Path, tmp_path: Path) -> None:
    pytest.importorskip('wandb')
    from wandb.proto import wandb_internal_pb2

    logs = train(campaign, tmp_path, 'runtime/wandb')
    (file,) = logs.glob('wandb/offline-run-*/*.wandb')
    steps: dict[str, list[int]] = {}
    for data in wandb_records(file):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof('record_type') == 'history':
            for item in record.history.item:
                key = item.key or '/'.join(item.nested_key)
                steps.setdefault(key, []).append(record.history.step.num)
    assert steps['seg/mIoU'] == [ITERATIONS, 2 * ITERATIONS]
    assert steps['loss'] == list(range(1, 2 * ITERATIONS + 1))
    panels = [key for key in steps if key.startswith('val/panel_0')]
    assert panels
    confusion = [key for key in steps if key.startswith('val/confusion')]
    assert confusion
    for key in (*panels, *confusion):
        assert steps[key] == [ITERATIONS, 2 * ITERATIONS]


def test_mlflow_has_validation_at_its_iteration(campaign: Path, tmp_path: Path) -> None:
    pytest.importorskip('mlflow')
    logs = train(campaign, tmp_path, 'runtime/mlflow')

    def steps(metric: str) -> list[int]:
        (file,) = logs.glob(f'*/*/metrics/{metric}')
        return [int(line.split()[2]) for line in file.read_text().splitlines()]

    assert steps('seg/mIoU') == [ITERATIONS, 2 * ITERATIONS]
    assert steps('loss') == list(range(1, 2 * ITERATIONS + 1))
    for name in ('panel_0', 'confusion'):
        assert len(list(logs.glob(f'*/*/artifacts/val/{name}_*.png'))) == 2
