"""Processes of one machine: ranks, signals and exit statuses, on real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Says its ranks, then waits; ends with 75 when it is signalled.
WAITER = """
import os, signal, sys, time
def say(*words):  # in one piece, for both write into one pipe
    os.write(1, (' '.join(map(str, words)) + '\\n').encode())
def stop(number, _):
    say('signal', number)
    sys.exit(75)
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, stop)
say(*(os.environ[x] for x in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE')))
open(sys.argv[1] + os.environ['RANK'], 'w').write(str(os.getpid()))
time.sleep(60)
"""
#: Rank 1 fails, or is killed, at once; rank 0 would not end.
FAILER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.environ['RANK'] == '1':
    os.kill(os.getpid(), signal.SIGKILL) if 'kill' in sys.argv else sys.exit(7)
time.sleep(60)
"""


def start(program: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Two processes of ``program``."""
    words = ['-m', 'fume_mm.engine.launching', '2', '-c', program, *arguments]
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def started(folder: Path, *names: str) -> list[int]:
    """Process ids, when all have written theirs."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        texts = [x.read_text() for name in names if (x := folder / name).exists()]
        if len(texts) == len(names) and all(texts):
            return [int(text) for text in texts]
        time.sleep(0.02)
    raise AssertionError('nothing has started')


def test_signals_reach_all_ranks_and_their_status_comes_back(tmp_path: Path) -> None:
    parent = start(WAITER, f'{tmp_path}/', NNODES='2', NODE_RANK='1')
    started(tmp_path, '2', '3')
    parent.send_signal(signal.SIGUSR1)
    output, _ = parent.communicate(timeout=30)
    assert parent.returncode == 75
    number = int(signal.SIGUSR1)
    lines = sorted(output.splitlines())
    assert lines[:2] == ['2 0 4', '3 1 4']
    assert lines[2:] == [f'signal {number}'] * 2


def test_ranks_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    parent = start(WAITER, f'{tmp_path}/')
    pids = started(tmp_path, '0', '1')
    parent.kill()
    output, _ = parent.communicate(timeout=30)  # ends when all have let go of the pipe
    assert output.count(f'signal {int(signal.SIGTERM)}') == 2
    assert not any(Path(f'/proc/{pid}/cwd').exists() for pid in pids)


def test_a_rank_that_fails_ends_the_others_and_gives_its_status() -> None:
    begun = time.monotonic()
    parent = start(FAILER)
    assert parent.wait(30) == 7
    assert time.monotonic() - begun < 15


def test_a_rank_that_is_killed_is_named() -> None:
    parent = start(FAILER, 'kill')
    _, errors = parent.communicate(timeout=30)
    assert parent.returncode == 128 + signal.SIGKILL
    assert 'was ended by SIGKILL (out of memory?)' in errors


def test_a_rank_that_stands_still_ends_all_and_is_named(tmp_path: Path) -> None:
    program = """
import sys
from fume_mm.engine import launching
launching.TO_GO_ON, launching.TO_FAIL = 1.0, 1.0
sys.exit(launching.launch(2, sys.argv[1:]))
"""
    parent = subprocess.Popen(
        [sys.executable, '-c', program, '-c', WAITER, f'{tmp_path}/'],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, second = started(tmp_path, '0', '1')
    os.kill(second, signal.SIGSTOP)
    _, errors = parent.communicate(timeout=30)
    assert parent.returncode == 2
    assert f'error: process {second} has stood still' in errors
    assert not Path(f'/proc/{second}').exists()
