"""Encoders: a frame (N, 1, H, W) in, a tuple of feature maps out."""

from .dual_stream import DualStreamBackbone
from .fast_scnn import FastSCNNEncoder

__all__ = ['DualStreamBackbone', 'FastSCNNEncoder']
