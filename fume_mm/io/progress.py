"""Long work: progress, which may go without tqdm, and threads that keep the order."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, TextIO, TypeVar

Item = TypeVar('Item')
Result = TypeVar('Result')
# Items that are worked on ahead, by thread.
_AHEAD = 4


def progress_bar(
    *,
    total: int | None,
    unit: str,
    show: bool,
    label: str | None = None,
    done: int = 0,
    leave: bool = True,
) -> Any:
    """A bar on standard error, if that is a terminal and tqdm is installed.

    Args:
        total: How many there will be; None if that is not known.
        unit: What they are.
        show: False shows none at all.
        label: What stands before it.
        done: How many there are already.
        leave: Whether it stays when it is full.
    """
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        nothing = lambda: None  # noqa: E731
        return SimpleNamespace(update=nothing, close=nothing, unpause=nothing)
    return tqdm(
        total=total,
        unit=unit,
        disable=None if show else True,
        file=sys.stderr,
        desc=label,
        initial=done,
        leave=leave,
        dynamic_ncols=True,
    )


def remark(text: str, file: TextIO | None = None) -> None:
    """A line on standard error, or in ``file``, above a bar that may be there."""
    file = file or sys.stderr
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        print(text, file=file, flush=True)
        return
    tqdm.write(text, file=file)
    file.flush()


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int | None = None,
    *,
    frames: int | None = None,
) -> Iterator[Result]:
    """``map`` in threads, in order, and only a few items ahead of who consumes it.

    Args:
        function: What to do with an item; its errors are raised at the item's place.
        items: May be many, since few results wait at a time.
        workers: Threads; None is a few more than processors.
        frames: How many items there are, for a bar; None shows none.
    """
    waiting: deque[Future[Result]] = deque()
    bar = progress_bar(total=frames, unit='frame', show=frames is not None)
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > _AHEAD * pool._max_workers:
                    yield waiting.popleft().result()
                    bar.update()
            while waiting:
                yield waiting.popleft().result()
                bar.update()
        finally:
            bar.close()
            pool.shutdown(wait=False, cancel_futures=True)
