"""Albumentations on both gases; the only module that knows it.

It takes a second to import, so it is when the first transform is built.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from mmcv.transforms import BaseTransform

from fume_mm.errors import UserError
from fume_mm.registry import TRANSFORMS

if TYPE_CHECKING:
    import albumentations as A

# albumentations asks the network for its newest version when it is imported
os.environ.setdefault('NO_ALBUMENTATIONS_UPDATE', '1')


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

    Args:
        geometric: Transforms applied alike to every frame and mask.
        photometric: Transforms drawn anew for each gas: two cameras do not share their
            noise or gain.
    """

    def __init__(
        self,
        geometric: Sequence[dict[str, Any]] = (),
        *,
        photometric: Sequence[dict[str, Any]] = (),
    ) -> None:
        import albumentations as A

        self.geometric = A.Compose(
            _built(geometric, 'DualGasAugment.geometric'),
            additional_targets={'image2': 'image', 'mask2': 'mask'},
        )
        self.photometric = A.Compose(_built(photometric, 'DualGasAugment.photometric'))

    @staticmethod
    def _reseed(compose: 'A.Compose') -> None:
        compose.set_random_seed(int(np.random.randint(2**31)))  # noqa: NPY002

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Augment ``frames`` and ``masks``."""
        frames, masks = results['frames'], results['masks']
        suffixes = dict(zip(frames, ('', '2'), strict=False))
        targets = {}
        for gas, suffix in suffixes.items():
            targets[f'image{suffix}'] = frames[gas][..., None]
            targets[f'mask{suffix}'] = masks[gas]
        self._reseed(self.geometric)
        out = self.geometric(**targets)
        for gas, suffix in suffixes.items():
            self._reseed(self.photometric)
            image = self.photometric(image=out[f'image{suffix}'])['image']
            frames[gas] = np.ascontiguousarray(image.reshape(image.shape[:2]))
            masks[gas] = np.ascontiguousarray(out[f'mask{suffix}'])
        return results
