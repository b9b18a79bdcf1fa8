"""Start a program once for each process of a machine, and end with its status.

    python -m fume_mm.engine.launching PROCESSES PROGRAM [ARGUMENTS]

In place of torchrun, which makes 1 of every exit status, knows no SIGUSR1 and gives a
training that saves 30 seconds. Variables: NNODES, NODE_RANK, MASTER_ADDR, PORT.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fume_mm.errors import STOPPED

#: Seconds that the others have when one has stopped, or has failed: what waits for a
#: dead one would do so for minutes.
TO_STOP, TO_FAIL = 60.0, 5.0
#: Seconds between two looks at the processes, and for which one may stand still.
LOOK, TO_GO_ON = 0.05, 30.0
SIGNALS = ('SIGTERM', 'SIGUSR1', 'SIGINT')
_PR_SET_PDEATHSIG = 1


def launch(processes: int, command: Sequence[str]) -> int:
    """Run ``python *command`` as ``processes`` ranks; the first status that is not 0.

    SIGTERM, SIGUSR1 and SIGINT go to all of them. When one stops or fails the others
    are told to stop, and killed if they do not; one that a signal has ended is named.
    On Linux they are told as well if this process is killed, and one that stands still
    (SIGSTOP) for half a minute is ended, as the others would wait for it: status 2.
    """
    environment = {
        'OMP_NUM_THREADS': '1',
        'MASTER_ADDR': '127.0.0.1',
        **os.environ,
        'MASTER_PORT': os.environ.get('PORT', '29500'),
        'WORLD_SIZE': str(int(os.environ.get('NNODES', '1')) * processes),
        'LOCAL_WORLD_SIZE': str(processes),
    }
    first = int(os.environ.get('NODE_RANK', '0')) * processes
    running: list[subprocess.Popen[bytes]] = []
    still: Counter[int] = Counter()  # looks at which a process stood still, by its id

    def pass_on(number: int, _: Any = None) -> None:
        for process in running:
            process.send_signal(number)

    for name in SIGNALS:
        signal.signal(getattr(signal, name), pass_on)
    for local in range(processes):
        ranks = {'RANK': str(first + local), 'LOCAL_RANK': str(local)}
        running.append(
            subprocess.Popen(
                [sys.executable, *command],
                env=environment | ranks,
                preexec_fn=_end_with_parent,
            )
        )
    status, deadline = 0, float('inf')
    while running:
        time.sleep(LOOK)
        for process in running:
            # looks are counted, not seconds: this process may have been stopped, too
            still[process.pid] = still[process.pid] + 1 if _stopped(process.pid) else 0
            if still[process.pid] * LOOK > TO_GO_ON and not status:
                _say(f'{process.pid} has stood still for {TO_GO_ON:.0f} s (SIGSTOP)')
                status, deadline = 2, time.monotonic() + TO_FAIL
                process.kill()
                pass_on(signal.SIGTERM)
        for process in [x for x in running if x.poll() is not None]:
            running.remove(process)
            if process.returncode and not status:
                status = process.returncode
                if status < 0:
                    name = signal.Signals(-status).name
                    why = ' (out of memory?)' if name == 'SIGKILL' else ''
                    _say(f'{process.pid} was ended by {name}{why}')
                patience = TO_STOP if status == STOPPED else TO_FAIL
                deadline = time.monotonic() + patience
                pass_on(signal.SIGTERM)
        if time.monotonic() > deadline:
            pass_on(signal.SIGKILL)
    return status if status >= 0 else 128 - status


def _say(what: str) -> None:
    sys.stderr.write(
        f'error: process {what}. The others would wait for it, so all are ended; a '
        'training goes on from its newest checkpoint with --resume.\n'
    )


def _stopped(pid: int) -> bool:
    try:
        # <pid> (<name>) <state> ..., and the name may hold anything
        return Path(f'/proc/{pid}/stat').read_bytes().rpartition(b') ')[2][:1] == b'T'
    except OSError:  # it has ended, or this is no Linux
        return False


def _end_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux has it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == '__main__':
    sys.exit(launch(int(sys.argv[1]), sys.argv[2:]))
