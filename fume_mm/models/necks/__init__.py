"""Necks: the two gases' features become one map per sample."""

from .fusion import AddFusion, AttentionFusion, ConcatFusion, FusionNeck, StackFusion

__all__ = [
    'AddFusion',
    'AttentionFusion',
    'ConcatFusion',
    'FusionNeck',
    'StackFusion',
]
