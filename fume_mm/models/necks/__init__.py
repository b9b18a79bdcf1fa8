"""Necks: the two gases' features become one map per sample."""

from .fusion import AddFusion, AttentionFusion, ConcatFusion, FusionNeck, StackFusion
from .streams import mask_streams, scatter_streams

__all__ = [
    'AddFusion',
    'AttentionFusion',
    'ConcatFusion',
    'FusionNeck',
    'StackFusion',
    'mask_streams',
    'scatter_streams',
]
