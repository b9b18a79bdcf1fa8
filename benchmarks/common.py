"""What a case is, and what its numbers depend on."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

#: Packages beside those of ``versions()`` that a number may depend on.
PACKAGES = ('albumentations', 'monai', 'onnxruntime', 'openvino', 'opencv-python')
#: A side of a case: sets up, then works whenever it is its turn.
SideFunction = Callable[..., None]


@dataclass(frozen=True)
class Setting:
    """What a run measures with.

    Attributes:
        scratch: A folder for this run's files; ``both`` and ``founding`` in it are
            campaigns, where a case needs data.
        size: (width, height) of the frames.
        batch: Samples of a batch.
        config: The model.
        quick: Fewer repeats, and less of what grows.
        threads: Of torch and OpenCV.
        side: Which side reads this.
    """

    scratch: str
    size: tuple[int, int] = (640, 480)
    batch: int = 8
    config: str = 'configs/fume/fume_fastscnn.py'
    quick: bool = False
    threads: int = 1
    side: str = 'ours'

    @property
    def own(self) -> Path:
        """A folder for what this side writes."""
        folder = Path(self.scratch) / 'out' / self.side
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def frame(self) -> tuple[int, int]:
        """(height, width)."""
        return self.size[1], self.size[0]


@dataclass(frozen=True)
class Case:
    """Something that is measured, and what stands beside it.

    Attributes:
        name: What the command line calls it; the part before a dash names a group.
        about: What one unit of it is, for the table.
        ours: The code of the tree; also run in the tree of ``--base``.
        original: The same by the original implementation.
        other: The same by other means: a case with this is about the two, and has no
            other baseline.
        other_name: What that is called.
        keys: Which figures count: ``cpu`` or ``wall`` (ms), ``peak_mib``.
        repeats: Turns of each side, quick and not.
        floor: By key, what the hardware would need at least; of the figures of
            :mod:`benchmarks.floors` and the setting.
        campaigns: Whether it reads the campaigns.
        threads: Of torch and OpenCV.
    """

    name: str
    about: str
    ours: SideFunction
    original: SideFunction | None = None
    other: SideFunction | None = None
    other_name: str = ''
    keys: Sequence[str] = ('cpu',)
    repeats: tuple[int, int] = (5, 15)
    floor: Mapping[str, Callable[[dict[str, Any], Setting], float]] = field(
        default_factory=dict
    )
    campaigns: bool = False
    threads: int = 1


def spread(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Median, quartiles and both ends, and of how many."""
    names = ('lowest', 'p25', 'median', 'p75', 'highest')
    found = np.percentile(values, (0, 25, 50, 75, 100)).tolist()
    return {**dict(zip(names, found, strict=True)), 'n': len(values)}


def environment() -> dict[str, Any]:
    """What a number depends on; taken before the work, which is a load of its own."""
    from fume_mm.io.provenance import commit, machine, versions

    found = machine()
    with suppress(ValueError):  # not every system says
        pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
        found['memory_gib'] = round(pages / 2**30, 1)
    found |= versions()
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {**found, 'commit': commit()}
