"""Make the small form of the original's outputs from the full one.

``python tests/models/make_golden.py FULL``, FULL a folder with what the original
implementation gave for the weights and inputs of ``golden.py``: ``<model>_outputs.npz``
and ``<model>_keys.json`` (shapes of its weights), the same of ``blocks``,
``losses.npz``, and ``training.npz``, the losses of 20 iterations.
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.models import golden

#: Model: what of its outputs ours are held against.
MODELS = {
    'fume_fastscnn': ('both', 'co2_only', 'ch4_only'),
    'fume_fastscnn_separate': ('both', 'co2_only', 'ch4_only'),
    'fume_fastscnn_concat': ('both', 'co2_only', 'ch4_only'),
    'fume_r50': ('both', 'co2_only', 'ch4_only'),
    'fume_r50_concat': ('co2_only', 'ch4_only'),
}
#: What else is recorded.
OTHERS = ('blocks', 'losses', 'training')


def check_inputs(arrays: dict[str, torch.Tensor], inputs: dict) -> None:
    """The ``in.*`` among ``arrays`` must be what golden.py makes from seeds."""
    for key, value in arrays.items():
        if key.startswith('in.'):
            made = inputs[key.removeprefix('in.')]
            assert torch.equal(value, made.to(value.dtype)), key


def outputs_of(name: str, full: Path) -> dict[str, np.ndarray]:
    """The outputs of a model or another record in the small form."""
    arrays = golden.read_arrays(golden.full_file(name, full))
    makers = {'blocks': golden.block_inputs, 'losses': golden.loss_inputs}
    if name in makers:
        check_inputs(arrays, makers[name]())
    cases = MODELS.get(name)
    return {
        key: golden.thin(value).numpy()
        for key, value in arrays.items()
        if not key.startswith('in.')
        and (cases is None or key.split('.')[0] in cases)
        and (name != 'training' or key.endswith('.losses'))
    }


def shapes_of(full: Path) -> dict[str, golden.Shapes]:
    """By model or block the shapes of its weights."""
    shapes = {
        name: json.loads((full / f'{name}_keys.json').read_text()) for name in MODELS
    }
    return shapes | json.loads((full / 'blocks_keys.json').read_text())


def main(full: Path) -> None:
    """Write the small form beside this file."""
    golden.SMALL.mkdir(exist_ok=True)
    for name in (*(name for name in MODELS if MODELS[name]), *OTHERS):
        np.savez_compressed(golden.SMALL / f'{name}.npz', **outputs_of(name, full))
    text = json.dumps(shapes_of(full), separators=(',', ':')).encode()
    packed = gzip.compress(text, mtime=0)  # no date: the same bytes each time
    (golden.SMALL / 'shapes.json.gz').write_bytes(packed)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
