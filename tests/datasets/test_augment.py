"""Augmentation: the quick way is the transforms' own, and gases and masks agree."""

import random
from typing import Any

import albumentations as A
import cv2
import numpy as np
import pytest
from albumentations.augmentations.geometric import functional

from fume_mm.datasets.transforms import DualGasAugment
from fume_mm.datasets.transforms.warp import Warp, elastic_field
from fume_mm.errors import UserError

SHAPE = (96, 128)
FLIP = {'type': 'HorizontalFlip', 'p': 0.5}
AFFINE = {
    'type': 'Affine',
    'translate_percent': (-0.1, 0.1),
    'scale': (0.85, 1.15),
    'rotate': (-15, 15),
    'p': 1,
}
ELASTIC = {'type': 'ElasticTransform', 'alpha': 200, 'sigma': 6, 'p': 1}
LEVELS = [
    {'type': 'RandomBrightnessContrast', 'p': 0.5},
    {'type': 'InvertImg', 'p': 0.5},
    {'type': 'RandomGamma', 'p': 0.5},
]
BLUR = {'type': 'GaussianBlur', 'blur_limit': (3, 7), 'p': 0.5}


def blobs(seed: int = 0) -> np.ndarray:
    """Smooth classes 0 and 1, (H, W) uint8."""
    noise = np.random.default_rng(seed).standard_normal(SHAPE, np.float32)
    return (cv2.GaussianBlur(noise, (0, 0), 5) > 0).astype(np.uint8)


def sample(gases: tuple[str, ...] = ('co2', 'ch4')) -> dict[str, Any]:
    masks = {gas: blobs(i) for i, gas in enumerate(gases)}
    return {'frames': {gas: 200 * mask for gas, mask in masks.items()}, 'masks': masks}


def augmented(geometric: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    np.random.seed(seed)  # noqa: NPY002
    return DualGasAugment(geometric).transform(sample())


@pytest.mark.parametrize(
    'geometric',
    [[FLIP], [FLIP, AFFINE], [ELASTIC], [AFFINE, FLIP, ELASTIC]],
    ids=lambda geometric: '+'.join(x['type'] for x in geometric),
)
def test_frames_and_masks_of_both_gases_move_alike(
    geometric: list[dict[str, Any]],
) -> None:
    moved = 0
    for seed in range(6):
        out = augmented(geometric, seed)
        for gas, mask in out['masks'].items():
            assert mask.dtype == out['frames'][gas].dtype == np.uint8
            assert set(np.unique(mask)) <= {0, 1}
            # the nearest of four pixels has a quarter of the weight, or more
            assert abs(out['frames'][gas] - 200.0 * mask).max() <= 151
            moved += (mask != sample()['masks'][gas]).any()
        same = sample()
        same['frames']['ch4'], same['masks']['ch4'] = (
            same[key]['co2'].copy() for key in ('frames', 'masks')
        )
        np.random.seed(seed)  # noqa: NPY002
        DualGasAugment(geometric).transform(same)
        for key in ('frames', 'masks'):
            assert (same[key]['ch4'] == out[key]['co2']).all()
    assert moved >= 4


def test_an_affine_map_is_albumentations_own() -> None:
    options = {'rotate': (10, 10), 'scale': (1.1, 1.1), 'translate_px': (5, 5), 'p': 1}
    results = sample()
    theirs = A.Affine(**options)(
        image=results['frames']['co2'][..., None], mask=results['masks']['co2']
    )
    DualGasAugment([{'type': 'Affine', **options}]).transform(results)
    frame = theirs['image'][..., 0]
    assert (results['frames']['co2'] != frame).mean() < 0.01  # last bits
    assert (results['masks']['co2'] != theirs['mask']).mean() < 0.001


def test_one_resampling_is_flip_then_affine_then_elastic() -> None:
    image = cv2.GaussianBlur(200 * blobs(), (0, 0), 3)
    flip = np.array([[-1, 0, SHAPE[1] - 1], [0, 1, 0], [0, 0, 1]])
    affine = np.array([[0.8, 0.05, 8], [-0.05, 0.8, 10], [0, 0, 1]])  # looks inside
    field = elastic_field(SHAPE, alpha=200, sigma=6, rng=np.random.default_rng(0))
    once = Warp(SHAPE, flip @ affine, field)(image, cv2.INTER_LINEAR)
    steps = image[:, ::-1]
    for step in (Warp(SHAPE, affine), Warp(SHAPE, np.eye(3), field)):
        steps = step(np.ascontiguousarray(steps), cv2.INTER_LINEAR)
    assert abs(once.astype(int) - steps)[10:-10, 10:-10].max() <= 4
    swapped = Warp(SHAPE, affine @ flip, field)(image, cv2.INTER_LINEAR)
    assert abs(swapped.astype(int) - steps)[10:-10, 10:-10].max() > 50


@pytest.mark.parametrize(('alpha', 'sigma'), [(30, 6), (100, 1), (60, 8.5)])
def test_the_elastic_field_is_as_strong_and_smooth_as_albumentations(
    alpha: float, sigma: float
) -> None:
    rng = np.random.default_rng(1)
    ours, theirs = [], []
    identity = np.stack(np.meshgrid(*map(np.arange, SHAPE[::-1])))
    for _ in range(40):
        warp = Warp(
            SHAPE, np.eye(3), elastic_field(SHAPE, alpha=alpha, sigma=sigma, rng=rng)
        )
        ours.append(np.stack(warp.maps) - identity)
        theirs.append(
            functional.generate_displacement_fields(
                SHAPE,
                alpha,
                sigma,
                same_dxdy=False,
                kernel_size=(0, 0),
                random_generator=rng,
                noise_distribution='gaussian',
            )
        )
    # without the edges, where their blur repeats the last pixel's number
    edge = int(3 * sigma)
    fields = np.array([ours, theirs])[..., edge:-edge, edge:-edge]
    power = (fields**2).mean(axis=(1, 2, 3, 4))
    assert power[0] ** 0.5 == pytest.approx(power[1] ** 0.5, rel=0.06)
    for distance in {round(sigma), round(2 * sigma)}:
        products = fields[..., distance:] * fields[..., :-distance]
        correlation = products.mean(axis=(1, 2, 3, 4)) / power
        assert correlation[0] == pytest.approx(correlation[1], abs=0.04)
        assert correlation[0] == pytest.approx(
            np.exp(-((distance / sigma) ** 2) / 4), abs=0.04
        )
    x, y = np.moveaxis(fields[0], 1, 0)
    assert abs((x * y).mean() / power[0]) < 0.05


def test_steps_by_gray_level_give_what_they_give_one_by_one() -> None:
    photometric = [LEVELS[0], BLUR, *LEVELS[1:]]
    frame = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    augment = DualGasAugment(photometric=photometric)
    changed = 0
    for seed in range(12):
        np.random.seed(seed)  # noqa: NPY002
        out = augment.transform({'frames': {'co2': frame}, 'masks': {'co2': blobs()}})
        np.random.seed(seed)  # noqa: NPY002
        seed_of_draws = int(np.random.randint(2**31))  # noqa: NPY002
        state = np.random.default_rng(seed_of_draws), random.Random(seed_of_draws)
        twin = DualGasAugment(photometric=photometric)
        expected = frame[..., None]
        for transform in twin.photometric:
            transform.set_random_state(*state)
            expected = transform(image=expected)['image']
        assert (out['frames']['co2'] == expected[..., 0]).all()
        assert (out['masks']['co2'] == blobs()).all()
        changed += (out['frames']['co2'] != frame).any()
    assert changed >= 8


def test_brightness_by_the_frames_mean_sees_the_frame() -> None:
    step = {**LEVELS[0], 'brightness_limit': (0.5, 0.5), 'contrast_limit': (0, 0)}
    step |= {'brightness_by_max': False, 'p': 1}
    frame = np.full(SHAPE, 40, np.uint8)
    results = {'frames': {'co2': frame}, 'masks': {'co2': blobs()}}
    assert (
        DualGasAugment(photometric=[step]).transform(results)['frames']['co2'] == 60
    ).all()


@pytest.mark.parametrize(
    'geometric',
    [
        [{**AFFINE, 'fill': 9}],
        [{**ELASTIC, 'same_dxdy': True}],
        [ELASTIC, FLIP],
        [{'type': 'Rotate', 'limit': 12, 'p': 1}],
    ],
    ids=str,
)
def test_other_geometry_is_left_to_albumentations(
    geometric: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Warp, '__call__', None)
    out = augmented(geometric, 0)
    assert (out['masks']['co2'] != sample()['masks']['co2']).any()
    assert (augmented(geometric, 0)['frames']['ch4'] == out['frames']['ch4']).all()
    assert (augmented(geometric, 1)['frames']['ch4'] != out['frames']['ch4']).any()


def test_frames_of_different_sizes_are_refused() -> None:
    results = sample() | {'sample_id': 'v1_f0'}
    results['frames']['ch4'] = results['frames']['ch4'][1:]
    with pytest.raises(UserError, match=r"v1_f0: its frames differ .*'ResizeDualGas'"):
        DualGasAugment([FLIP]).transform(results)
