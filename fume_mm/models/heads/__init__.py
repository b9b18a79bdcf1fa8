"""Heads: a mask per gas, a health class per sample."""

from .deeplabv3plus_head import DeepLabV3PlusHead
from .fast_scnn_head import FastSCNNHead
from .gas_aware_head import GasAwareHealthHead
from .health_head import HealthHead
from .mask_head import MaskHead
from .plume_health_head import PlumeHealthHead
from .segmentation_head import SegmentationHead

__all__ = [
    'DeepLabV3PlusHead',
    'FastSCNNHead',
    'GasAwareHealthHead',
    'HealthHead',
    'MaskHead',
    'PlumeHealthHead',
    'SegmentationHead',
]
