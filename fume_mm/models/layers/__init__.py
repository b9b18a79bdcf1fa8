"""Blocks that encoders, necks and heads are made of."""

from .attention import (
    ChannelAttention,
    CrossModalAttention,
    PositionAttention,
    SpatialSelfAttention,
)
from .conv import (
    ConvNormAct,
    DepthwiseSeparableConv,
    PyramidPooling,
    depthwise,
    enlarge,
    pool_to_bins,
)
from .norm import SingleFrameBN, norm_layer, norm_or_default, set_norms

__all__ = [
    'ChannelAttention',
    'ConvNormAct',
    'CrossModalAttention',
    'DepthwiseSeparableConv',
    'PositionAttention',
    'PyramidPooling',
    'SingleFrameBN',
    'SpatialSelfAttention',
    'depthwise',
    'enlarge',
    'norm_layer',
    'norm_or_default',
    'pool_to_bins',
    'set_norms',
]
