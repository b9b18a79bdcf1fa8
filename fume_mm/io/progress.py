"""Progress bars, which a box that only runs models may do without."""

import sys
from typing import Any


class _Silent:
    """What a bar does, unseen."""

    def update(self) -> None:
        """One more is done."""

    def close(self) -> None:
        """All is done."""


def progress_bar(*, total: int | None, unit: str, show: bool) -> Any:
    """A bar on standard error, if that is a terminal and tqdm is installed.

    Args:
        total: How many there will be; None if that is not known.
        unit: What they are.
        show: False shows none at all.
    """
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return _Silent()
    disable = None if show else True
    return tqdm(total=total, unit=unit, disable=disable, file=sys.stderr)


def remark(text: str) -> None:
    """A line on standard error, above a bar that may be there."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        print(text, file=sys.stderr)
        return
    tqdm.write(text, file=sys.stderr)
