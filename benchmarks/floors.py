"""What the hardware would need at least, measured in the same run.

One thread of float32: the rate of a large matrix product and of a large convolution,
whichever is higher, and the rate at which memory is copied. A network's floor is the
longer of two times: its multiply-accumulates (two operations each) at that rate, and
the outputs of its convolutions written and read once at that bandwidth. A training
step's is three times that (forward, and backward for inputs and for weights). Other
floors: the frames and masks copied once (augmentation, metrics), read and decoded
(a sample), a process that imports torch alone (start-up).
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import Setting
from benchmarks.turns import Turns, run_child
from fume_mm.structures import GASES


def best_seconds(work: Callable[[], Any], repeats: int = 7) -> float:
    """The shortest CPU time of several calls, the first not counted."""
    work()
    found = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return min(found)


def hardware() -> dict[str, float]:
    """GFLOP/s and GB/s of one core."""
    import numpy as np
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(1)
    square = torch.randn(1024, 1024)
    frame = torch.randn(1, 64, 120, 160).contiguous(memory_format=torch.channels_last)
    kernel = torch.randn(64, 64, 3, 3).contiguous(memory_format=torch.channels_last)
    source = np.ones(2**26, np.uint8)
    target = np.empty_like(source)
    with torch.inference_mode():
        product = 2 * 1024**3 / best_seconds(lambda: square @ square)
        convolution = (2 * 64 * 64 * 9 * 120 * 160) / best_seconds(
            lambda: F.conv2d(frame, kernel, padding=1)
        )
    copied = 2 * source.nbytes / best_seconds(lambda: np.copyto(target, source))
    return {
        'gemm_gflops': product / 1e9,
        'conv_gflops': convolution / 1e9,
        'gb_per_second': copied / 1e9,
    }


def network_cost(config: str, gases: tuple[str, ...], frame: tuple[int, int]) -> Any:
    """GMACs, and GB that the convolutions put out, of one sample."""
    import torch

    from fume_mm.engine.complexity import complexity
    from fume_mm.engine.config import load_config
    from fume_mm.engine.fitting import shape_model

    cfg = load_config(config)
    cost = complexity(cfg, size=frame, gases=gases)
    model = shape_model(cfg).eval()  # shapes alone, nothing is computed
    total = 0

    def count(_: Any, __: Any, output: Any) -> None:
        nonlocal total
        total += output.numel() * 4

    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    inputs = {gas: torch.empty(1, 1, *frame, device='meta') for gas in cost.gases}
    inputs['present'] = torch.tensor([[gas in cost.gases for gas in GASES]])
    with torch.no_grad():
        model(inputs)
    return {'gmacs': cost.macs / 1e9, 'gb': total / 1e9}


def decoding(setting: Setting) -> float:
    """CPU time (ms) to read and decode the four files of a sample; NaN without data."""
    import cv2
    import pandas as pd

    root = Path(setting.scratch) / 'both'
    path = root / 'paired_train_annotations.csv'
    if not path.is_file():
        return float('nan')
    row = pd.read_csv(path).iloc[0]
    files = [str(root / row[f'{gas}_{x}']) for gas in GASES for x in ('frame', 'mask')]
    return 1000 * best_seconds(
        lambda: [cv2.imread(file, cv2.IMREAD_GRAYSCALE) for file in files]
    )


def measure_all(turns: Turns, setting: Setting) -> None:
    """Every figure that floors are made of, as one turn's."""
    turns.wait()
    run_child(['-c', 'import torch'])  # from the disk, the first time
    alone = run_child(['-c', 'import torch'])
    both = network_cost(setting.config, GASES, setting.frame)
    one = network_cost(setting.config, GASES[:1], setting.frame)
    turns.done(
        **hardware(),
        torch_cpu=alone['cpu'],
        torch_mib=alone['peak_mib'],
        decode_ms=decoding(setting),
        gmacs=both['gmacs'],
        gb=both['gb'],
        gmacs_one=one['gmacs'],
        gb_one=one['gb'],
    )
    turns.wait()


def forward(found: dict[str, Any], setting: Setting, which: str = '') -> float:
    """Ms of one sample; ``which`` is ``_one`` for one gas."""
    rate = max(found['gemm_gflops'], found['conv_gflops'])
    compute = 2 * found[f'gmacs{which}'] / rate
    traffic = 2 * found[f'gb{which}'] / found['gb_per_second']
    return 1000 * max(compute, traffic)


def one_gas(found: dict[str, Any], setting: Setting) -> float:
    """Ms of a sample with CO2 alone."""
    return forward(found, setting, '_one')


def step(found: dict[str, Any], setting: Setting) -> float:
    """Ms of one sample of a training step."""
    return 3 * forward(found, setting)


def half_step(found: dict[str, Any], setting: Setting) -> float:
    """Ms of one sample of a training step that two processes share."""
    return step(found, setting) / 2


def copying(found: dict[str, Any], setting: Setting) -> float:
    """Ms to copy two frames and two masks of a byte a pixel."""
    width, height = setting.size
    return 1000 * 2 * 4 * width * height / 1e9 / found['gb_per_second']


def decode(found: dict[str, Any], setting: Setting) -> float:
    """Ms to read and decode a sample's files."""
    return found['decode_ms']


def torch_cpu(found: dict[str, Any], setting: Setting) -> float:
    """Ms of CPU time to import torch."""
    return found['torch_cpu']


def torch_mib(found: dict[str, Any], setting: Setting) -> float:
    """MiB of a process that has imported torch."""
    return found['torch_mib']
