"""The original's augmentation as configs/reproduction has it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fume_mm.datasets.transforms import RandomTriangleAffine
from fume_mm.engine.config import load_config
from fume_mm.registry import TRANSFORMS, register_all_modules

CONFIG = (
    Path(__file__).parents[2] / 'configs/reproduction/original_fastscnn_separate.py'
)


@pytest.fixture
def sample() -> dict[str, Any]:
    """The same frame and mask for both gases: a slope and its brighter half."""
    frame = np.tile(np.arange(160, dtype=np.uint8), (120, 1)) + 50
    mask = np.where(frame > 130, 2, 1).astype(np.uint8)
    return {
        'frames': {'co2': frame.copy(), 'ch4': frame.copy()},
        'masks': {'co2': mask.copy(), 'ch4': mask.copy()},
    }


def test_photometry_and_geometry_are_drawn_once_for_both_gases(
    sample: dict[str, Any],
) -> None:
    register_all_modules()
    pipeline = load_config(str(CONFIG)).train_dataloader.dataset.pipeline
    steps = [
        TRANSFORMS.build(step)
        for step in pipeline
        if step.type in ('DualGasAugment', 'RandomTriangleAffine')
    ]
    assert len(steps) == 3
    before, changed = sample['frames']['co2'].copy(), 0
    for seed in range(10):
        np.random.seed(seed)  # noqa: NPY002
        given = {key: dict(maps) for key, maps in sample.items()}
        for step in steps:
            given = step(given)
        for maps in given.values():
            assert np.array_equal(maps['co2'], maps['ch4'])
        changed += not np.array_equal(given['frames']['co2'], before)
    assert changed > 5


def test_the_affine_map_moves_masks_with_frames_and_leaves_black(
    sample: dict[str, Any],
) -> None:
    np.random.seed(0)  # noqa: NPY002
    frame, mask = (sample[key]['co2'].copy() for key in ('frames', 'masks'))
    out = RandomTriangleAffine(shift=20.0, prob=1.0)(sample)
    moved, labels = out['frames']['ch4'], out['masks']['ch4']
    assert not np.array_equal(moved, frame)
    assert (labels == 0).any() and (mask != 0).all()
    inside = labels == 2
    assert inside.any() and np.percentile(moved[inside], 5) > 125
    assert np.percentile(moved[labels == 1], 95) < 135
    same = RandomTriangleAffine(shift=20.0, prob=0.0)(out)
    assert same['frames']['ch4'] is moved
