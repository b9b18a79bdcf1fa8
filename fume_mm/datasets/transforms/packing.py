"""The last transform: arrays to tensors and a data sample."""

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from fume_mm.registry import TRANSFORMS
from fume_mm.structures import GASES, NO_CLASS, DualGasDataSample


@TRANSFORMS.register_module()
class PackDualGasInputs(BaseTransform):
    """``inputs``: dict by gas of (1, H, W) uint8; ``data_samples``: the sample.

    Masks are (1, H, W) uint8, too: an eighth of int64 on the way to the model.
    A gas the sample lacks is in neither, a health class it lacks not in the sample.
    """

    META = ('sample_id', 'groups', 'ph_value', 'mask_paths', 'read_as', 'limits')

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pack ``frames``, ``masks`` and the health class."""
        meta = {key: results[key] for key in self.META if key in results}
        # pixels have no place in the metainfo
        paths = {
            gas: None if isinstance(frame, np.ndarray) else frame
            for gas, frame in results['frame_paths'].items()
        }
        sample = _tell(DualGasDataSample(), {**meta, 'frame_paths': paths})
        inputs = {}
        for gas in GASES:
            if gas not in results['frames']:
                continue
            frame = results['frames'][gas]
            inputs[gas] = torch.from_numpy(frame)[None]
            shapes = {'img_shape': frame.shape, 'ori_shape': results['ori_shape'][gas]}
            part = _tell(SegDataSample(), {'img_path': paths[gas], **shapes})
            if 'masks' in results:
                mask = torch.from_numpy(results['masks'][gas])[None]
                part.gt_sem_seg = PixelData(data=mask)
            sample.set_gas(gas, part)
        if results.get('class_id', NO_CLASS) != NO_CLASS:
            sample.set_gt_health(results['class_id'])
        return {'inputs': inputs, 'data_samples': sample}


def _tell(element: Any, meta: dict[str, Any]) -> Any:
    """The element with ``meta``, of which its ``set_metainfo`` makes deep copies."""
    for key, value in meta.items():
        element.set_field(value, key, field_type='metainfo')
    return element
