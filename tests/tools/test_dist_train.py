"""Two processes on CPUs, one of which never sees a CH4 frame."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.distributed
from torch import nn

from fume_mm.datasets.annotations import read_annotations
from fume_mm.datasets.pairing import pair_gases
from fume_mm.engine.config import load_config
from fume_mm.io.tables import write_table
from fume_mm.io.weights import read_checkpoint
from fume_mm.registry import MODELS, register_all_modules
from fume_mm.structures import SPLITS
from tests.campaigns import make_campaign

ROOT = Path(__file__).parents[2]
CONFIG = 'configs/fume/fume_fastscnn.py'
pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


@pytest.fixture(scope='module')
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Samples of both gases and of CO2 alone in turn, in the order of their files.

    Two processes that are dealt them out in order get one kind each.
    """
    root = make_campaign(
        tmp_path_factory.mktemp('campaign'), frames=1, co2_only=(1, 3, 5), ch4_only=()
    )
    for split in SPLITS:
        paired = pair_gases(read_annotations(root / f'{split}_annotations.csv'))
        assert paired['is_paired'].tolist() == [True, False] * 3
        write_table(paired, root / f'paired_{split}_annotations.csv')
    return root


def test_training_where_a_process_never_sees_ch4(
    campaign: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            *('bash', 'tools/dist_train.sh', CONFIG, '2', f'--work-dir={tmp_path}'),
            '--cfg-options',
            f'data_root={campaign}',
            'train_cfg.max_epochs=1',
            'train_dataloader.batch_size=1',
            'train_dataloader.num_workers=0',
            'train_dataloader.sampler.type=DefaultSampler',
            'train_dataloader.sampler.shuffle=False',
            'train_dataloader.dataset.pipeline.0.prob=0.0',
            'train_dataloader.dataset.pipeline.3.scale=(64,64)',
            'val_dataloader.num_workers=0',
            'val_dataloader.batch_size=1',
            'val_dataloader.dataset.pipeline.1.scale=(64,64)',
            'default_hooks.logger.interval=1',
        ],
        cwd=ROOT,
        env=os.environ
        | {
            'PORT': str(free_port()),
            'OMP_NUM_THREADS': '1',
            'CUDA_VISIBLE_DEVICES': '',
            'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    losses = re.findall(
        r'Epoch\(train\).*?  loss: ([\d.naif]+)', done.stdout + done.stderr
    )
    assert len(losses) == 3
    assert all(torch.isfinite(torch.tensor(float(loss))) for loss in losses)
    weights = read_checkpoint(str(tmp_path / 'last.pth'))['state_dict']
    model = build_model()
    model.load_state_dict(weights)
    assert all(torch.isfinite(value).all() for value in weights.values())


@pytest.mark.long
def test_a_signal_stops_both_processes_and_both_go_on(
    campaign: Path, tmp_path: Path
) -> None:
    """Every process has statistics of its own within an epoch, and gets them back."""

    def run(name: str, *options: str, stop: bool = False) -> tuple[int, str]:
        log = tmp_path / f'{name}{len(options)}.txt'
        words = [
            *('bash', 'tools/dist_train.sh', CONFIG, '2'),
            *(f'--work-dir={tmp_path / name}', *options, '--cfg-options'),
            *(f'data_root={campaign}', 'scale=(64,64)', 'train_cfg.max_epochs=2'),
            *('train_dataloader.batch_size=1', 'default_hooks.logger.interval=1'),
            *(f'{x}_dataloader.num_workers=0' for x in ('train', 'val')),
        ]
        variables = {
            'PORT': str(free_port()),
            'CUDA_VISIBLE_DEVICES': '',
            'PATH': f'{Path(sys.executable).parent}:{os.environ["PATH"]}',
        }
        with log.open('w') as file:
            process = subprocess.Popen(
                words,
                cwd=ROOT,
                env=os.environ | variables,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
            while stop and '[1/3]' not in log.read_text() and process.poll() is None:
                time.sleep(0.05)
            if stop:
                process.send_signal(signal.SIGUSR1)
            return process.wait(240), log.read_text()

    status, output = run('whole')
    assert status == 0, output[-3000:]
    status, output = run('stopped', stop=True)
    assert status == 75, output[-3000:]
    status, output = run('stopped', '--resume')
    assert status == 0, output[-3000:]
    a, b = (
        read_checkpoint(tmp_path / name / 'last.pth')['state_dict']
        for name in ('whole', 'stopped')
    )
    for key, value in a.items():
        assert torch.equal(value, b[key]), key


def build_model() -> nn.Module:
    register_all_modules()
    return MODELS.build(load_config(str(ROOT / CONFIG)).model)


def one_step(rank: int, folder: str) -> None:
    """A step on CO2 and CH4 in process 0, on CO2 alone in process 1; save the state."""
    from mmengine.dist import all_reduce_params
    from mmengine.model import MMDistributedDataParallel
    from mmengine.optim import OptimWrapper

    from tests.configs.test_configs import batch

    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    torch.manual_seed(0)
    model = MMDistributedDataParallel(
        build_model(),
        device_ids=None,
        find_unused_parameters=True,
        broadcast_buffers=False,
    ).train()
    optimiser = OptimWrapper(torch.optim.Adam(model.parameters(), lr=1e-3))
    for _ in range(2):  # unreduced gradients show as an error in the second step
        gases = 'co2 ch4' if rank == 0 else 'co2'
        model.train_step(batch(gases, gases), optimiser)
    all_reduce_params(model.buffers(), op='mean')
    torch.save(model.module.state_dict(), f'{folder}/{rank}.pth')
    torch.distributed.destroy_process_group()


@pytest.mark.long
def test_processes_stay_equal_where_one_has_no_ch4(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(one_step, args=(str(tmp_path),), nprocs=2)
    ours, theirs = (torch.load(tmp_path / f'{rank}.pth') for rank in range(2))
    torch.manual_seed(0)
    fresh = build_model().state_dict()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key
    # CH4 was learnt by both, though one process has it
    key = 'decode_head.ch4.conv_seg.weight'
    assert not torch.equal(ours[key], fresh[key])
