"""The original's outputs are at hand for everybody."""

import importlib.util

import pytest
import torch

from tests.models import golden, make_golden

#: Bytes of all committed files together.
LIMIT = 300_000


def test_the_small_form_is_small_and_whole() -> None:
    files = list(golden.SMALL.iterdir())
    assert sum(path.stat().st_size for path in files) < LIMIT
    names = {path.stem for path in files if path.suffix == '.npz'}
    compared = {name for name, cases in make_golden.MODELS.items() if cases}
    assert names == compared | {*make_golden.OTHERS}
    assert set(make_golden.MODELS) <= set(golden.all_shapes())


def test_the_small_form_is_of_the_full_one() -> None:
    if not golden.FULL.is_dir():
        pytest.skip('the full outputs are not beside the repository')
    for path in golden.SMALL.glob('*.npz'):
        expected = make_golden.outputs_of(path.stem, golden.FULL)
        small = golden.read_arrays(path)
        assert small.keys() == expected.keys()
        for key, value in small.items():
            assert torch.equal(value, torch.from_numpy(expected[key]))
    assert golden.all_shapes() == make_golden.shapes_of(golden.FULL)


def test_weights_are_those_of_the_full_form() -> None:
    path = golden.FULL / 'make_weights.py'
    if not path.is_file():
        pytest.skip('the full outputs are not beside the repository')
    spec = importlib.util.spec_from_file_location('make_weights', path)
    assert spec is not None and spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    for key, shape in golden.shapes('fume_fastscnn').items():
        assert torch.equal(golden.weight(key, shape), theirs.make_tensor(key, shape))
    for ours, other in zip(golden.model_inputs(), theirs.make_inputs(), strict=True):
        assert torch.equal(ours, other)
    for index in (0, 19):
        frames, masks, classes = golden.training_batch(index)
        ours = [*frames.values(), *masks.values(), classes]
        for value, other in zip(ours, theirs.make_batch(index), strict=True):
            assert torch.equal(value, other)
