"""What the original implementation computes, for tests to be held against.

``golden/`` beside this file has it in a small form: names and shapes of the original's
weights, and its outputs at every few positions. Weights and inputs are made anew from
seeds. Where the full outputs lie in ``shared/golden`` beside the repository,
comparisons are made with them as well; :mod:`tests.models.make_golden` makes the one
from the other.
"""

import gzip
import json
import math
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fume_mm.models.original import convert_original, rename
from fume_mm.structures import GASES

SMALL = Path(__file__).with_name('golden')
FULL = Path(__file__).resolve().parents[3] / 'shared' / 'golden'
StateDict = dict[str, Tensor]
Shapes = dict[str, list[int]]


def thin(values: Tensor) -> Tensor:
    """Of a map (..., H, W) every few positions, as the small form has them."""
    if values.ndim < 4:
        return values
    step = 7 if values.shape[-1] > 32 else 2
    return values[..., ::step, ::step]


@cache
def all_shapes() -> dict[str, Shapes]:
    """By model or block the shapes of its weights, by name."""
    return json.loads(gzip.decompress((SMALL / 'shapes.json.gz').read_bytes()))


def shapes(name: str) -> Shapes:
    """The shapes of the weights of model or block ``name``, by their original names."""
    return all_shapes()[name]


def read_arrays(path: Path) -> dict[str, Tensor]:
    """The arrays of an ``.npz`` file as tensors."""
    with np.load(path) as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}


class Outputs:
    """What the original gave of ``name``: a model, or another record."""

    def __init__(self, name: str) -> None:
        self.small = read_arrays(SMALL / f'{name}.npz')
        path = full_file(name)
        self.full = read_arrays(path) if path.is_file() else {}

    def hold(self, key: str, actual: Tensor, tolerance: float = 1e-4) -> None:
        """Output ``key`` is ``actual``, within ``tolerance`` of its largest value."""
        assert_parity(thin(actual), self.small[key], tolerance)
        if self.full:
            assert_parity(actual, self.full[key], tolerance)

    def hold_model(self, model: nn.Module, cases: Sequence[str]) -> None:
        """A model gives health and masks as the original, with the gases of each case.

        Args:
            model: In eval mode.
            cases: ``'both'``, ``'co2_only'``, ``'ch4_only'``.
        """
        frames = dict(zip(GASES, model_inputs(), strict=True))
        for case in cases:
            given = [case in ('both', f'{gas}_only') for gas in GASES]
            with torch.no_grad():
                out = model(frames | {'present': torch.tensor([given, given])})
            self.hold(f'{case}.cls_logits', out['health'])
            for gas, here in zip(GASES, given, strict=True):
                if here:
                    self.hold(f'{case}.{gas}_seg_logits', out[gas])


def full_file(name: str, folder: Path = FULL) -> Path:
    """The file of the full outputs of ``name``."""
    alone = name in ('losses', 'training')
    return folder / (f'{name}.npz' if alone else f'{name}_outputs.npz')


def assert_parity(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Equal within ``tolerance`` of the largest expected value."""
    assert actual.shape == expected.shape
    error = (actual - expected).abs().max() / expected.abs().max()
    assert error < tolerance, f'relative error {error:.2e}'


def weight(name: str, shape: list[int]) -> Tensor:
    """The weight of that name and shape; the name's checksum is the seed.

    Numbers are of the size that a trained net has, so that no layer is idle and none
    drowns the others.
    """
    source = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    leaf = name.rpartition('.')[2]
    if leaf == 'num_batches_tracked':
        return torch.zeros(shape, dtype=torch.int64)
    if leaf == 'gamma':
        return torch.full(shape, 0.5)
    if leaf == 'running_var':
        return 0.75 + torch.rand(shape, generator=source) * 0.5
    normal = torch.randn(shape, generator=source)
    if leaf == 'running_mean':
        return normal * 0.1
    if len(shape) > 1:
        return normal * math.sqrt(2 / math.prod(shape[1:]))
    return 1 + normal * 0.1 if leaf == 'weight' else normal * 0.05


def original_state(name: str, *, shared_encoder: bool) -> StateDict:
    """The weights of original model ``name``, under its own names.

    With a shared encoder the original writes the same tensors for both gases.
    """
    state = {}
    for key, shape in shapes(name).items():
        of_co2 = key.startswith('ch4_encoder.') and shared_encoder
        source = f'co2_encoder.{key.partition(".")[2]}' if of_co2 else key
        state[key] = weight(source, shape)
    return state


def model_state(name: str, model: nn.Module) -> StateDict:
    """The weights of original model ``name``, under the names of ``model``."""
    shared = hasattr(model.backbone, 'encoder')
    return convert_original(original_state(name, shared_encoder=shared), model)


def block_state(block: str, part: str) -> StateDict:
    """The weights of original block ``block``, renamed as those of a model's part."""
    return {
        rename(key, part): weight(f'{block}.{key}', shape)
        for key, shape in shapes(block).items()
    }


def draw(seed: int, *sizes: tuple[int, ...]) -> list[Tensor]:
    """Standard normal tensors, one after the other from one generator."""
    source = torch.Generator().manual_seed(seed)
    return [torch.randn(size, generator=source) for size in sizes]


def model_inputs() -> list[Tensor]:
    """Two normalised frames of each gas, (2, 1, 96, 128)."""
    return draw(0, *[(2, 1, 96, 128)] * 2)


def training_batch(index: int) -> tuple[StateDict, StateDict, Tensor]:
    """Frames (4, 1, 96, 128) and masks (4, 1, 96, 128) by gas, and health classes."""
    frames = dict(zip(GASES, draw(1000 + index, *[(4, 1, 96, 128)] * 2), strict=True))
    row, column = torch.arange(96)[:, None], torch.arange(128)
    masks = {}
    for i, gas in enumerate(GASES):
        shift = 5 * torch.arange(4)[:, None, None] + 3 * i + index % 4
        off = (row - 40 - shift).abs()
        tube = (off < 4) & (column < 12)
        plume = (off < 2 + (column - 12) // 5) & (column >= 12) & (column < 90)
        masks[gas] = tube + 2 * plume
        frames[gas][:, 0] += 0.8 * plume - 1.2 * tube
    return frames, masks, (torch.arange(4) + index) % 3


def block_inputs() -> dict[str, Tensor]:
    """Features of two gases, ``a`` and ``b``, and low-level ones, ``low``."""
    sizes = (2, 64, 6, 8), (2, 64, 6, 8), (2, 32, 24, 32)
    return dict(zip(('a', 'b', 'low'), draw(1, *sizes), strict=True))


def loss_inputs() -> dict[str, Tensor]:
    """Logits and targets of six samples, and which of the gases each has."""
    source = torch.Generator().manual_seed(2)
    sizes = {
        'cls_logits': (6, 3),
        'co2_seg_logits': (6, 3, 24, 32),
        'ch4_seg_logits': (6, 3, 24, 32),
    }
    inputs = {key: torch.randn(size, generator=source) for key, size in sizes.items()}
    for key in ('co2_mask', 'ch4_mask'):
        inputs[key] = torch.randint(3, (6, 24, 32), generator=source)
    inputs['labels'] = torch.tensor([0, 1, 2, 2, 0, 1])
    inputs['present'] = torch.tensor([[1, 1], [1, 0], [0, 1], [1, 1], [1, 0], [1, 1]])
    return inputs
