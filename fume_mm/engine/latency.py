"""How long a model takes for one sample."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fume_mm.structures import GASES


@dataclass(frozen=True)
class Latency:
    """Wall-clock times of one sample, in ms.

    Attributes:
        median: Half the calls were faster.
        p95: 95 % of them were.
        low: The 25th percentile.
        high: The 75th.
        calls: How many were timed.
    """

    median: float
    p95: float
    low: float
    high: float
    calls: int

    @property
    def fps(self) -> float:
        """Samples a second, one after another, at the median."""
        return 1000.0 / self.median


def time_calls(
    call: Callable[[], Any], *, warmup: int, calls: int, cuda: bool = False
) -> Latency:
    """Time ``call`` again and again.

    Args:
        call: What is timed.
        warmup: Calls before, which are not.
        calls: Calls that are.
        cuda: Wait for the GPU before each reading of the clock.
    """

    def done() -> None:
        if cuda:
            torch.cuda.synchronize()

    for _ in range(warmup):
        call()
    times = []
    for _ in range(calls):
        done()
        start = time.perf_counter()
        call()
        done()
        times.append(1000 * (time.perf_counter() - start))
    low, high, p95 = np.percentile(times, (25, 75, 95))
    return Latency(statistics.median(times), float(p95), float(low), float(high), calls)


def sample_inputs(
    gases: tuple[str, ...], size: tuple[int, int], device: torch.device
) -> dict[str, torch.Tensor]:
    """Random normalised frames (1, 1, H, W) of one sample, and ``present``."""
    torch.manual_seed(0)
    inputs = {gas: torch.randn(1, 1, *size, device=device) for gas in gases}
    inputs['present'] = torch.tensor([[gas in gases for gas in GASES]])
    return inputs
