"""The original implementation's outputs and weights.

The files lie beside the repository and are not part of it; tests that ask for them
skip where they are absent.
"""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fume_mm.models.original import convert_original

GOLDEN = Path(__file__).resolve().parents[3] / 'shared' / 'golden'
StateDict = dict[str, Tensor]


def golden_file(name: str) -> Path:
    """The path of a golden file; skips the test where there is none."""
    path = GOLDEN / name
    if not path.is_file():
        pytest.skip(f'golden file {name} is not beside the repository')
    return path


def outputs(name: str) -> dict[str, Tensor]:
    """The arrays of ``<name>.npz`` as tensors."""
    with np.load(golden_file(f'{name}.npz')) as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}


def weights_module() -> ModuleType:
    """The generator of the deterministic weights and inputs."""
    spec = importlib.util.spec_from_file_location(
        'make_weights', golden_file('make_weights.py')
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def original_state(name: str, *, shared_encoder: bool) -> StateDict:
    """The weights of original model ``name``, under its own names."""
    return weights_module().make_state_dict(
        golden_file(f'{name}_keys.json'), shared_encoder
    )


def model_state(name: str, model: nn.Module) -> StateDict:
    """The weights of original model ``name``, under the names of ``model``."""
    shared = hasattr(model.backbone, 'encoder')
    return convert_original(original_state(name, shared_encoder=shared), model)


def block_state(block: str, rename) -> StateDict:
    """The weights of original block ``block``, renamed by ``rename``."""
    make = weights_module()
    shapes = json.loads(golden_file('blocks_keys.json').read_text())[block]
    return {
        rename(key): make.make_tensor(f'{block}.{key}', shape)
        for key, shape in shapes.items()
    }


def assert_parity(actual: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Equal within ``tolerance`` of the largest expected value."""
    assert actual.shape == expected.shape
    error = (actual - expected).abs().max() / expected.abs().max()
    assert error < tolerance, f'relative error {error:.2e}'
