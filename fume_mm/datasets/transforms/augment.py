"""Albumentations on both gases; the only module that knows it.

It takes a second to import, so it is when the first transform is built.
"""

import os
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from fume_mm.errors import UserError
from fume_mm.registry import TRANSFORMS

from .warp import Warp, elastic_field

if TYPE_CHECKING:
    import albumentations as A

# albumentations asks the network for its newest version when it is imported
os.environ.setdefault('NO_ALBUMENTATIONS_UPDATE', '1')

#: What :class:`DualGasAugment` does in one resampling, in any order but for the last,
#: which must be last; and the settings that it knows.
_WARPS = ('HorizontalFlip', 'Affine', 'ElasticTransform')
_SETTINGS = {
    'interpolation': cv2.INTER_LINEAR,
    'mask_interpolation': cv2.INTER_NEAREST,
    'border_mode': cv2.BORDER_CONSTANT,
    'fill': 0,
    'fill_mask': 0,
    'fit_output': False,
    'approximate': False,
    'same_dxdy': False,
    'noise_distribution': 'gaussian',
}
_LEVELS = np.arange(256, dtype=np.uint8).reshape(1, 256, 1)
_LEVELS.flags.writeable = False


def build_albumentation(cfg: dict[str, Any], *, key: str) -> 'A.BasicTransform':
    """An Albumentations transform from ``dict(type=name, …)``, nested where it nests.

    Raises:
        UserError: Naming ``key`` for an unknown name or argument.
    """
    import albumentations as A

    options = dict(cfg)
    name = options.pop('type', None)
    factory = getattr(A, str(name), None)
    if factory is None:
        raise UserError(f'{key}: albumentations has no transform {name!r}.')
    if 'transforms' in options:
        options['transforms'] = _built(options['transforms'], f'{key}.{name}')
    try:
        return factory(**options)
    except (TypeError, ValueError) as error:
        raise UserError(f'{key}.{name}: {error}') from error


def _built(cfgs: Sequence[dict[str, Any]], key: str) -> 'list[A.BasicTransform]':
    return [build_albumentation(cfg, key=key) for cfg in cfgs]


@TRANSFORMS.register_module()
class DualGasAugment(BaseTransform):
    """Albumentations: geometry shared by both gases and masks, photometry per gas.

    Draws from NumPy's global generator, so a seeded worker repeats itself.

    Albumentations draws all parameters. What it would do step by step is done at once
    where that is the same and quicker: flips, affine maps and an elastic field at the
    end resample once (:mod:`.warp`), and steps that look at no pixel's neighbours
    become one table of 256 gray levels.

    Args:
        geometric: Transforms applied alike to every frame and mask.
        photometric: Transforms drawn anew for each gas: two cameras do not share their
            noise or gain.

    Raises:
        UserError: For an unknown transform or argument, or, in use, for frames of
            different sizes.
    """

    def __init__(
        self,
        geometric: Sequence[dict[str, Any]] = (),
        *,
        photometric: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.geometric = _built(geometric, 'DualGasAugment.geometric')
        self.photometric = _built(photometric, 'DualGasAugment.photometric')
        self._compose: Any = None  # an albumentations.Compose
        if not _is_warp(self.geometric):
            import albumentations as A

            targets = {'image2': 'image', 'mask2': 'mask'}
            self._compose = A.Compose(self.geometric, additional_targets=targets)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Augment ``frames`` and ``masks``."""
        frames, masks = results['frames'], results['masks']
        if len({image.shape for image in (*frames.values(), *masks.values())}) > 1:
            raise UserError(
                f'{results.get("sample_id")}: its frames differ in size; put '
                "dict(type='ResizeDualGas') before DualGasAugment in the pipeline."
            )
        seed = int(np.random.randint(2**31))  # noqa: NPY002
        state = np.random.default_rng(seed), random.Random(seed)
        for transform in (*self.geometric, *self.photometric, self._compose):
            if transform is not None:
                transform.set_random_state(*state)
        if self._compose is None:
            self._warp(frames, masks, rng=state[0])
        else:
            _step_by_step(self._compose, frames, masks)
        for gas, frame in frames.items():
            frames[gas] = self._expose(frame)
        return results

    def _warp(
        self,
        frames: dict[str, np.ndarray],
        masks: dict[str, np.ndarray],
        *,
        rng: np.random.Generator,
    ) -> None:
        shape = next(iter(frames.values())).shape
        matrix, field = np.eye(3), None
        for transform in self.geometric:
            if not transform.should_apply():
                continue
            kind = _name(transform)
            if kind == 'ElasticTransform':
                options = {'alpha': transform.alpha, 'sigma': transform.sigma}
                field = elastic_field(shape, rng=rng, **options)
            elif kind == 'HorizontalFlip':
                matrix = matrix @ [[-1, 0, shape[1] - 1], [0, 1, 0], [0, 0, 1]]
            else:
                drawn = transform.get_params_dependent_on_data({'shape': shape}, {})
                matrix = matrix @ np.linalg.inv(drawn['matrix'])
        warp = Warp(shape, matrix, field)
        for gas in frames:
            frames[gas] = warp(frames[gas], cv2.INTER_LINEAR)
            masks[gas] = warp(masks[gas], cv2.INTER_NEAREST)

    def _expose(self, frame: np.ndarray) -> np.ndarray:
        levels = _LEVELS
        for transform in self.photometric:
            if _is_by_level(transform):
                levels = transform(image=levels)['image']
                continue
            frame, levels = _looked_up(frame, levels), _LEVELS
            frame = transform(image=frame[..., None])['image']
            frame = np.ascontiguousarray(frame.reshape(frame.shape[:2]))
        return _looked_up(frame, levels)


def _step_by_step(
    compose: 'A.Compose', frames: dict[str, np.ndarray], masks: dict[str, np.ndarray]
) -> None:
    suffixes = dict(zip(frames, ('', '2'), strict=False))
    targets = {}
    for gas, suffix in suffixes.items():
        targets[f'image{suffix}'] = frames[gas][..., None]
        targets[f'mask{suffix}'] = masks[gas]
    out = compose(**targets)
    for gas, suffix in suffixes.items():
        frames[gas] = np.ascontiguousarray(out[f'image{suffix}'][..., 0])
        masks[gas] = np.ascontiguousarray(out[f'mask{suffix}'])


def _name(transform: 'A.BasicTransform') -> str:
    return type(transform).__name__


def _is_warp(transforms: 'Sequence[A.BasicTransform]') -> bool:
    """Whether the transforms are one resampling, with the settings that it has."""
    return all(
        _name(transform) in (_WARPS if number == len(transforms) else _WARPS[:-1])
        and all(getattr(transform, x, value) == value for x, value in _SETTINGS.items())
        for number, transform in enumerate(transforms, 1)
    )


def _is_by_level(transform: 'A.BasicTransform') -> bool:
    """Whether what becomes of a pixel depends on its gray level alone."""
    if _name(transform) == 'RandomBrightnessContrast':
        return transform.brightness_by_max  # else the frame's mean
    return _name(transform) in ('RandomGamma', 'InvertImg')


def _looked_up(frame: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The frame, (H, W), with each gray level as the table has it."""
    return frame if levels is _LEVELS else cv2.LUT(frame, levels.reshape(256))
