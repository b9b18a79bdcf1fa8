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
from collections.abc import Sequence
from typing import Any

from fume_mm.errors import STOPPED

#: Seconds that the others have when one has stopped, or has failed: what waits for a
#: dead one would do so for minutes.
TO_STOP, TO_FAIL = 60.0, 5.0
SIGNALS = ('SIGTERM', 'SIGUSR1', 'SIGINT')
_PR_SET_PDEATHSIG = 1


def launch(processes: int, command: Sequence[str]) -> int:
    """Run ``python *command`` as ``processes`` ranks; the first status that is not 0.

    SIGTERM, SIGUSR1 and SIGINT go to all of them. When one stops or fails the others
    are told to stop, and killed if they do not. If this process is killed they are told
    as well (on Linux).
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
        time.sleep(0.05)
        for process in [x for x in running if x.poll() is not None]:
            running.remove(process)
            if process.returncode and not status:
                status = process.returncode
                patience = TO_STOP if status == STOPPED else TO_FAIL
                deadline = time.monotonic() + patience
                pass_on(signal.SIGTERM)
        if time.monotonic() > deadline:
            pass_on(signal.SIGKILL)
    return status if status >= 0 else 128 - status


def _end_with_parent() -> None:
    with contextlib.suppress(OSError, AttributeError):  # Linux has it
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == '__main__':
    sys.exit(launch(int(sys.argv[1]), sys.argv[2:]))
