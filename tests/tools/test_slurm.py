"""The command that the Slurm scripts hand to srun."""

import os
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIABLES = ('GPUS', 'GPUS_PER_NODE', 'CPUS_PER_TASK', 'SRUN_ARGS', 'STATUS')
ARGUMENTS = {
    'train': ['configs/a b.py'],
    'test': ['configs/a b.py', 'work_dirs/last.pth'],
}
#: Asked for before the time is up.
SIGNAL = {'train': ['--signal=USR1@120'], 'test': []}


def srun(tmp_path: Path, tool: str, *options: str, **variables: str) -> list[str]:
    """What srun was called with."""
    fake = tmp_path / 'srun'
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit ${STATUS:-0}\n')
    fake.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    command = [f'tools/slurm_{tool}.sh', 'gpu', 'fume', *ARGUMENTS[tool], *options]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=kept | {'PATH': f'{tmp_path}:{os.environ["PATH"]}'} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize('tool', ARGUMENTS)
def test_command_by_default(tmp_path: Path, tool: str) -> None:
    assert srun(tmp_path, tool) == [
        '--partition=gpu',
        '--job-name=fume',
        '--gres=gpu:4',
        '--ntasks=4',
        '--ntasks-per-node=4',
        '--cpus-per-task=5',
        '--kill-on-bad-exit=1',
        *SIGNAL[tool],
        'python',
        '-u',
        f'tools/{tool}.py',
        *ARGUMENTS[tool],
        '--launcher',
        'slurm',
    ]


@pytest.mark.parametrize('tool', ARGUMENTS)
def test_variables_and_options_reach_the_command(tmp_path: Path, tool: str) -> None:
    called = srun(
        tmp_path,
        tool,
        '--cfg-options',
        'data_root=my data',
        GPUS='16',
        GPUS_PER_NODE='8',
        CPUS_PER_TASK='3',
        SRUN_ARGS='--time=1:00:00 --exclusive',
    )
    assert [x for x in called if x not in SIGNAL[tool]][2:9] == [
        '--gres=gpu:8',
        '--ntasks=16',
        '--ntasks-per-node=8',
        '--cpus-per-task=3',
        '--kill-on-bad-exit=1',
        '--time=1:00:00',
        '--exclusive',
    ]
    assert called[-4:] == ['--launcher', 'slurm', '--cfg-options', 'data_root=my data']


@pytest.mark.parametrize('tool', ARGUMENTS)
def test_one_gpu_is_one_on_its_node(tmp_path: Path, tool: str) -> None:
    called = srun(tmp_path, tool, GPUS='1')
    assert called[2:5] == ['--gres=gpu:1', '--ntasks=1', '--ntasks-per-node=1']


@pytest.mark.parametrize('tool', ARGUMENTS)
def test_a_failing_job_fails_the_script(tmp_path: Path, tool: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failed:
        srun(tmp_path, tool, STATUS='7')
    assert failed.value.returncode == 7


REQUEUED = """#!/bin/sh
echo "$(basename "$0") $*" >> calls
[ "$(basename "$0")" = scontrol ] && exit 0
[ "$(grep -c ^srun calls)" -gt 1 ] && exit 0
"""


def called(folder: Path, first: str, **variables: str) -> tuple[int, list[str]]:
    """Status and calls of a training whose first srun ends as the shell line says."""
    for name in ('srun', 'scontrol'):
        (folder / name).write_text(f'{REQUEUED}{first}\n')
        (folder / name).chmod(0o755)
    process = subprocess.Popen(
        ['bash', ROOT / 'tools/slurm_train.sh', 'gpu', 'fume', 'a.py', '--amp'],
        cwd=folder,
        env=os.environ | {'PATH': f'{folder}:{os.environ["PATH"]}'} | variables,
    )
    if 'trap' in first:
        while not (folder / 'ready').exists():
            time.sleep(0.02)
        process.terminate()
    return process.wait(30), (folder / 'calls').read_text().splitlines()


def test_a_stopped_training_is_queued_again_with_resume(tmp_path: Path) -> None:
    status, (first, second) = called(tmp_path, 'exit 75')
    assert status == 0
    assert second == f'{first} --resume'
    assert first.endswith('train.py a.py --launcher slurm --amp')


def test_within_a_batch_job_slurm_queues_it_again(tmp_path: Path) -> None:
    status, calls = called(tmp_path, 'exit 75', SLURM_JOB_ID='12')
    assert (status, calls[1:]) == (75, ['scontrol requeue 12'])
    (tmp_path / 'calls').unlink()
    status, calls = called(
        tmp_path, 'exit 0', SLURM_JOB_ID='12', SLURM_RESTART_COUNT='1'
    )
    assert status == 0
    assert calls[0].endswith('--amp --resume')


def test_what_stops_the_script_reaches_srun_and_is_not_queued_again(
    tmp_path: Path,
) -> None:
    waits = 'trap "exit 75" TERM; touch ready; while :; do sleep 0.05; done'
    status, calls = called(tmp_path, waits)
    assert (status, len(calls)) == (75, 1)
