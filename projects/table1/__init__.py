"""The "T1" nets: what FUME's Table 1 reports under the names of published nets."""

from .bisenetv2 import BiSeNetV2T1
from .cmx import CMXT1
from .danet import DANetT1
from .ddrnet_slim import DDRNetSlimT1
from .enet import ENetT1
from .espnetv2 import ESPNetV2T1
from .mti_net import MTINetT1
from .parts import StackedConvFusion, T1Backbone, T1MaskHead
from .rtfnet import RTFNetT1

__all__ = [
    'CMXT1',
    'BiSeNetV2T1',
    'DANetT1',
    'DDRNetSlimT1',
    'ENetT1',
    'ESPNetV2T1',
    'MTINetT1',
    'RTFNetT1',
    'StackedConvFusion',
    'T1Backbone',
    'T1MaskHead',
]
