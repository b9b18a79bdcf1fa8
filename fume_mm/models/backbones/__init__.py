"""Encoders, a frame in and a tuple of maps out, and what runs them per gas."""

from .dual_stream import DualStreamBackbone
from .efficientnet_lite import EfficientNetLite
from .fast_scnn import FastSCNNEncoder
from .joint import JOINT, EarlyFusionBackbone, JointBackbone

__all__ = [
    'JOINT',
    'DualStreamBackbone',
    'EarlyFusionBackbone',
    'EfficientNetLite',
    'FastSCNNEncoder',
    'JointBackbone',
]
