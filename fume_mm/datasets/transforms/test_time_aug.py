"""Several views of a sample, for test-time augmentation."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from fume_mm.errors import UserError
from fume_mm.registry import TRANSFORMS

from .packing import PackDualGasInputs


@TRANSFORMS.register_module()
class DualGasTestTimeAug(BaseTransform):
    """The last transform of a ``tta_pipeline``: packs each of several views.

    What a view does to its frames is in its sample's metainfo ``view``:
    ``flip`` (bool), ``canvas`` (H, W) of the enlarged frame and ``corner`` (top, left)
    of the crop in it, by gas; no ``canvas`` where the whole frame is seen.
    :class:`~fume_mm.models.tta_model.DualGasTTAModel` undoes it.

    Args:
        views: Of each view the options: ``flip`` mirrors left and right; ``zoom``
            (width, height) enlarges by these factors, then cuts the centre out at the
            frame's size. FUME's views are ``dict()``, ``dict(flip=True)`` and
            ``dict(zoom=(672 / 640, 512 / 480))``. The first must show the whole frame:
            it has the truth, and the sample's size.
    """

    def __init__(self, views: Sequence[dict[str, Any]]) -> None:
        self.views = [_checked(view, number) for number, view in enumerate(views)]
        if not views or 'zoom' in self.views[0]:
            raise UserError(
                'DualGasTestTimeAug.views must begin with a view of the whole frame, '
                'such as dict().'
            )
        self._pack = PackDualGasInputs()

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """``inputs`` and ``data_samples``, a list with an entry per view each."""
        unlabelled = {key: value for key, value in results.items() if key != 'masks'}
        packed = [
            self._view(dict(unlabelled if number else results), view)
            for number, view in enumerate(self.views)
        ]
        return {key: [item[key] for item in packed] for key in packed[0]}

    def _view(self, results: dict[str, Any], view: dict[str, Any]) -> dict[str, Any]:
        info: dict[str, Any] = {'flip': view.get('flip', False)}
        frames = dict(results['frames'])
        if 'zoom' in view:
            info |= {'canvas': {}, 'corner': {}}
            for gas, frame in frames.items():
                frames[gas], info['canvas'][gas], info['corner'][gas] = zoomed(
                    frame, view['zoom']
                )
            # predicted at the crop's own size: the disk's is that of the whole frame
            results['ori_shape'] = {gas: frame.shape for gas, frame in frames.items()}
        if info['flip']:
            frames = {g: np.ascontiguousarray(frames[g][:, ::-1]) for g in frames}
        results['frames'] = frames
        item = self._pack(results)
        item['data_samples'].set_metainfo({'view': info})
        return item


def zoomed(
    frame: np.ndarray, zoom: Sequence[float]
) -> tuple[np.ndarray, tuple[int, int], tuple[int, int]]:
    """Enlarge a frame and cut its centre out.

    Args:
        frame: (H, W) uint8.
        zoom: Factors of width and height, each at least 1.

    Returns:
        The crop (H, W), the size (H, W) of the enlarged frame and the (top, left)
        corner of the crop in it.
    """
    height, width = frame.shape
    canvas = round(height * zoom[1]), round(width * zoom[0])
    large = cv2.resize(frame, canvas[::-1], interpolation=cv2.INTER_LINEAR)
    top, left = (canvas[0] - height) // 2, (canvas[1] - width) // 2
    crop = large[top : top + height, left : left + width]
    return np.ascontiguousarray(crop), canvas, (top, left)


def _checked(view: dict[str, Any], number: int) -> dict[str, Any]:
    name = f'DualGasTestTimeAug.views[{number}]'
    unknown = set(view) - {'flip', 'zoom'}
    if unknown:
        raise UserError(
            f'{name} has the unknown key {sorted(unknown)[0]!r}; a view has flip and '
            'zoom.'
        )
    zoom = view.get('zoom', (1, 1))
    if len(zoom) != 2 or min(zoom) < 1:
        raise UserError(
            f'{name}.zoom must be factors (width, height) of at least 1, not '
            f'{tuple(zoom)}.'
        )
    return dict(view)
