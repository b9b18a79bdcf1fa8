"""The process that one side of every case runs in.

:mod:`benchmarks.sides` starts it in the tree whose code is measured. It imports what
all cases need once and forks for each: a case meets no traces of another. On standard
input come lines, a JSON object that names the case, then ``go`` for each turn, then
``end``; on standard output go JSON lines, the figures of each turn. All else that is
printed goes to standard error.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

HERE = Path(__file__).resolve().parent
PROC = Path('/proc')
TICKS = os.sysconf('SC_CLK_TCK')


class EndedError(Exception):
    """There are no more turns."""


def descendants(pid: int | str = 'self') -> list[int]:
    """The processes that a process started, and they."""
    found: list[int] = []
    with suppress(OSError):
        for task in (PROC / str(pid) / 'task').iterdir():
            for child in (task / 'children').read_text().split():
                found += [int(child), *descendants(child)]
    return found


def cpu_seconds() -> float:
    """CPU time of this process and of all that it started."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for pid in descendants():
        with suppress(OSError):
            stat = (PROC / str(pid) / 'stat').read_text().rpartition(')')[2].split()
            total += sum(map(int, stat[11:15])) / TICKS
    return total


def peak_mib(pid: int | str = 'self') -> float:
    """MiB that a process held at most, this one since its turn began; 0 if it is gone.

    A child's ``ru_maxrss`` would hold what its parent held when it forked.
    """
    with suppress(OSError):
        for line in (PROC / str(pid) / 'status').read_text().splitlines():
            if line.startswith('VmHWM'):
                return int(line.split()[1]) / 1024
    return 0.0


def run_child(command: list[str]) -> dict[str, float]:
    """Run Python with a command; CPU time (ms) and peak memory (MiB) of that process.

    Raises:
        RuntimeError: If it fails, with the last line it wrote.
    """
    peak = 0.0
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen([sys.executable, *command], stdout=log, stderr=log)
        while (ended := os.wait4(child.pid, os.WNOHANG))[0] == 0:
            peak = max(peak, peak_mib(child.pid))
            time.sleep(0.02)
        child.returncode = os.waitstatus_to_exitcode(ended[1])
        if child.returncode:
            log.seek(0)
            text = log.read().decode(errors='replace').strip().splitlines()
            raise RuntimeError(text[-1] if text else f'exit {child.returncode}')
    return {'cpu': 1000 * (ended[2].ru_utime + ended[2].ru_stime), 'peak_mib': peak}


def signal_all(pids: list[int], what: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, what)


class Turns:
    """When a side works, and what that costs.

    Processes that the side started (loader workers) are halted between its turns: they
    must not work ahead while another side is measured.
    """

    def __init__(self, lines: IO[bytes], answers: IO[str]) -> None:
        self.lines, self.answers = lines, answers
        self.begin = 0.0, 0.0

    def wait(self) -> None:
        """Return when it is this side's turn.

        Raises:
            EndedError: If there is none left.
        """
        if self.lines.readline().strip() != b'go':
            raise EndedError
        signal_all(descendants(), signal.SIGCONT)
        with suppress(OSError):  # the peak begins anew
            (PROC / 'self/clear_refs').write_text('5')
        self.begin = time.perf_counter(), cpu_seconds()

    def done(self, *, units: float = 1, **known: float) -> None:
        """Report the turn; figures are of one of ``units``, ``known`` ones as given."""
        found = {
            'wall': 1000 * (time.perf_counter() - self.begin[0]) / units,
            'cpu': 1000 * (cpu_seconds() - self.begin[1]) / units,
            'peak_mib': peak_mib(),
        }
        signal_all(descendants(), signal.SIGSTOP)
        self.answer({**found, **known})

    def repeat(self, work: Callable[[], Any], *, units: float = 1) -> None:
        """Do the same work each turn."""
        while True:
            self.wait()
            work()
            self.done(units=units)

    def answer(self, content: dict[str, Any]) -> None:
        """Write a line."""
        self.answers.write(json.dumps(content) + '\n')
        self.answers.flush()


def serve(job: dict[str, Any], turns: Turns) -> None:
    """Run one side of one case until it has no turns left."""
    try:
        import cv2
        import torch

        from benchmarks.cases import ALL
        from benchmarks.common import Setting

        width, height = job['setting'].pop('size')
        setting = Setting(size=(width, height), **job['setting'])
        torch.set_num_threads(setting.threads)
        cv2.setNumThreads(setting.threads)
        getattr(ALL[job['case']], job['function'])(turns, setting)
        raise RuntimeError('it ended before its last turn')
    except EndedError:
        pass
    except BaseException as error:
        traceback.print_exc()
        text = (str(error).strip().splitlines() or [''])[0]
        turns.answer({'error': f'{type(error).__name__}: {text}'})
    finally:
        signal_all(descendants(), signal.SIGKILL)
        sys.stderr.flush()
        os._exit(0)


def main() -> None:
    """Import, then serve case by case."""
    answers = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)
    lines = os.fdopen(0, 'rb', buffering=0)  # a fork shall find what is not yet read
    sys.path[0] = str(Path.cwd())  # the tree's modules, but the cases of this folder
    sys.path.append(str(HERE.parent))  # what the original does not have is ours
    package = types.ModuleType('benchmarks')
    package.__path__ = [str(HERE)]
    sys.modules['benchmarks'] = package
    import cv2  # noqa: F401
    import pandas as pd  # noqa: F401
    import torch  # noqa: F401

    if Path('fume_mm').is_dir():
        from fume_mm.registry import register_all_modules

        register_all_modules()
    while line := lines.readline():
        if not line.startswith(b'{'):  # meant for a case that has failed
            continue
        turns = Turns(lines, answers)
        if (pid := os.fork()) == 0:
            serve(json.loads(line), turns)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        turns.answer({'over': status})


if __name__ == '__main__':
    main()
