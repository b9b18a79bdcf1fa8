"""Reading frames and masks, and deciding which gas to leave out."""

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from fume_mm.errors import UserError
from fume_mm.registry import TRANSFORMS

from ..annotations import check_mask_values


@TRANSFORMS.register_module()
class ModalityDropout(BaseTransform):
    """With probability ``prob`` leave one of the two gases out, each as often.

    Only samples that have both gases are touched. Placed before the loading, a gas that
    is left out is never decoded (FUME's recipe; there it was decoded, then zeroed).

    Args:
        prob: Probability that a gas is left out.
    """

    def __init__(self, prob: float = 0.2) -> None:
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
    """Read every frame the sample has, one channel of 8 bits.

    Raises:
        UserError: For a file that does not decode. It is never replaced by zeros.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``frames`` and ``ori_shape``."""
        frames = {}
        for gas, path in results['frame_paths'].items():
            frame = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
            if frame is None:
                raise UserError(
                    f'{path}: cannot be decoded as an image; restore the file or '
                    'remove its row from the annotations.'
                )
            frames[gas] = frame
        results['frames'] = frames
        results['ori_shape'] = {gas: frame.shape for gas, frame in frames.items()}
        return results


@TRANSFORMS.register_module()
class LoadDualGasMasks(BaseTransform):
    """Read the mask of every frame the sample has.

    Pixels of 255 (a HUD, or unlabelled) keep this value and count in no loss or score.
    After :class:`ResizeDualGas` the masks stay at the size on disk, as evaluation wants
    them (mmsegmentation's convention).

    Raises:
        UserError: For a file that does not decode to one channel, a size that is not
            the frame's, or values outside {0, 1, 2, 255}.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``masks``."""
        masks = {}
        for gas, path in results['mask_paths'].items():
            mask = cv2.imread(path, cv2.IMREAD_UNCHANGED)
            if mask is None or mask.ndim != 2:
                raise UserError(
                    f'{path}: is not a one-channel image; masks are 8-bit PNGs with '
                    'the values 0 background, 1 tube, 2 gas, 255 ignored.'
                )
            if mask.shape != results['ori_shape'][gas]:
                frame = results['ori_shape'][gas]
                raise UserError(
                    f'{path}: the mask is {mask.shape[1]}x{mask.shape[0]} pixels, its '
                    f'frame {frame[1]}x{frame[0]}; export the mask again at the size '
                    'of the frame.'
                )
            check_mask_values(mask, path)
            masks[gas] = mask
        results['masks'] = masks
        return results


@TRANSFORMS.register_module()
class ResizeDualGas(BaseTransform):
    """Resize what has been loaded: frames bilinearly, masks to the nearest pixel.

    Args:
        scale: (width, height) in pixels.
    """

    def __init__(self, scale: tuple[int, int]) -> None:
        if len(scale) != 2 or min(scale) < 32:
            raise UserError(
                f'ResizeDualGas.scale must be (width, height), each at least 32, not '
                f'{scale}.'
            )
        self.scale = tuple(scale)

    def _resize(self, image: np.ndarray, interpolation: int) -> np.ndarray:
        if image.shape[::-1] == self.scale:
            return image
        return cv2.resize(image, self.scale, interpolation=interpolation)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Resize ``frames``, and ``masks`` where they are loaded."""
        ways = {'frames': cv2.INTER_LINEAR, 'masks': cv2.INTER_NEAREST}
        for key, interpolation in ways.items():
            for gas, image in results.get(key, {}).items():
                results[key][gas] = self._resize(image, interpolation)
        return results
