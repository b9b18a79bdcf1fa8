"""Runs that the system asks to stop: signals, and what all ranks agree on."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
import torch.distributed
from mmengine.dist import get_rank, get_world_size

SIGNALS = [name for name in ('SIGTERM', 'SIGUSR1') if hasattr(signal, name)]
_received: list[str] = []


def received() -> str:
    """The signal that asked this process to stop; empty if none did."""
    return _received[0] if _received else ''


@contextmanager
def stop_signals() -> Iterator[None]:
    """Note SIGTERM and SIGUSR1 instead of dying of them.

    Off the main thread, where Python sets no handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _: Any) -> None:
        _received.append(signal.Signals(number).name)

    before = {name: signal.signal(getattr(signal, name), note) for name in SIGNALS}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
        _received.clear()


class Agreement:
    """What any rank wants, which all of them learn at the same iteration.

    Each iteration's wishes travel while the next one is computed: no rank waits, unless
    another is a whole iteration behind. With one rank the wish is the answer.
    """

    def __init__(self) -> None:
        alone = get_world_size() == 1
        # by way of the processors, so that no GPU has to finish first
        self._group = None if alone else torch.distributed.new_group(backend='gloo')
        self._wish = torch.zeros(1, dtype=torch.int64)
        self._travelling: Any = None

    def ask(self, wish: int) -> int:
        """The highest wish of all ranks at the iteration before."""
        if self._group is None:
            return wish
        answer = self.drop()
        self._wish.fill_(wish)
        self._travelling = torch.distributed.all_reduce(
            self._wish, torch.distributed.ReduceOp.MAX, self._group, async_op=True
        )
        return answer

    def drop(self) -> int:
        """What is on its way, which then is not answered a second time."""
        if self._travelling is None:
            return 0
        self._travelling.wait()
        self._travelling = None
        return int(self._wish)

    def gather(self, value: Any) -> list[Any]:
        """Every rank's value, by rank, on the main process; nothing elsewhere."""
        if self._group is None:
            return []
        values = [None] * get_world_size() if get_rank() == 0 else None
        torch.distributed.gather_object(value, values, group=self._group)
        return values or []

    def meet(self) -> None:
        """Wait for all ranks."""
        if self._group is not None:
            torch.distributed.barrier(self._group)


def leave_group(*, wait: bool = True) -> None:
    """Leave the group of processes, if there is one, by default when all have come.

    Its threads, if they live on, may abort a process that ends.
    """
    if torch.distributed.is_initialized():
        if wait:
            # the first to leave may be gone before it has answered the last
            with suppress(RuntimeError):
                torch.distributed.barrier()
        torch.distributed.destroy_process_group()
