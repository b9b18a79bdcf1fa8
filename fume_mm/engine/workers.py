"""Workers of data loaders: signals leave them alone, and a lost one is an error."""

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from mmengine.dist import get_world_size
from torch.utils.data import DataLoader

from fume_mm.errors import STOPPED, UserError

from .config import first_line
from .stopping import SIGNALS, received

#: Seconds that a batch is waited for, unless a loader's ``timeout`` says otherwise.
TIMEOUT = 40
_LOST = re.compile(r'DataLoader (worker \(pid|timed out)')
#: What torch's libraries say of a process that is there no more.
_ALONE = re.compile('gloo|nccl|Connection (closed|reset) by peer', re.IGNORECASE)


class WatchedLoader(DataLoader):
    """A loader whose workers leave it to this process to stop, and do not hold it up.

    Its ``timeout`` ends the wait for a queue. A worker that is stopped between a batch
    and the tensors in it holds the loader up all the same, without end; so what takes
    longer has its workers killed, which the loader then says.
    """

    _children: list[Any]

    def __iter__(self) -> Any:
        """The batches."""
        before = multiprocessing.active_children()
        batches = super().__iter__()
        started = [x for x in multiprocessing.active_children() if x not in before]
        self._children = started or self._children  # those of before may live on
        while True:
            with self._alarm():
                try:
                    batch = next(batches)
                except StopIteration:
                    return
                except (EOFError, ConnectionError) as error:
                    if str(error).startswith('Caught '):  # in a worker, that of a file
                        raise
                    text = 'DataLoader worker (pid unknown) died handing over a batch'
                    raise RuntimeError(text) from error
            yield batch

    @contextmanager
    def _alarm(self) -> Iterator[None]:
        if not self.timeout or not _on_main() or not hasattr(signal, 'setitimer'):
            yield
            return

        def kill(*_: Any) -> None:
            for worker in self._children:
                worker.kill()

        handler = signal.signal(signal.SIGALRM, kill)
        other = signal.setitimer(signal.ITIMER_REAL, self.timeout)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, *other)
            signal.signal(signal.SIGALRM, handler)


def watched(loader: DataLoader) -> DataLoader:
    """``loader`` as a :class:`WatchedLoader`, if it has workers."""
    if loader.num_workers:
        loader.__class__ = WatchedLoader
        loader._children = []
        loader.worker_init_fn = partial(_start, loader.worker_init_fn)
    return loader


def _start(initialise: Callable[[int], Any] | None, worker: int) -> None:
    """In a worker: only the process that started it may end it by a signal.

    Slurm and shells signal every process of a job, and the batch at hand is wanted.
    """
    if hasattr(signal, 'sigwaitinfo'):
        numbers = {getattr(signal, name) for name in SIGNALS}
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        threading.Thread(target=_wait_for_end, args=(numbers,), daemon=True).start()
    if initialise is not None:
        initialise(worker)


def _wait_for_end(numbers: set[int]) -> None:
    while True:
        received = signal.sigwaitinfo(numbers)
        if received.si_signo == signal.SIGTERM and received.si_pid == os.getppid():
            os._exit(0)


@contextmanager
def lost_workers() -> Iterator[None]:
    """Make a worker or rank that was killed, or does not answer, a UserError.

    Raises:
        UserError: Then.
        SystemExit: If a signal asked this process to stop, and another has stopped
            first: what is due was saved before the validation that both were in.
    """
    before = multiprocessing.active_children()
    try:
        yield
    except RuntimeError as error:
        if get_world_size() > 1 and _ALONE.search(str(error)):
            if received():  # which all have, and the other was the first to stop
                raise SystemExit(STOPPED) from error
            raise UserError(
                'another process of this training has ended or does not answer '
                f'({first_line(error)[-100:]}); see what it said, and go on with '
                '--resume.'
            ) from error
        if not _LOST.match(str(error)):
            raise
        _kill([x for x in multiprocessing.active_children() if x not in before])
        raise UserError(
            f'{str(error).rstrip(". ")}: a worker of a loader was killed (memory?) '
            'or hangs (a disk?); lower num_workers of the loader or raise its timeout '
            f'({TIMEOUT} s); a training goes on with --resume.'
        ) from error


def _kill(workers: list[Any]) -> None:
    """End workers, stopped ones too: Python would wait for them on leaving."""
    watching = _on_main() and hasattr(signal, 'SIGCHLD')
    # the loader's handler raises an error for each that dies
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL) if watching else None
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.join(5)
    if watching:
        signal.signal(signal.SIGCHLD, handler)


def _on_main() -> bool:
    return threading.current_thread() is threading.main_thread()
