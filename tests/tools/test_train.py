"""The training command line, end to end on a tiny campaign."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch

from fume_mm.io.weights import read_checkpoint
from tests.campaigns import make_campaign, pair_campaign
from tests.commands import run_tool
from tests.faults.processes import Command, commands

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_campaign(tmp_path_factory.mktemp('campaign'), size=(64, 64))
    return pair_campaign(root)


def command(campaign: Path, work_dir: Path, *options: str, epochs: int) -> list[str]:
    return [
        'tools/train.py',
        'configs/fume/fume_fastscnn.py',
        f'--work-dir={work_dir}',
        *options,
        '--cfg-options',
        f'data_root={campaign}',
        f'train_cfg.max_epochs={epochs}',
        'train_dataloader.batch_size=4',
        'train_dataloader.num_workers=0',
        'val_dataloader.num_workers=0',
        'train_dataloader.dataset.pipeline.3.scale=(64,64)',
        'val_dataloader.dataset.pipeline.1.scale=(64,64)',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint.interval=1',
    ]


def train(campaign: Path, work_dir: Path, *options: str, epochs: int) -> str:
    done = run_tool(*command(campaign, work_dir, *options, epochs=epochs))
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def whole(campaign: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of two epochs that nothing interrupts: its folder and its output."""
    work_dir = tmp_path_factory.mktemp('whole')
    return work_dir, train(campaign, work_dir, epochs=2)


def test_the_console_is_short_and_the_log_file_whole(whole: tuple[Path, str]) -> None:
    folder, output = whole
    lines = output.splitlines()
    begin = next(i for i, line in enumerate(lines) if 'Epoch(train)' in line)
    assert begin <= 15, lines[:begin]
    header = '\n'.join(lines[:begin])
    for said in (
        ' 1,656,236',
        '12 to train on, 12 to validate',
        '2 epochs of',
        'CPU, ',
        'seed ',
        folder,
    ):
        assert str(said) in header, said
    # one is of how commands are run here: another way to start processes is set
    ours = re.sub(
        r'(?i).*multi-processing start method.*\n.*warnings\.warn.*', '', output
    )
    assert 'warning' not in ours.lower()
    assert max(map(len, ours.splitlines())) < 200
    assert re.search(r'^  mIoU \(%\) +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d$', output, re.M)
    (log,) = folder.glob('*/*.log')
    text = log.read_text()
    for kept in ('System environment:', 'Config:', 'before_run:', 'seg/co2/mIoU: '):
        assert kept in text, kept
    assert 'WARNING' not in text


def losses(output: str, epoch: int) -> list[str]:
    return re.findall(rf'Epoch\(train\) +\[{epoch}\].*?  loss: ([\d.]+)', output)


def test_a_resumed_run_equals_an_uninterrupted_one(
    campaign: Path, whole: tuple[Path, str], tmp_path: Path
) -> None:
    folder, first = whole
    resumed = train(campaign, tmp_path, f'--resume={folder}/epoch_1.pth', epochs=2)
    assert len(losses(first, 2)) == 3
    assert losses(resumed, 1) == []
    assert losses(resumed, 2) == losses(first, 2)
    a, b = (read_checkpoint(str(run / 'last.pth')) for run in (folder, tmp_path))
    for key, value in a['state_dict'].items():
        assert torch.equal(value, b['state_dict'][key]), key
    assert (
        a['message_hub']['runtime_info']['early_stopping']
        == (b['message_hub']['runtime_info']['early_stopping'])
    )


def test_a_run_killed_in_mid_epoch_goes_on_from_the_last_checkpoint(
    campaign: Path, whole: tuple[Path, str], tmp_path: Path
) -> None:
    work_dir = tmp_path / 'run'
    with commands(Command(*command(campaign, work_dir, epochs=2))) as (run,):
        while run.running and not losses(run.output, 2):
            time.sleep(0.05)
        run.send(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        assert len(losses(run.output, 2)) < 3
    resumed = train(campaign, work_dir, '--resume', epochs=2)
    assert losses(resumed, 1) == []
    assert losses(resumed, 2) == losses(whole[1], 2)


def test_a_signal_to_the_whole_group_saves_and_the_run_goes_on_with_other_workers(
    campaign: Path, whole: tuple[Path, str], tmp_path: Path
) -> None:
    """As Slurm signals: every process of the job, the loader's workers among them."""
    work_dir = tmp_path / 'run'
    words = command(campaign, work_dir, epochs=2)
    with commands(Command(*words, 'train_dataloader.num_workers=2')) as (run,):
        while run.running and not losses(run.output, 1):
            time.sleep(0.02)
        run.send(signal.SIGTERM, group=True)
        assert run.wait(60) == 75, run.output[-2000:]
        stopped = run.output
    assert 'SIGTERM: stopped within epoch 1; ' in stopped
    seen = len(losses(stopped, 1))
    assert seen < 3
    resumed = train(campaign, work_dir, '--resume', epochs=2)
    first, second = (losses(whole[1], epoch) for epoch in (1, 2))
    # the running mean of the log goes on, too
    assert losses(stopped, 1) + losses(resumed, 1) == first
    assert losses(resumed, 2) == second
    a, b = (
        read_checkpoint(run / 'last.pth')['state_dict'] for run in (whole[0], work_dir)
    )
    for key, value in a.items():
        assert torch.equal(value, b[key]), key


def test_a_changed_run_is_refused_before_anything_is_written(
    whole: tuple[Path, str], campaign: Path, tmp_path: Path
) -> None:
    copied = tmp_path / 'copied'
    shutil.copytree(whole[0], copied)
    before = {path: path.read_bytes() for path in copied.rglob('*.py')}
    words = command(campaign, copied, '--resume', epochs=2)
    done = run_tool(*words, 'optim_wrapper.optimizer.weight_decay=0.5')
    assert done.returncode == 2
    assert 'optim_wrapper.optimizer.weight_decay was 0.0001 and is 0.5' in done.stderr
    assert {path: path.read_bytes() for path in copied.rglob('*.py')} == before
    # a longer run says so, and takes no best checkpoint of the original away
    bests = [*whole[0].glob('best_*')]
    output = train(campaign, copied, '--resume', epochs=3)
    assert 'Resuming: train_cfg.max_epochs was 2 and is 3.' in output
    assert len(losses(output, 3)) == 3
    assert [*whole[0].glob('best_*')] == bests
    best = read_checkpoint(copied / 'last.pth')['message_hub']['runtime_info']
    assert Path(best['best_ckpt']).parent == copied


def test_resume_takes_the_newest_sound_checkpoint_and_validates_if_that_was_due(
    campaign: Path, whole: tuple[Path, str], tmp_path: Path
) -> None:
    first, moved = tmp_path / 'first', tmp_path / 'moved'
    train(campaign, first, epochs=1)
    periodic, last = first / 'epoch_1.pth', first / 'last.pth'
    # as a run leaves them that is killed in the validation, on a disk that fails then
    (best,) = first.glob('best_*.pth')
    best.unlink()
    content = torch.load(periodic, weights_only=True)
    known = content['message_hub']['runtime_info']
    assert known['validated_epoch'] == 1
    known['validated_epoch'] = 0
    del known['early_stopping'], known['best_score'], known['best_ckpt']
    torch.save(content, periodic)
    last.write_bytes(last.read_bytes()[:5000])
    os.utime(last)
    first.rename(moved)
    resumed = train(campaign, moved, '--resume', epochs=2)
    assert re.search(r'last\.pth: .*[Gg]oing on from epoch_1\.pth', resumed)
    assert losses(resumed, 1) == []
    assert losses(resumed, 2) == losses(whole[1], 2)
    validated = re.findall(r'Epoch\(val\) +\[(\d)\].*joint', resumed)
    assert validated == ['1', '2']
    a, b = (read_checkpoint(run / 'last.pth') for run in (whole[0], moved))
    states = [x['message_hub']['runtime_info']['early_stopping'] for x in (a, b)]
    assert states[0] == states[1]
    assert [x.name for x in moved.glob('best_*')] == [
        x.name for x in whole[0].glob('best_*')
    ]


def test_unknown_config_is_one_line(tmp_path: Path) -> None:
    done = run_tool('tools/train.py', 'configs/fume/nothing.py')
    assert done.returncode == 2
    assert 'configs/fume/nothing.py' in done.stderr
    assert 'Traceback' not in done.stderr


def test_a_run_that_diverges_stops_and_keeps_no_best(
    campaign: Path, tmp_path: Path
) -> None:
    words = command(campaign, tmp_path, epochs=3)
    options = ['optim_wrapper.optimizer.lr=1e4']
    done = run_tool(*words, *options)
    assert done.returncode == 2, done.stderr[-2000:]
    (line,) = [x for x in done.stderr.splitlines() if x.startswith('error: ')]
    pattern = (
        r'error: (\S*loss_\S*) is (nan|inf|\S+e\+\d+) at iteration (\d+): training has '
    )
    assert re.match(
        pattern + r'diverged \(a loss is NaN, infinite or above 1e\+06\)', line
    )
    assert list(tmp_path.glob('best*')) == []
