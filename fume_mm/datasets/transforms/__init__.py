"""Transforms of one sample. What they hand on, and in which keys, is stated here.

========== ======================================================= ====================
key        value                                                   set by
========== ======================================================= ====================
sample_id  str                                                     dataset
groups     tuple of str: vessels or runs of the frames             dataset
ph_value   float                                                   dataset
class_id   int                                                     dataset
frame_paths, mask_paths  dict by gas of str; absent gases are not keys  dataset
           (a frame may be an array in place of its path)
limits     dict by gas of (low, high), the values that become 0 and 255,
           of frames of more than 8 bits; may be missing           dataset
scale      (width, height) that frames are brought to, or None     dataset
decoded    DecodedFiles to read through, or None; may be missing   dataset
frames     dict by gas of (H, W) uint8                             LoadDualGasFrames
masks      dict by gas of (H, W) uint8, values 0, 1, 2, 255 ignored  LoadDualGasMasks
ori_shape  dict by gas of (H, W) on disk                           LoadDualGasFrames
read_as    dict by gas of what was done to read the frame, or None LoadDualGasFrames
========== ======================================================= ====================
"""

from .augment import DualGasAugment
from .loading import (
    LoadDualGasFrames,
    LoadDualGasMasks,
    ModalityDropout,
    ResizeDualGas,
)
from .packing import PackDualGasInputs
from .test_time_aug import DualGasTestTimeAug
from .triangle_affine import RandomTriangleAffine

__all__ = [
    'DualGasAugment',
    'DualGasTestTimeAug',
    'LoadDualGasFrames',
    'LoadDualGasMasks',
    'ModalityDropout',
    'PackDualGasInputs',
    'RandomTriangleAffine',
    'ResizeDualGas',
]
