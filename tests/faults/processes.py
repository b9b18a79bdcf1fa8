"""Command lines in processes of their own, to which things are done while they run."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.commands import ROOT, become, processes

#: Longest that anything may take after a fault, in seconds of the clock.
PATIENCE = 60.0


def _lead(setup: Callable[[], None] | None, *arguments: object) -> None:
    os.setsid()  # what it starts is found, and ends with it
    if setup is not None:
        setup()
    become(*arguments)  # type: ignore[arg-type]


class Command:
    """``python *words`` in the repository's folder, in a process group of its own.

    Args:
        words: The command line.
        env: What differs in its environment.
        setup: Called in the process first.
    """

    def __init__(
        self,
        *words: object,
        env: dict[str, str] | None = None,
        setup: Callable[[], None] | None = None,
    ) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.words = [str(word) for word in words]
        environment = {**os.environ, **(env or {})}
        arguments = (self.words, f'{self.folder.name}/', environment, str(ROOT))
        self._process = processes.Process(target=_lead, args=(setup, *arguments))
        self._process.start()

    @property
    def pid(self) -> int:
        """Of the command itself."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.exitcode is None

    @property
    def output(self) -> str:
        """What it has said so far."""
        texts = []
        for name in ('out', 'err'):
            with suppress(OSError):
                texts.append(Path(self.folder.name, name).read_text(errors='replace'))
        return ''.join(texts)

    def children(self) -> list[int]:
        """Process ids of its group beside itself, such as its loaders' workers."""
        found = []
        for pid in (int(x.name) for x in Path('/proc').glob('[0-9]*')):
            with suppress(ProcessLookupError):
                if os.getpgid(pid) == self.pid != pid:
                    found.append(pid)
        return found

    def send(self, number: int, *, group: bool = False) -> None:
        """Send a signal to the command, or to all that it started, too."""
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.pid, number)

    def send_to(self, pid: int, number: int) -> None:
        """Send a signal to one of :meth:`children`."""
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    def wait(self, seconds: float = PATIENCE) -> int | None:
        """The exit code; None if it still runs after so long."""
        self._process.join(seconds)
        return self._process.exitcode

    def close(self) -> None:
        """End what is left of it."""
        for number in (signal.SIGCONT, signal.SIGKILL):
            self.send(number, group=True)
        self._process.join()
        self.folder.cleanup()


@contextmanager
def commands(*started: Command) -> Iterator[tuple[Command, ...]]:
    """Commands that have ended when the context has."""
    try:
        yield started
    finally:
        for command in started:
            command.close()


def ranks(count: int, *words: object) -> list[Command]:
    """One command, or as many that train together on this machine."""
    if count == 1:
        return [Command(*words)]
    port = free_port()
    return [
        Command(
            *words,
            '--launcher=pytorch',
            env={
                'RANK': str(rank),
                'LOCAL_RANK': str(rank),
                'WORLD_SIZE': str(count),
                'MASTER_ADDR': '127.0.0.1',
                'MASTER_PORT': port,
            },
        )
        for rank in range(count)
    ]


def launcher(count: int, *words: object) -> Command:
    """One command that starts ``count`` of another, as tools/dist_train.sh does."""
    program = 'fume_mm/engine/launching.py'
    return Command(
        program, count, *words, '--launcher=pytorch', env={'PORT': free_port()}
    )


def free_port() -> str:
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return str(free.getsockname()[1])


def until(
    reached: Callable[[], object], running: Sequence[Command], seconds: float = 120.0
) -> bool:
    """Wait until something is so; False if a command ends, or time, before it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and all(x.running for x in running):
        if reached():
            return True
        time.sleep(0.002)
    return False


def fault_of(code: int | None, output: str, *, may_end: Sequence[int] = (0, 2)) -> str:
    """What is wrong with how a command ended; '' if it is a result or one message."""
    if code is None:
        return f'still there after {PATIENCE:.0f} s'
    if 'Traceback' in output:
        lines = [x for x in output.splitlines() if x.strip()]
        return f'traceback ({lines[-1][:120]})'
    if code not in may_end:
        return f'ended with {code}'
    if code == 2 and 'error: ' not in output:
        return 'ended with 2 and no message'
    return ''


def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    """A command from start to end; ``options`` are those of :class:`Command`."""
    with commands(Command(*words, **options)) as (command,):  # type: ignore[arg-type]
        code = command.wait()
        text = command.output
    done = subprocess.CompletedProcess(command.words, code or 0, text)
    done.returncode = code  # type: ignore[assignment]  # None: it hangs
    return done
