"""Reading frames and masks, and deciding which gas to leave out."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from fume_mm.errors import UserError
from fume_mm.io.images import (
    check_mask_values,
    check_same_size,
    read_frame,
    read_mask_values,
)
from fume_mm.registry import TRANSFORMS
from fume_mm.structures import IGNORE, SEG_CLASSES


@TRANSFORMS.register_module()
class ModalityDropout(BaseTransform):
    """With probability ``prob`` leave one of the two gases out, each as often.

    Only samples that have both gases are touched. Placed before the loading, a gas that
    is left out is never decoded (FUME's recipe; there it was decoded, then zeroed).

    Args:
        prob: Probability that a gas is left out.
    """

    def __init__(self, prob: float) -> None:
        if not 0 <= prob <= 1:
            raise UserError(f'ModalityDropout.prob must lie in 0..1, not {prob}.')
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Drop a key of ``frame_paths`` and ``mask_paths``, or nothing."""
        gases = list(results['frame_paths'])
        if len(gases) < 2 or np.random.rand() >= self.prob:  # noqa: NPY002
            return results
        dropped = gases[np.random.randint(len(gases))]  # noqa: NPY002
        for key in ('frame_paths', 'mask_paths'):
            paths = results[key]
            results[key] = {gas: paths[gas] for gas in paths if gas != dropped}
        return results


@TRANSFORMS.register_module()
class LoadDualGasFrames(BaseTransform):
    """Read every frame the sample has, as :func:`fume_mm.io.images.read_frame` does.

    An entry of ``frame_paths`` may also be the frame itself, an array. Frames of more
    than 8 bits are stretched between their ``limits``, where the dataset has them.

    Raises:
        UserError: For what is no frame. It is never replaced by zeros.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``frames``, ``ori_shape`` and ``read_as``."""
        frames, handling = {}, {}
        limits = results.get('limits', {})
        decoded = results.get('decoded')
        for gas, frame in results['frame_paths'].items():
            read = read_frame
            if decoded and not isinstance(frame, np.ndarray):
                read = decoded.frame
            frames[gas], handling[gas] = read(
                frame, what=f'the {gas} frame', limits=limits.get(gas)
            )
        results['frames'] = frames
        results['ori_shape'] = {gas: frame.shape for gas, frame in frames.items()}
        results['read_as'] = handling
        return results


@TRANSFORMS.register_module()
class LoadDualGasMasks(BaseTransform):
    """Read the mask of every frame the sample has, as ``read_mask`` does.

    Pixels of 255 (a HUD, or unlabelled) keep this value and count in no loss or score;
    a frame without a mask (its path is empty) is all such.
    After :class:`ResizeDualGas` the masks stay at the size on disk, as evaluation wants
    them (mmsegmentation's convention).

    Raises:
        UserError: For a file that is no mask, a size that is not the frame's, or values
            that are neither 255 nor a class of the dataset.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``masks``."""
        results['masks'] = {}
        decoded = results.get('decoded')
        for gas, path in results['mask_paths'].items():
            shape = results['ori_shape'][gas]
            if path:
                mask = (decoded.mask if decoded else read_mask_values)(path)
                names = results.get('seg_classes', SEG_CLASSES)
                check_mask_values(mask, path, names)
                check_same_size(mask, path, shape)
            else:
                mask = np.full(shape, IGNORE, np.uint8)
            results['masks'][gas] = mask
        return results


def checked_scale(scale: Sequence[int] | None) -> tuple[int, int] | None:
    """A ``scale`` of a config as (width, height) in pixels; None if there is none.

    Raises:
        UserError: If it is anything but two whole numbers of at least 32.
    """
    if scale is None:
        return None
    sides = scale if isinstance(scale, (list, tuple)) else (scale,)
    if len(sides) != 2 or not all(isinstance(x, int) and x >= 32 for x in sides):
        raise UserError(
            f'scale must be (width, height), each at least 32 pixels, not {scale}.'
        )
    return sides[0], sides[1]


@TRANSFORMS.register_module()
class ResizeDualGas(BaseTransform):
    """Resize what has been loaded: frames bilinearly, masks to the nearest pixel.

    Args:
        scale: (width, height) in pixels; None is the ``scale`` of the dataset.

    Raises:
        UserError: If ``scale`` is no size, or neither it nor the dataset has one.
    """

    def __init__(self, scale: Sequence[int] | None = None) -> None:
        self.scale = checked_scale(scale)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize ``frames``, and ``masks`` where they are loaded."""
        scale = self.scale or results.get('scale')
        if scale is None:
            raise UserError(
                'ResizeDualGas: neither it nor the dataset has a scale; set '
                'dataset.scale=(width, height) in the config.'
            )
        ways = {'frames': cv2.INTER_LINEAR, 'masks': cv2.INTER_NEAREST}
        for key, interpolation in ways.items():
            for gas, image in results.get(key, {}).items():
                if image.shape[::-1] != scale:
                    image = cv2.resize(image, scale, interpolation=interpolation)
                results[key][gas] = image
        return results
